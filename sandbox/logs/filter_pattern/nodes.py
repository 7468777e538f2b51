"""The tree of a filter pattern; str() of a node is its pattern syntax."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Name:
    name: str

    def __str__(self) -> str:
        return f".{self.name}" if _PLAIN_NAME.fullmatch(self.name) else f".['{self.name}']"


@dataclass(frozen=True, slots=True)
class Index:
    index: int

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclass(frozen=True, slots=True)
class AnyName:
    def __str__(self) -> str:
        return ".*"


@dataclass(frozen=True, slots=True)
class AnyElement:
    def __str__(self) -> str:
        return "[*]"


type Step = Name | Index | AnyName | AnyElement


@dataclass(frozen=True, slots=True)
class Selector:
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "$" + "".join(str(step) for step in self.steps)


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    GREATER = ">"
    LESS_OR_EQUAL = "<="
    GREATER_OR_EQUAL = ">="


class Constant(StrEnum):
    NULL = "NULL"
    TRUE = "TRUE"
    FALSE = "FALSE"


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `*` as its first or last character is a wildcard, quoted or not."""

    text: str

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Number:
    number: Decimal

    def __str__(self) -> str:
        return str(self.number).lower()


@dataclass(frozen=True, slots=True)
class NumberWildcard:
    """Unquoted `*`, or digits with a wildcard, as in `4*`: may stand for a string or a number."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Regex:
    source: str

    def __str__(self) -> str:
        return f"%{self.source}%"


type Value = Text | Number | NumberWildcard | Regex


@dataclass(frozen=True, slots=True)
class Comparison:
    selector: Selector
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.selector} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class IsConstant:
    selector: Selector
    constant: Constant

    def __str__(self) -> str:
        return f"{self.selector} IS {self.constant}"


@dataclass(frozen=True, slots=True)
class NotExists:
    selector: Selector

    def __str__(self) -> str:
        return f"{self.selector} NOT EXISTS"


@dataclass(frozen=True, slots=True)
class And:
    """Two operands or more."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " && ".join(
            f"({operand})" if isinstance(operand, And | Or) else str(operand)
            for operand in self.operands
        )


@dataclass(frozen=True, slots=True)
class Or:
    """Two operands or more."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " || ".join(
            f"({operand})" if isinstance(operand, Or) else str(operand) for operand in self.operands
        )


type Expression = Comparison | IsConstant | NotExists | And | Or

"""The syntax tree of a filter pattern; str() of a node is its syntax."""

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
class ArrayIndex:
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


type Step = Name | ArrayIndex | AnyName | AnyElement


@dataclass(frozen=True, slots=True)
class PropertySelector:
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "$" + "".join(str(step) for step in self.steps)


class ComparisonOperator(StrEnum):
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
class StringValue:
    """A string; a first or last `*` is a wildcard, quoted or not."""

    text: str

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class NumberValue:
    number: Decimal

    def __str__(self) -> str:
        return str(self.number).lower()


@dataclass(frozen=True, slots=True)
class NumberWildcard:
    """Unquoted `*`, or digits with a wildcard such as `4*`: matches strings and numbers."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class RegexValue:
    source: str

    def __str__(self) -> str:
        return f"%{self.source}%"


type Value = StringValue | NumberValue | NumberWildcard | RegexValue


@dataclass(frozen=True, slots=True)
class ValueComparison:
    selector: PropertySelector
    operator: ComparisonOperator
    value: Value

    def __str__(self) -> str:
        return f"{self.selector} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class IsConstant:
    selector: PropertySelector
    constant: Constant

    def __str__(self) -> str:
        return f"{self.selector} IS {self.constant}"


@dataclass(frozen=True, slots=True)
class NotExists:
    selector: PropertySelector

    def __str__(self) -> str:
        return f"{self.selector} NOT EXISTS"


@dataclass(frozen=True, slots=True)
class And:
    """At least two operands."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " && ".join(
            f"({operand})" if isinstance(operand, And | Or) else str(operand)
            for operand in self.operands
        )


@dataclass(frozen=True, slots=True)
class Or:
    """At least two operands."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " || ".join(
            f"({operand})" if isinstance(operand, Or) else str(operand) for operand in self.operands
        )


type Expression = ValueComparison | IsConstant | NotExists | And | Or

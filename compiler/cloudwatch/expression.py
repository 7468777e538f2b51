"""A JSON filter pattern of CloudWatch Logs as a tree, and how it is written.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-JSON.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

PATTERN_CHARACTERS = 1024  # the longest pattern that PutMetricFilter takes
MOST_REGEXES = 2  # in one pattern

type Operator = Literal["=", "!=", "<", "<=", ">", ">=", "IS", "NOT EXISTS"]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED_NAME = re.compile(r"[ !#$&()+,/:;<=>?@A-Za-z0-9^_`{|}~-]+")
_NEEDS_NO_QUOTES = re.compile(
    r'"(?!(?:NULL|TRUE|FALSE|IS|NOT|EXISTS)")([A-Za-z][A-Za-z0-9]*)"'  # words of the language do
)


class UnsayableError(ValueError):
    """The pattern language has no words for what a rule says of a field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Term:
    """What is said of one field. The value is as written: quoted, `%regex%`, a number, a word."""

    field: str  # dotted path into the CloudTrail record
    operator: Operator
    value: str = ""

    @property
    def is_regex(self) -> bool:
        return self.value.startswith("%")


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Expression, ...]  # two or more, none of them an Every


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Expression, ...]  # two or more, none of them an Either


type Expression = Term | Every | Either


def every(parts: Iterable[Expression]) -> Expression:
    return _joined(Every, parts)


def either(parts: Iterable[Expression]) -> Expression:
    return _joined(Either, parts)


def terms(expression: Expression) -> Iterator[Term]:
    if isinstance(expression, Term):
        yield expression
    else:
        for part in expression.parts:
            yield from terms(part)


def regexes(expression: Expression) -> list[Term]:
    return [term for term in terms(expression) if term.is_regex]


def fitting(expression: Expression) -> str | None:
    """The pattern in braces, tight only if need be; None if it is more than a filter takes."""
    if len(regexes(expression)) > MOST_REGEXES:
        return None
    for tight in (False, True):
        pattern = written(expression, tight=tight)
        if len(pattern) <= PATTERN_CHARACTERS:
            return pattern
    return None


def written(expression: Expression, *, tight: bool = False) -> str:
    """The pattern in its braces, however long.

    Tight, it is the same pattern without the blanks and quotes that the language does not need.
    """
    return f"{{ {spelled(expression, tight=tight)} }}"


def spelled(expression: Expression, *, tight: bool = False) -> str:
    """`&&` binds tighter than `||`, so only an alternative among conjuncts is in parentheses."""
    match expression:
        case Term():
            return _written_term(expression, tight=tight)
        case Every(parts):
            return " && ".join(
                f"({text})" if isinstance(part, Either) else text
                for part in parts
                for text in (spelled(part, tight=tight),)
            )
        case Either(parts):
            return " || ".join(spelled(part, tight=tight) for part in parts)


def selector(field: str) -> str:
    """Raises UnsayableError."""
    return "$" + "".join(_step(field, name) for name in field.split("."))


def _step(field: str, name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    if _QUOTED_NAME.fullmatch(name):
        return f".['{name}']"
    raise UnsayableError(field, f"a filter pattern cannot select the field name {name!r}")


def _written_term(term: Term, *, tight: bool) -> str:
    selected = selector(term.field)
    if not term.value:
        return f"{selected} {term.operator}"
    if tight and term.operator != "IS":
        value = _NEEDS_NO_QUOTES.fullmatch(term.value)
        return f"{selected}{term.operator}{value[1] if value else term.value}"
    return f"{selected} {term.operator} {term.value}"


def _joined(kind: type[Every | Either], parts: Iterable[Expression]) -> Expression:
    """Flat, without repetitions; one part stands for itself."""
    flat = dict.fromkeys(
        inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))
    )
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))

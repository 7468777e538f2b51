"""A JSON filter pattern of CloudWatch Logs as an expression tree, and its text.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-JSON.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from compiler.errors import UnsupportedConditionError

MAX_CHARACTERS = 1024  # of one pattern
MAX_REGEXES = 2  # in one pattern

type PatternOperator = Literal["=", "!=", "<", "<=", ">", ">=", "IS", "NOT EXISTS"]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BRACKETED_NAME = re.compile(r"[ !#$&()+,/:;<=>?@A-Za-z0-9^_`{|}~-]+")
_NEEDS_NO_QUOTES = re.compile(
    r'"(?!(?:NULL|TRUE|FALSE|IS|NOT|EXISTS)")([A-Za-z][A-Za-z0-9]*)"'  # keywords do
)


@dataclass(frozen=True, slots=True)
class PatternTerm:
    """A comparison of one field with a value.

    The value is pattern text: a quoted string, `%regex%`, a number or a keyword.
    """

    field: str  # dotted path into the CloudTrail record
    operator: PatternOperator
    value: str = ""

    @property
    def is_regex(self) -> bool:
        return self.value.startswith("%")


@dataclass(frozen=True, slots=True)
class Conjunction:
    parts: tuple[PatternExpression, ...]  # two or more, none of them a Conjunction


@dataclass(frozen=True, slots=True)
class Disjunction:
    parts: tuple[PatternExpression, ...]  # two or more, none of them a Disjunction


type PatternExpression = PatternTerm | Conjunction | Disjunction


def conjunction(parts: Iterable[PatternExpression]) -> PatternExpression:
    return _joined(Conjunction, parts)


def disjunction(parts: Iterable[PatternExpression]) -> PatternExpression:
    return _joined(Disjunction, parts)


def regex_terms(expression: PatternExpression) -> list[PatternTerm]:
    return [term for term in _terms(expression) if term.is_regex]


def property_selector(field: str) -> str:
    """Raises UnsupportedConditionError for a field name that no selector can contain."""
    return "$" + "".join(_selector_step(field, name) for name in field.split("."))


def format_within_limits(expression: PatternExpression) -> str | None:
    """The pattern, compact only if necessary; None if it exceeds the limits of a filter."""
    if len(regex_terms(expression)) > MAX_REGEXES:
        return None
    for compact in (False, True):
        pattern = format_pattern(expression, compact=compact)
        if len(pattern) <= MAX_CHARACTERS:
            return pattern
    return None


def format_pattern(expression: PatternExpression, *, compact: bool) -> str:
    """The pattern in braces, of any length.

    A compact pattern omits the spaces and quotes that the syntax does not require.
    """
    return f"{{ {format_expression(expression, compact=compact)} }}"


def format_expression(expression: PatternExpression, *, compact: bool = False) -> str:
    """`&&` binds tighter than `||`: only a disjunction in a conjunction needs parentheses."""
    match expression:
        case PatternTerm():
            return _format_term(expression, compact=compact)
        case Conjunction(parts):
            return " && ".join(
                f"({text})" if isinstance(part, Disjunction) else text
                for part in parts
                for text in (format_expression(part, compact=compact),)
            )
        case Disjunction(parts):
            return " || ".join(format_expression(part, compact=compact) for part in parts)


def _joined(
    kind: type[Conjunction | Disjunction], parts: Iterable[PatternExpression]
) -> PatternExpression:
    """Flat and without duplicates; a single part is returned as it is."""
    flat = dict.fromkeys(
        inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))
    )
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def _terms(expression: PatternExpression) -> Iterator[PatternTerm]:
    if isinstance(expression, PatternTerm):
        yield expression
    else:
        for part in expression.parts:
            yield from _terms(part)


def _selector_step(field: str, name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    if _BRACKETED_NAME.fullmatch(name):
        return f".['{name}']"
    raise UnsupportedConditionError(
        field, f"a filter pattern cannot select the field name {name!r}"
    )


def _format_term(term: PatternTerm, *, compact: bool) -> str:
    selector = property_selector(term.field)
    if not term.value:
        return f"{selector} {term.operator}"
    if compact and term.operator != "IS":
        unquoted = _NEEDS_NO_QUOTES.fullmatch(term.value)
        return f"{selector}{term.operator}{unquoted[1] if unquoted else term.value}"
    return f"{selector} {term.operator} {term.value}"

"""The condition of a rule as a tree, the input of every target of the compiler.

A leaf compares a string with JSON strings only, a number with JSON numbers, a boolean with JSON
booleans. A field that is absent, null, an object or an array equals nothing. Paths do not lead
through arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Wildcard(Enum):
    MANY = "*"  # zero or more characters
    ONE = "?"  # exactly one character


@dataclass(frozen=True, slots=True)
class StringPattern:
    """Matches a whole string.

    Without `cased`, the letters A to Z match without case; other letters do not occur.
    """

    parts: tuple[str | Wildcard, ...]  # no empty string, no two adjacent strings
    cased: bool = True

    @property
    def literals(self) -> tuple[str, ...]:
        """The parts between the wildcards."""
        return tuple(part for part in self.parts if isinstance(part, str))

    @property
    def plain(self) -> str | None:
        """The string itself; None for a pattern with wildcards."""
        return "".join(self.literals) if len(self.literals) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class FieldEquals:
    """The field contains a string that one of the patterns matches."""

    field: str  # dotted path into the CloudTrail record
    patterns: tuple[StringPattern, ...]


@dataclass(frozen=True, slots=True)
class FieldMatchesRegex:
    """The field contains a string in which a search finds the regular expression.

    The syntax is Python's, with its ASCII classes; `flags` are some of i, m and s.
    """

    field: str
    regex: str
    flags: frozenset[str] = frozenset()


type NumberOperator = Literal["=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class FieldCompares:
    """The field contains a number, and `field operator number` is true."""

    field: str
    operator: NumberOperator
    number: float


@dataclass(frozen=True, slots=True)
class FieldIsBoolean:
    field: str
    value: bool


@dataclass(frozen=True, slots=True)
class FieldIsNull:
    """The field is null or absent."""

    field: str


@dataclass(frozen=True, slots=True)
class FieldExists:
    """The field is present; its value may be null."""

    field: str


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[ConditionTree, ...]  # one or more


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[ConditionTree, ...]  # one or more


@dataclass(frozen=True, slots=True)
class Not:
    part: ConditionTree


type Leaf = (
    FieldEquals | FieldMatchesRegex | FieldCompares | FieldIsBoolean | FieldIsNull | FieldExists
)
type ConditionTree = Leaf | AllOf | AnyOf | Not


def all_of(conditions: Iterable[ConditionTree]) -> ConditionTree:
    """Flattens an AllOf directly in another."""
    parts = tuple(part for condition in conditions for part in _parts(AllOf, condition))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def any_of(conditions: Iterable[ConditionTree]) -> ConditionTree:
    """Flattens an AnyOf directly in another, and merges the string patterns of a field."""
    parts = _merge(part for condition in conditions for part in _parts(AnyOf, condition))
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def leaves(condition: ConditionTree) -> Iterator[Leaf]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield condition


def _parts(kind: type[AllOf | AnyOf], condition: ConditionTree) -> tuple[ConditionTree, ...]:
    return condition.parts if isinstance(condition, kind) else (condition,)


def _merge(conditions: Iterable[ConditionTree]) -> tuple[ConditionTree, ...]:
    """`a is x or a is y` becomes one comparison with two patterns, in the place of the first."""
    merged: dict[object, ConditionTree] = {}
    for condition in conditions:
        key = condition.field if isinstance(condition, FieldEquals) else condition
        before = merged.get(key)
        if isinstance(condition, FieldEquals) and isinstance(before, FieldEquals):
            patterns = dict.fromkeys((*before.patterns, *condition.patterns))
            merged[key] = FieldEquals(condition.field, tuple(patterns))
        else:
            merged[key] = condition
    return tuple(merged.values())

"""A rule's condition as a small tree that every rendering reads.

What a leaf says of a record is exact: a string compares with JSON strings only, a number with JSON
numbers, a boolean with booleans; what is absent, null, an object or an array equals nothing. Paths
do not go through arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Wildcard(Enum):
    MANY = "*"  # any run of characters, also none
    ONE = "?"  # exactly one character


@dataclass(frozen=True, slots=True)
class Text:
    """What a whole string is compared with.

    Without `cased`, the letters A to Z compare without case, and there are no other letters.
    """

    parts: tuple[str | Wildcard, ...]  # no empty string, no two strings in a row
    cased: bool = True

    @property
    def strings(self) -> tuple[str, ...]:
        """What stands between the wildcards."""
        return tuple(part for part in self.parts if isinstance(part, str))

    @property
    def plain(self) -> str | None:
        """The string itself; None where there is a wildcard."""
        return "".join(self.strings) if len(self.strings) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class FieldIs:
    """The field holds a string that fits one of the texts."""

    field: str  # dotted path into the CloudTrail record
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class FieldMatches:
    """The field holds a string in which the regular expression is found somewhere.

    Python's syntax with its ASCII classes; `flags` are some of i, m and s.
    """

    field: str
    regex: str
    flags: frozenset[str] = frozenset()


type Order = Literal["=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class FieldCompares:
    """The field holds a number that stands in this order to ours."""

    field: str
    order: Order
    number: float


@dataclass(frozen=True, slots=True)
class FieldIsBoolean:
    field: str
    value: bool


@dataclass(frozen=True, slots=True)
class FieldIsNull:
    """The field holds null or is absent."""

    field: str


@dataclass(frozen=True, slots=True)
class FieldExists:
    """The field is there, whatever it holds, null too."""

    field: str


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]  # one or more


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]  # one or more


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


type Leaf = FieldIs | FieldMatches | FieldCompares | FieldIsBoolean | FieldIsNull | FieldExists
type Condition = Leaf | AllOf | AnyOf | Not


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Without an AllOf directly in another."""
    parts = tuple(part for condition in conditions for part in _parts(AllOf, condition))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Without an AnyOf directly in another, and with one FieldIs for all texts of a field."""
    parts = _merged(part for condition in conditions for part in _parts(AnyOf, condition))
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def leaves(condition: Condition) -> Iterator[Leaf]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield condition


def _parts(kind: type[AllOf | AnyOf], condition: Condition) -> tuple[Condition, ...]:
    return condition.conditions if isinstance(condition, kind) else (condition,)


def _merged(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """`a is x or a is y` is one comparison with two values, at the place of the first."""
    merged: dict[object, Condition] = {}
    for condition in conditions:
        key = condition.field if isinstance(condition, FieldIs) else condition
        before = merged.get(key)
        if isinstance(condition, FieldIs) and isinstance(before, FieldIs):
            texts = dict.fromkeys((*before.texts, *condition.texts))
            merged[key] = FieldIs(condition.field, tuple(texts))
        else:
            merged[key] = condition
    return tuple(merged.values())

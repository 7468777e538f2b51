"""What one field may hold, as tests of which one must be true: the form that event patterns have.

The union of two sets of values is the longer list, the intersection is that of each with each.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf

from compiler.conditions import (
    FieldCompares,
    FieldExists,
    FieldIs,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatches,
    Leaf,
    Order,
    Text,
    Wildcard,
)
from compiler.eventbridge.texts import UnsayableError, are_disjoint, common_texts, covers, shown


class Value(Enum):
    ABSENT = "absent"
    NULL = "null"
    TRUE = "true"
    FALSE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    low: float = -inf
    low_open: bool = True
    high: float = inf
    high_open: bool = True


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Every string that fits none of the texts."""

    texts: tuple[Text, ...]  # one or more


type Test = Value | Range | Text | AnythingBut
type Tests = tuple[Test, ...]

NOTHING = (Value.ABSENT, Value.NULL)
BOOLEANS = (Value.TRUE, Value.FALSE)
ANY_NUMBER, ANY_STRING = Range(), Text((Wildcard.MANY,))


def tests_of(leaf: Leaf) -> Tests:
    """The values for which the leaf is true."""
    match leaf:
        case FieldIs(_, texts):
            return union((), tuple(map(_sayable, texts)))
        case FieldCompares(_, order, number):
            return (_range(order, number),)
        case FieldIsBoolean(_, value):
            return (Value.TRUE if value else Value.FALSE,)
        case FieldIsNull():
            return NOTHING
        case FieldExists():
            return (Value.NULL, *BOOLEANS, ANY_NUMBER, ANY_STRING)
        case FieldMatches(_, regex):
            raise UnsayableError(f"event patterns have no regular expressions such as {regex}")


def tests_against(leaf: Leaf) -> Tests:
    """The values for which the leaf is false."""
    match leaf:
        case FieldIs(_, texts):
            return (*NOTHING, *BOOLEANS, ANY_NUMBER, *_but(tuple(map(_sayable, texts))))
        case FieldCompares(_, order, number):
            return (*NOTHING, *BOOLEANS, *_other_ranges(order, number), ANY_STRING)
        case FieldIsBoolean(_, value):
            return (*NOTHING, Value.FALSE if value else Value.TRUE, ANY_NUMBER, ANY_STRING)
        case FieldIsNull():
            return (*BOOLEANS, ANY_NUMBER, ANY_STRING)
        case FieldExists():
            return (Value.ABSENT,)
        case FieldMatches():
            return tests_of(leaf)


def possible(leaves: Iterable[Leaf]) -> Tests:
    """All that a field may hold that is compared in these ways; if in none, any scalar."""
    kinds: dict[type[Leaf], Tests] = {
        FieldIsBoolean: BOOLEANS,
        FieldCompares: (ANY_NUMBER,),
        FieldIs: (ANY_STRING,),
    }
    compared = {type(leaf) for leaf in leaves} & kinds.keys() or kinds.keys()
    return (*NOTHING, *(test for kind in kinds if kind in compared for test in kinds[kind]))


def union(tests: Tests, others: Tests) -> Tests:
    """Without what another test makes superfluous."""
    kept: Tests = ()
    for test in (*tests, *others):
        if not include(kept, (test,)):
            kept = (*(one for one in kept if not include((test,), (one,))), test)
    return kept


def intersection(tests: Tests, others: Tests) -> Tests:
    """Raises UnsayableError where no list of tests is true of just what is in both."""
    return union((), tuple(both for one in tests for other in others for both in _both(one, other)))


def include(tests: Tests, others: Tests) -> bool:
    """Whether these are true of all that others are true of, as far as single tests show it."""
    return all(any(_includes(one, other) for one in tests) for other in others)


def _range(order: Order, number: float) -> Range:
    return {
        "=": Range(low=number, low_open=False, high=number, high_open=False),
        "<": Range(high=number),
        "<=": Range(high=number, high_open=False),
        ">": Range(low=number),
        ">=": Range(low=number, low_open=False),
    }[order]


def _other_ranges(order: Order, number: float) -> tuple[Range, ...]:
    others: dict[Order, tuple[Order, ...]] = {
        "=": ("<", ">"),
        "<": (">=",),
        "<=": (">",),
        ">": ("<=",),
        ">=": ("<",),
    }
    return tuple(_range(other, number) for other in others[order])


def _sayable(text: Text) -> Text:
    if Wildcard.ONE in text.parts:
        raise UnsayableError(f"{shown(text)}: event patterns have no ? for one character")
    return text


def _but(texts: tuple[Text, ...]) -> tuple[AnythingBut, ...]:
    """No string at all, if one of the texts fits all."""
    widest = tuple(text for text in union((), texts) if isinstance(text, Text))
    return () if covers(widest[0], ANY_STRING) else (AnythingBut(widest),)


def _includes(one: Test, other: Test) -> bool:
    match one, other:
        case Text(), Text():
            return covers(one, other)
        case Text(), AnythingBut():
            return covers(one, ANY_STRING)
        case AnythingBut(texts), Text():
            return all(are_disjoint(text, other) for text in texts)
        case AnythingBut(texts), AnythingBut(more):
            return all(any(covers(wide, text) for wide in more) for text in texts)
        case Range(), Range():
            return _common_range(one, other) == (other,)
    return one == other


def _both(one: Test, other: Test) -> Tests:
    match one, other:
        case Text(), Text():
            return common_texts(one, other)
        case (AnythingBut(texts), Text() as text) | (Text() as text, AnythingBut(texts)):
            return _rest(text, texts)
        case AnythingBut(texts), AnythingBut(more):
            return _but((*texts, *more))
        case Range(), Range():
            return _common_range(one, other)
    return (one,) if one == other else ()


def _common_range(one: Range, other: Range) -> tuple[Range, ...]:
    low, low_open = max((one.low, one.low_open), (other.low, other.low_open))
    high, high_closed = min((one.high, not one.high_open), (other.high, not other.high_open))
    if low > high or (low == high and (low_open or not high_closed)):
        return ()
    return (Range(low=low, low_open=low_open, high=high, high_open=not high_closed),)


def _rest(text: Text, excluded: tuple[Text, ...]) -> Tests:
    """The strings that fit the text and none of the excluded ones."""
    if any(covers(one, text) for one in excluded):
        return ()
    touching = tuple(one for one in excluded if not are_disjoint(one, text))
    if not touching:
        return (text,)
    if covers(text, ANY_STRING):
        return (AnythingBut(touching),)
    reason = f"{shown(text)} and not {shown(touching[0])} are two tests that must both be true"
    raise UnsayableError(f"{reason}; an event pattern takes one a field")

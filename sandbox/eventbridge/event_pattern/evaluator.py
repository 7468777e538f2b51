"""Whether an event matches a tree of fields.

Where AWS's documentation is silent, the reading under which fewer events match is taken:

- An empty object or array is no value: `exists` is about values.
- `exists: false` within an array of objects needs the field to be in none of them.
- A number that EventBridge does not compare as one (over five billion, or with more than six
  decimals) is in no `numeric` range.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

from sandbox.eventbridge.event_pattern.nodes import (
    Address,
    AnythingBut,
    Between,
    Comparison,
    Exists,
    Field,
    Group,
    Is,
    Like,
)
from sandbox.eventbridge.event_pattern.operators import is_comparable

type Object = Mapping[str, Any]


def matches(group: Group, event: Object, siblings: Sequence[Object] = ()) -> bool:
    """`siblings` are the event and what stands beside it in arrays."""
    around = siblings or (event,)
    return all(_member_matches(name, node, event, around) for name, node in group.members)


def _member_matches(
    name: str, node: Field | Group, event: Object, around: Sequence[Object]
) -> bool:
    beside = [one[name] for one in around if name in one]
    if isinstance(node, Field):
        here = list(_leaves(event[name])) if name in event else []
        is_absent = not any(True for value in beside for _ in _leaves(value))
        return any(_holds(test, here, is_absent=is_absent) for test in node.tests)
    elements = list(_objects(event.get(name))) or [{}]
    objects = [one for value in beside for one in _objects(value)]
    return any(matches(node, element, objects) for element in elements)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif not isinstance(value, Mapping):
        yield value


def _objects(value: Any) -> Iterator[Object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, Mapping):
        yield value


def _holds(test: Comparison | Exists, values: Sequence[Any], *, is_absent: bool) -> bool:
    if isinstance(test, Exists):
        return bool(values) if test.wanted else is_absent
    return any(_fits(test, value) for value in values)


def _fits(test: Comparison, value: Any) -> bool:
    match test:
        case AnythingBut(tests):
            return not any(_fits(one, value) for one in tests)
        case Is():
            return _same(test, value)
        case Between():
            return _is_between(test, value)
        case Like():
            return isinstance(value, str) and _is_like(test, value)
        case Address():
            return isinstance(value, str) and _is_within(test, value)


def _same(test: Is, value: Any) -> bool:
    if isinstance(test.value, Decimal):
        return _number(value) == test.value
    return type(value) is type(test.value) and bool(value == test.value)


def _number(value: Any) -> Decimal | None:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else None


def _is_between(test: Between, value: Any) -> bool:
    number = _number(value)
    if number is None or not is_comparable(number):
        return False
    above = test.low is None or number > test.low or (number == test.low and not test.low_open)
    below = test.high is None or number < test.high or (number == test.high and not test.high_open)
    return above and below


def _is_like(test: Like, text: str) -> bool:
    return _expression(test).fullmatch(text.lower() if test.ignore_case else text) is not None


@functools.lru_cache(maxsize=1024)
def _expression(test: Like) -> re.Pattern[str]:
    pieces = (piece.lower() if test.ignore_case else piece for piece in test.pieces)
    return re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)


def _is_within(test: Address, text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    same_version = address.version == test.first.version
    return same_version and int(test.first) <= int(address) <= int(test.last)

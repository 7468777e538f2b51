"""Where a field stands in a record: a path is names joined by dots and goes through objects only.

Records are what json.loads makes, so an object is a dict and nothing else; a check of the exact
type costs a fifth of isinstance with Mapping, and each record is looked at some dozen times.
"""

from collections.abc import Callable
from typing import Any

from .cloudtrail import Record

type LookUp = Callable[[Record], Any]


def look_up(path: str) -> LookUp:
    """The function that tells a record's value at the path; None where there is none."""
    match path.split("."):
        case [name]:
            return lambda record: record.get(name)
        case [outer, inner]:
            return _look_up_in_object(outer, inner)
        case steps:
            return _look_up_deep(tuple(steps))


def has(path: str) -> Callable[[Record], bool]:
    """The function that tells whether a record has the path's key, whatever it holds."""
    parent, _, name = path.rpartition(".")
    if not parent:
        return lambda record: name in record
    parent_of = look_up(parent)

    def present(record: Record) -> bool:
        value = parent_of(record)
        return type(value) is dict and name in value

    return present


def _look_up_in_object(outer: str, inner: str) -> LookUp:
    def value_at(record: Record) -> Any:
        value = record.get(outer)
        return value.get(inner) if type(value) is dict else None

    return value_at


def _look_up_deep(steps: tuple[str, ...]) -> LookUp:
    def value_at(record: Record) -> Any:
        value: Any = record
        for step in steps:
            if type(value) is not dict:
                return None
            value = value.get(step)
        return value

    return value_at

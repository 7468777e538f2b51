"""An event pattern's JSON to its alternatives, checked as PutRule checks it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from sandbox.eventbridge.event_pattern.errors import EventPatternError
from sandbox.eventbridge.event_pattern.nodes import Field, Group
from sandbox.eventbridge.event_pattern.operators import OPERATORS, parse_test

OR = "$or"
COMBINATIONS = 1000  # the most alternatives that EventBridge makes of `$or`
# Under $or, Ruler takes no field of such a name; the second half stands for what may come.
RESERVED_UNDER_OR = OPERATORS | {
    *("=", "<", "<=", ">", ">=", "exactly", "regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
}

type Path = tuple[str, ...]
type Alternative = dict[Path, Field]


def parse_alternatives(text: str) -> tuple[Group, ...]:
    """Raises EventPatternError."""
    document = _load(text)
    if not isinstance(document, dict):
        raise EventPatternError("", "an event pattern is a JSON object")
    return tuple(_group(list(one.items())) for one in _alternatives(document, (), under_or=False))


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_int=Decimal,
            parse_float=Decimal,
            parse_constant=_no_json,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise EventPatternError("", f"not JSON: {error}") from error


def _no_json(constant: str) -> NoReturn:
    raise EventPatternError("", f"not JSON: {constant}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    loaded = dict(pairs)
    if len(loaded) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise EventPatternError(repeated, "it stands twice in one object")
    return loaded


def _alternatives(document: dict[str, Any], at: Path, *, under_or: bool) -> list[Alternative]:
    if not document:
        raise EventPatternError(".".join(at), "an empty object is not allowed")
    found: list[Alternative] = [{}]
    for name, value in document.items():
        more = _member(name, value, at, under_or=under_or)
        found = [_merged(one, other) for one in found for other in more]
        if len(found) > COMBINATIONS:
            reason = f"$or makes more than {COMBINATIONS} combinations"
            raise EventPatternError(".".join(at), reason)
    return found


def _member(name: str, value: Any, at: Path, *, under_or: bool) -> list[Alternative]:
    path = (*at, name)
    shown = ".".join(path)
    if name == OR:
        return list(_either(value, at, shown))
    if "." in name:
        raise EventPatternError(shown, "a name with a dot may mean two things: use objects")
    if under_or and name in RESERVED_UNDER_OR:
        raise EventPatternError(shown, "under $or this word of the language names no field")
    if isinstance(value, dict):
        return _alternatives(value, path, under_or=under_or)
    if not isinstance(value, list):
        raise EventPatternError(shown, "it must be an object or an array")
    if not value:
        raise EventPatternError(shown, "an empty array is not allowed")
    tests = (parse_test(element, f"{shown}[{index}]") for index, element in enumerate(value))
    return [{path: Field(tuple(tests))}]


def _either(value: Any, at: Path, shown: str) -> Iterator[Alternative]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise EventPatternError(shown, "it must be an array of objects")
    if len(value) < 2:  # noqa: PLR2004  one alternative is none
        raise EventPatternError(shown, "it needs two objects or more")
    for one in value:
        yield from _alternatives(one, at, under_or=True)


def _merged(one: Alternative, other: Alternative) -> Alternative:
    for path in other:
        for taken in one:
            shorter = min(len(path), len(taken))
            if path[:shorter] == taken[:shorter]:
                raise EventPatternError(".".join(path), "one event would be tested here twice")
    return {**one, **other}


def _group(fields: list[tuple[Path, Field]]) -> Group:
    inner: dict[str, list[tuple[Path, Field]]] = {}
    for (name, *rest), field in fields:
        inner.setdefault(name, []).append((tuple(rest), field))
    return Group(tuple((name, _node(below)) for name, below in inner.items()))


def _node(below: list[tuple[Path, Field]]) -> Field | Group:
    (path, field), *others = below
    return _group(below) if path or others else field

"""What a condition means, in as many words: the reference that the renderings are held to."""

import operator
import re
from typing import Any

from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Leaf,
    Not,
    StringPattern,
    Wildcard,
)

ABSENT = object()
ORDERS = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


def texts(*written: str, cased: bool = True) -> tuple[StringPattern, ...]:
    """`*` and `?` are wildcards; after a backslash they are letters."""
    special = {"*": Wildcard.MANY, "?": Wildcard.ONE}
    parts = [re.findall(r"[*?]|(?:\\.|[^*?\\])+", one) for one in written]
    return tuple(
        StringPattern(
            tuple(
                special.get(part, re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)) for part in one
            ),
            cased,
        )
        for one in parts
    )


def is_(*written: str, cased: bool = True, field: str = "a.b") -> FieldEquals:
    return FieldEquals(field, texts(*written, cased=cased))


def holds(condition: ConditionTree, record: dict[str, Any]) -> bool:
    """What the tree means, in as many words."""
    match condition:
        case AllOf(parts):
            return all(holds(part, record) for part in parts)
        case AnyOf(parts):
            return any(holds(part, record) for part in parts)
        case Not(inner):
            return not holds(inner, record)
        case _:
            return fits(condition, found(record, condition.field))


def found(record: Any, field: str) -> Any:
    for step in field.split("."):
        record = record.get(step, ABSENT) if isinstance(record, dict) else ABSENT
    return record


def fits(leaf: Leaf, value: Any) -> bool:
    match leaf:
        case FieldEquals(_, wanted):
            return isinstance(value, str) and any(fits_text(text, value) for text in wanted)
        case FieldMatchesRegex(_, regex, flags):
            return isinstance(value, str) and finds(regex, flags, value)
        case FieldCompares(_, order, number):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and bool(ORDERS[order](value, number))
        case FieldIsBoolean(_, wanted_value):
            return value is wanted_value
        case FieldIsNull():
            return value is None or value is ABSENT
        case FieldExists():
            return value is not ABSENT


def fits_text(text: StringPattern, value: str) -> bool:
    special = {Wildcard.MANY: "(?s:.*)", Wildcard.ONE: "(?s:.)"}
    regex = "".join(
        special[part] if isinstance(part, Wildcard) else re.escape(part) for part in text.parts
    )
    flags = re.ASCII if text.cased else re.ASCII | re.IGNORECASE
    return re.fullmatch(regex, value, flags) is not None


def finds(regex: str, flags: frozenset[str], value: str) -> bool:
    given_flags = re.ASCII
    for flag in flags:
        given_flags |= FLAGS[flag]
    return re.search(regex, value, given_flags) is not None

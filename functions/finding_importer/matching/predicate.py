r"""The predicate language of detections.json, compiled to functions over a CloudTrail record.

A node is {"all": nodes}, {"any": nodes}, {"not": node}, or {"field": path} with one operator:

    "equals": strings              the field is one of the strings
    "equals_ignore_case": strings  the field is one of the strings, which are in lowercase; the
                                   comparison ignores the case of A to Z and accepts ASCII only
    "regex": expressions           the field is a string in which an expression is found, in
                                   Python's syntax; classes such as \w and the flag (?i) are ASCII
    "eq", "lt", "lte", "gt", "gte": number
                                   the field is a number for which the comparison holds
    "is": true or false            the field is this boolean
    "null": true                   the field is null or absent
    "exists": true                 the field is present, with any value

A boolean is not a number. A field that is absent, null, an object or an array equals nothing.
"""

import operator
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from ..errors import DetectionsError
from .cloudtrail import Record, field_presence, field_reader

type Predicate = Callable[[Record], bool]
type _OperatorCompiler = Callable[[str, Any, str], Predicate]  # path, operand, key of the operand
type _Comparison = Callable[[Any, Any], bool]


def compile_predicate(node: Any, key: str) -> Predicate:
    """Compile a node; DetectionsError names the key of an invalid descendant."""
    match node:
        case {"all": list(children), **rest} if children and not rest:
            return _all_of(_compile_each(children, f"{key}.all"))
        case {"any": list(children), **rest} if children and not rest:
            return _any_of(_compile_each(children, f"{key}.any"))
        case {"not": child, **rest} if not rest:
            return _negation(compile_predicate(child, f"{key}.not"))
        case {"field": str(path), **rest} if len(rest) == 1:
            [(name, operand)] = rest.items()
            return _compile_field(path, str(name), operand, key)
    raise DetectionsError(key, repr(node), "all, any, not, or field with one operator")


def _compile_each(children: list[Any], key: str) -> tuple[Predicate, ...]:
    return tuple(compile_predicate(child, f"{key}[{i}]") for i, child in enumerate(children))


def _compile_field(path: str, name: str, operand: Any, key: str) -> Predicate:
    if not all(path.split(".")):
        raise DetectionsError(f"{key}.field", repr(path), "names joined by dots")
    if name not in _OPERATORS:
        raise DetectionsError(key, repr(name), f"one of {', '.join(_OPERATORS)}")
    return _OPERATORS[name](path, operand, f"{key}.{name}")


def _all_of(children: tuple[Predicate, ...]) -> Predicate:
    def all_hold(record: Record) -> bool:
        for child in children:  # noqa: SIM110  # all() of a generator takes twice as long.
            if not child(record):
                return False
        return True

    return all_hold


def _any_of(children: tuple[Predicate, ...]) -> Predicate:
    def any_holds(record: Record) -> bool:
        for child in children:  # noqa: SIM110  # any() of a generator takes twice as long.
            if child(record):
                return True
        return False

    return any_holds


def _negation(child: Predicate) -> Predicate:
    return lambda record: not child(record)


def _equals(path: str, operand: Any, key: str) -> Predicate:
    value_of, texts = field_reader(path), frozenset(_strings(operand, key))

    def equals(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and value in texts

    return equals


def _equals_ignore_case(path: str, operand: Any, key: str) -> Predicate:
    value_of, texts = field_reader(path), frozenset(_strings(operand, key))
    for text in texts:
        if not text.isascii() or text != text.lower():
            raise DetectionsError(key, repr(text), "lowercase ASCII")

    def equals_ignore_case(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and value.isascii() and value.lower() in texts

    return equals_ignore_case


def _regex(path: str, operand: Any, key: str) -> Predicate:
    value_of = field_reader(path)
    expressions = enumerate(_strings(operand, key))
    searches = tuple(_compiled(source, f"{key}[{i}]").search for i, source in expressions)

    def matches(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and any(search(value) for search in searches)

    return matches


def _compiled(source: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(source, re.ASCII)
    except (re.PatternError, ValueError, OverflowError) as error:
        got, expected = f"{source!r} ({error})", "a Python regular expression"
        raise DetectionsError(key, got, expected) from error


def _strings(operand: Any, key: str) -> list[str]:
    if isinstance(operand, list) and operand and all(isinstance(one, str) for one in operand):
        return operand
    raise DetectionsError(key, repr(operand), "an array of strings")


def _comparison(compare: _Comparison) -> _OperatorCompiler:
    """Python compares integers and floats exactly, also beyond the precision of a float."""

    def compile_comparison(path: str, operand: Any, key: str) -> Predicate:
        if not (type(operand) is int or (type(operand) is float and isfinite(operand))):
            raise DetectionsError(key, repr(operand), "a number")
        value_of = field_reader(path)

        def compares(record: Record) -> bool:
            value = value_of(record)
            kind = type(value)  # isinstance accepts a boolean as int
            return (kind is int or kind is float) and compare(value, operand)

        return compares

    return compile_comparison


def _is_boolean(path: str, operand: Any, key: str) -> Predicate:
    if not isinstance(operand, bool):
        raise DetectionsError(key, repr(operand), "true or false")
    value_of = field_reader(path)
    return lambda record: value_of(record) is operand


def _is_null(path: str, operand: Any, key: str) -> Predicate:
    _expect_true(operand, key)
    value_of = field_reader(path)
    return lambda record: value_of(record) is None


def _exists(path: str, operand: Any, key: str) -> Predicate:
    _expect_true(operand, key)
    return field_presence(path)


def _expect_true(operand: Any, key: str) -> None:
    if operand is not True:
        raise DetectionsError(key, repr(operand), "true; negate it with not")


_OPERATORS: dict[str, _OperatorCompiler] = {
    "equals": _equals,
    "equals_ignore_case": _equals_ignore_case,
    "regex": _regex,
    "eq": _comparison(operator.eq),
    "lt": _comparison(operator.lt),
    "lte": _comparison(operator.le),
    "gt": _comparison(operator.gt),
    "gte": _comparison(operator.ge),
    "is": _is_boolean,
    "null": _is_null,
    "exists": _exists,
}

r"""The predicate language of detections.json, compiled to functions over a CloudTrail record.

A node is {"all": nodes}, {"any": nodes}, {"not": node}, or {"field": path} with one of

    "equals": strings              the field holds one of these strings
    "equals_ignore_case": strings  in small letters; the field holds one of them, but for the case
                                   of A to Z, and nothing beyond ASCII
    "regex": expressions           the field holds a string in which one of them is found; Python's
                                   syntax; classes such as \w, and (?i), know ASCII only
    "eq", "lt", "lte", "gt", "gte": number
                                   the field holds a number that is equal to ours, or less, …
    "is": true or false            the field holds this boolean
    "null": true                   the field holds null, or is absent
    "exists": true                 the field is there, whatever it holds

A boolean is no number. What is absent, null, an object or an array equals nothing.
"""

import operator
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from ..errors import DetectionsError
from .cloudtrail import Record
from .fields import has, look_up

type Predicate = Callable[[Record], bool]
type _LeafCompiler = Callable[
    [str, Any, str], Predicate
]  # of path, operand, and the operand's place
type _Comparison = Callable[[Any, Any], bool]


def compile_predicate(node: Any, where: str) -> Predicate:
    """Compile a node and all below it; DetectionsError, which says where, for anything else."""
    match node:
        case {"all": list(children), **rest} if children and not rest:
            return _all(_compile_each(children, f"{where}.all"))
        case {"any": list(children), **rest} if children and not rest:
            return _any(_compile_each(children, f"{where}.any"))
        case {"not": child, **rest} if not rest:
            return _not(compile_predicate(child, f"{where}.not"))
        case {"field": str(path), **rest} if len(rest) == 1:
            [(name, operand)] = rest.items()
            return _compile_leaf(path, str(name), operand, where)
    raise DetectionsError(
        where, f"expected all, any, not, or field with one operator; found {node!r}"
    )


def _compile_each(children: list[Any], where: str) -> tuple[Predicate, ...]:
    return tuple(compile_predicate(child, f"{where}[{i}]") for i, child in enumerate(children))


def _compile_leaf(path: str, name: str, operand: Any, where: str) -> Predicate:
    if not all(path.split(".")):
        raise DetectionsError(f"{where}.field", f"expected names joined by dots, found {path!r}")
    if name not in _LEAVES:
        raise DetectionsError(where, f"expected one of {', '.join(_LEAVES)}; found {name!r}")
    return _LEAVES[name](path, operand, f"{where}.{name}")


def _all(children: tuple[Predicate, ...]) -> Predicate:
    def all_hold(record: Record) -> bool:
        for child in children:  # noqa: SIM110  # all() of a generator takes twice as long.
            if not child(record):
                return False
        return True

    return all_hold


def _any(children: tuple[Predicate, ...]) -> Predicate:
    def any_holds(record: Record) -> bool:
        for child in children:  # noqa: SIM110  # any() of a generator takes twice as long.
            if child(record):
                return True
        return False

    return any_holds


def _not(child: Predicate) -> Predicate:
    return lambda record: not child(record)


def _equals(path: str, operand: Any, where: str) -> Predicate:
    value_of, texts = look_up(path), frozenset(_strings(operand, where))

    def equals(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and value in texts

    return equals


def _equals_ignore_case(path: str, operand: Any, where: str) -> Predicate:
    value_of, texts = look_up(path), frozenset(_strings(operand, where))
    for text in texts:
        if not text.isascii() or text != text.lower():
            raise DetectionsError(where, f"expected small letters and ASCII, found {text!r}")

    def equals_ignore_case(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and value.isascii() and value.lower() in texts

    return equals_ignore_case


def _regex(path: str, operand: Any, where: str) -> Predicate:
    value_of = look_up(path)
    expressions = enumerate(_strings(operand, where))
    searches = tuple(_compiled(source, f"{where}[{i}]").search for i, source in expressions)

    def matches(record: Record) -> bool:
        value = value_of(record)
        return type(value) is str and any(search(value) for search in searches)

    return matches


def _compiled(source: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(source, re.ASCII)
    except (re.PatternError, ValueError, OverflowError) as error:
        raise DetectionsError(
            where, f"expected a regular expression of Python's, found {source!r}: {error}"
        ) from error


def _strings(operand: Any, where: str) -> list[str]:
    if isinstance(operand, list) and operand and all(isinstance(one, str) for one in operand):
        return operand
    raise DetectionsError(where, f"expected an array of strings, found {operand!r}")


def _compares(compare: _Comparison) -> _LeafCompiler:
    """Numbers compare exactly, also integers beyond what a float can hold: so does Python."""

    def compile_comparison(path: str, operand: Any, where: str) -> Predicate:
        if not (type(operand) is int or (type(operand) is float and isfinite(operand))):
            raise DetectionsError(where, f"expected a number, found {operand!r}")
        value_of = look_up(path)

        def compares(record: Record) -> bool:
            value = value_of(record)
            kind = type(value)  # a boolean is an int to isinstance
            return (kind is int or kind is float) and compare(value, operand)

        return compares

    return compile_comparison


def _is(path: str, operand: Any, where: str) -> Predicate:
    if not isinstance(operand, bool):
        raise DetectionsError(where, f"expected true or false, found {operand!r}")
    value_of = look_up(path)
    return lambda record: value_of(record) is operand


def _null(path: str, operand: Any, where: str) -> Predicate:
    _expect_true(operand, where)
    value_of = look_up(path)
    return lambda record: value_of(record) is None


def _exists(path: str, operand: Any, where: str) -> Predicate:
    _expect_true(operand, where)
    return has(path)


def _expect_true(operand: Any, where: str) -> None:
    if operand is not True:
        raise DetectionsError(where, f"expected true (its opposite is a not), found {operand!r}")


_LEAVES: dict[str, _LeafCompiler] = {
    "equals": _equals,
    "equals_ignore_case": _equals_ignore_case,
    "regex": _regex,
    "eq": _compares(operator.eq),
    "lt": _compares(operator.lt),
    "lte": _compares(operator.le),
    "gt": _compares(operator.gt),
    "gte": _compares(operator.ge),
    "is": _is,
    "null": _null,
    "exists": _exists,
}

"""The predicate language of detections.json, compiled to functions over a CloudTrail record."""

from collections.abc import Callable, Mapping
from typing import Any

from .cloudtrail import Record
from .errors import DetectionsError

type Predicate = Callable[[Record], bool]


def compile_predicate(node: Any, where: str) -> Predicate:
    """Compile {"all": nodes}, {"any": nodes}, {"not": node} or {"field": path, "equals": strings}.

    DetectionsError, which says where, for anything else. A path is names joined by dots; what is
    absent or no string equals nothing.
    """
    match node:
        case {"all": list(children), **rest} if children and not rest:
            return _all(_compile_each(children, f"{where}.all"))
        case {"any": list(children), **rest} if children and not rest:
            return _any(_compile_each(children, f"{where}.any"))
        case {"not": child, **rest} if not rest:
            return _not(compile_predicate(child, f"{where}.not"))
        case {"field": str(path), "equals": list(values), **rest} if not rest:
            return _equals(_steps(path, where), _strings(values, where))
    raise DetectionsError(where, f"expected all, any, not, or field with equals; found {node!r}")


def _compile_each(children: list[Any], where: str) -> tuple[Predicate, ...]:
    return tuple(compile_predicate(child, f"{where}[{i}]") for i, child in enumerate(children))


def _steps(path: str, where: str) -> tuple[str, ...]:
    steps = tuple(path.split("."))
    if not all(steps):
        raise DetectionsError(f"{where}.field", f"expected names joined by dots, found {path!r}")
    return steps


def _strings(values: list[Any], where: str) -> frozenset[str]:
    if not values or not all(isinstance(value, str) for value in values):
        raise DetectionsError(f"{where}.equals", f"expected strings, found {values!r}")
    return frozenset(values)


def _all(children: tuple[Predicate, ...]) -> Predicate:
    return lambda record: all(child(record) for child in children)


def _any(children: tuple[Predicate, ...]) -> Predicate:
    return lambda record: any(child(record) for child in children)


def _not(child: Predicate) -> Predicate:
    return lambda record: not child(record)


def _equals(steps: tuple[str, ...], values: frozenset[str]) -> Predicate:
    def equals(record: Record) -> bool:
        found = _value_at(record, steps)
        return isinstance(found, str) and found in values

    return equals


def _value_at(record: Record, steps: tuple[str, ...]) -> Any:
    value: Any = record
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value

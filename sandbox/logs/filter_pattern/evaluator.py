"""Whether a log event matches the tree of a filter pattern.

Where AWS's documentation is silent, the reading under which fewer events match is taken, so that a
pattern that relies on leniency fails here. These readings are:

- A string, a regex or a quoted number compares with JSON strings only, an unquoted number with JSON
  numbers only: against any other value neither `=` nor `!=` holds. A boolean is no number.
- `*` and digits with a wildcard (`4*`), unquoted, stand for a string or a number, never for a
  boolean or null; a number is then compared as text.
- A word that is almost a number (`.5`, `1E3`, `5.`) is a string.
- `NOT EXISTS` holds under an absent parent, but not under a parent that is null, a scalar or the
  wrong container (a name in an array, an index in an object), nor for a wildcard over nothing.
- With a wildcard selector, `=`, `<` and their like and `IS` need one selected value that fits; `!=`
  and `NOT EXISTS` need all to fit, and at least one to be selected.
- `.*` selects the fields of an object and `[*]` the elements of an array, never the other way.
- `$` in a regex is the very end of the string, and `.` is no line break.
- NaN and Infinity are no JSON: a line with them never matches. Of a repeated key the last counts.
"""

import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum

from sandbox.logs.filter_pattern.nodes import (
    And,
    AnyElement,
    AnyName,
    Comparison,
    Constant,
    Expression,
    Index,
    IsConstant,
    Name,
    NotExists,
    Number,
    NumberWildcard,
    Operator,
    Or,
    Regex,
    Selector,
    Step,
    Text,
    Value,
)
from sandbox.logs.filter_pattern.regex import compile_regex

type Json = dict[str, Json] | list[Json] | str | Decimal | bool | None


class _Missing(Enum):
    ABSENT = "the container is there, or absent itself, and holds no such value"
    UNREACHABLE = "what should be the container is null, a scalar or another kind of container"


type _Selected = Json | _Missing

_ORDERS: dict[Operator, Callable[[Decimal, Decimal], bool]] = {
    Operator.LESS: operator.lt,
    Operator.GREATER: operator.gt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
_CONSTANTS = {Constant.NULL: None, Constant.TRUE: True, Constant.FALSE: False}


def evaluate(expression: Expression, event: dict[str, Json]) -> bool:
    match expression:
        case And(operands):
            return all(evaluate(operand, event) for operand in operands)
        case Or(operands):
            return any(evaluate(operand, event) for operand in operands)
        case NotExists(selector):
            return _all(value is _Missing.ABSENT for value in _select(selector, event))
        case IsConstant(selector, constant):
            return any(value is _CONSTANTS[constant] for value in _select(selector, event))
        case Comparison():
            return _compare(expression, event)


def _compare(comparison: Comparison, event: dict[str, Json]) -> bool:
    selected = _select(comparison.selector, event)
    match comparison.operator, comparison.value:
        case Operator.EQUAL, wanted:
            return any(_equal(wanted, value) is True for value in selected)
        case Operator.NOT_EQUAL, wanted:
            return _all(_equal(wanted, value) is False for value in selected)
        case order, Number(number):
            holds = _ORDERS[order]
            return any(isinstance(value, Decimal) and holds(value, number) for value in selected)
        case _:
            raise TypeError(f"the parser lets no such comparison through: {comparison}")


def _all(results: Iterable[bool]) -> bool:
    """All hold, and there is at least one."""
    held = list(results)
    return bool(held) and all(held)


def _equal(wanted: Value, value: _Selected) -> bool | None:
    """None where the two cannot be compared: then neither `=` nor `!=` holds."""
    match wanted, value:
        case Number(number), Decimal():
            return value == number
        case Text(text) | NumberWildcard(text), str():
            return _fits(text, value)
        case NumberWildcard(text), Decimal():
            return _fits(text, str(value))
        case Regex(source), str():
            return compile_regex(source).search(value) is not None
        case _:
            return None


def _fits(wanted: str, text: str) -> bool:
    """`*` is a wildcard as the first or the last character, and itself in between."""
    match wanted.startswith("*"), wanted.endswith("*"):
        case True, True:
            return wanted[1:-1] in text
        case True, False:
            return text.endswith(wanted[1:])
        case False, True:
            return text.startswith(wanted[:-1])
        case _:
            return text == wanted


def _select(selector: Selector, event: dict[str, Json]) -> list[_Selected]:
    selected: list[_Selected] = [event]
    for step in selector.steps:
        selected = [child for parent in selected for child in _children(step, parent)]
    return selected


def _children(step: Step, parent: _Selected) -> list[_Selected]:
    match step, parent:
        case _, _Missing():
            return [parent]
        case Name(name), dict():
            return [parent.get(name, _Missing.ABSENT)]
        case Index(index), list():
            return [parent[index] if index < len(parent) else _Missing.ABSENT]
        case AnyName(), dict():
            return list(parent.values())
        case AnyElement(), list():
            return list(parent)
        case _:
            return [_Missing.UNREACHABLE]

"""Whether a log event matches a filter pattern.

Where AWS's documentation is silent, the sandbox matches fewer events, so that a pattern that relies
on leniency fails:

- A string, a regex or a quoted number compares only with JSON strings, an unquoted number only with
  JSON numbers. With other values both `=` and `!=` are false. A boolean is not a number.
- `*` and digits with a wildcard (`4*`), unquoted, match strings and numbers, never booleans or
  null. They compare a number as text.
- A word that is almost a number (`.5`, `1E3`, `5.`) is a string.
- `NOT EXISTS` is true under an absent parent. It is false under a parent that is null, a scalar or
  another container (a name in an array, an index in an object), and for a wildcard over nothing.
- With a wildcard selector, `=`, `<`, `>`, `<=`, `>=` and `IS` require one matching value. `!=` and
  `NOT EXISTS` require all values to match, and at least one.
- `.*` selects the fields of an object and `[*]` the elements of an array, never the reverse.
- `$` in a regex is the end of the string, and `.` does not match a line break.
- NaN and Infinity are not JSON: such a line never matches. The last of duplicate keys counts.
"""

import json
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import NoReturn

from sandbox.logs.filter_pattern.nodes import (
    And,
    AnyElement,
    AnyName,
    ArrayIndex,
    ComparisonOperator,
    Constant,
    Expression,
    IsConstant,
    Name,
    NotExists,
    NumberValue,
    NumberWildcard,
    Or,
    PropertySelector,
    RegexValue,
    Step,
    StringValue,
    Value,
    ValueComparison,
)
from sandbox.logs.filter_pattern.parser import parse_expression
from sandbox.logs.filter_pattern.regex import compile_regex

type Json = dict[str, Json] | list[Json] | str | Decimal | bool | None


class _Missing(Enum):
    ABSENT = "the container lacks the value or is absent itself"
    UNREACHABLE = "the parent is null, a scalar or another kind of container"


type _Selected = Json | _Missing

_ORDERS: dict[ComparisonOperator, Callable[[Decimal, Decimal], bool]] = {
    ComparisonOperator.LESS: operator.lt,
    ComparisonOperator.GREATER: operator.gt,
    ComparisonOperator.LESS_OR_EQUAL: operator.le,
    ComparisonOperator.GREATER_OR_EQUAL: operator.ge,
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
        case ValueComparison():
            return _compare(expression, event)


def _compare(comparison: ValueComparison, event: dict[str, Json]) -> bool:
    selected = _select(comparison.selector, event)
    match comparison.operator, comparison.value:
        case ComparisonOperator.EQUAL, wanted:
            return any(_equal(wanted, value) is True for value in selected)
        case ComparisonOperator.NOT_EQUAL, wanted:
            return _all(_equal(wanted, value) is False for value in selected)
        case order, NumberValue(number):
            holds = _ORDERS[order]
            return any(isinstance(value, Decimal) and holds(value, number) for value in selected)
        case _:
            raise TypeError(f"the parser refuses this comparison: {comparison}")


def _all(results: Iterable[bool]) -> bool:
    """All are true, and there is at least one."""
    held = list(results)
    return bool(held) and all(held)


def _equal(wanted: Value, value: _Selected) -> bool | None:
    """None for values of different types: both `=` and `!=` are false."""
    match wanted, value:
        case NumberValue(number), Decimal():
            return value == number
        case StringValue(text) | NumberWildcard(text), str():
            return _fits(text, value)
        case NumberWildcard(text), Decimal():
            return _fits(text, str(value))
        case RegexValue(source), str():
            return compile_regex(source).search(value) is not None
        case _:
            return None


def _fits(wanted: str, text: str) -> bool:
    """`*` is a wildcard only as the first or the last character."""
    match wanted.startswith("*"), wanted.endswith("*"):
        case True, True:
            return wanted[1:-1] in text
        case True, False:
            return text.endswith(wanted[1:])
        case False, True:
            return text.startswith(wanted[:-1])
        case _:
            return text == wanted


def _select(selector: PropertySelector, event: dict[str, Json]) -> list[_Selected]:
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
        case ArrayIndex(index), list():
            return [parent[index] if index < len(parent) else _Missing.ABSENT]
        case AnyName(), dict():
            return list(parent.values())
        case AnyElement(), list():
            return list(parent)
        case _:
            return [_Missing.UNREACHABLE]


@dataclass(frozen=True, slots=True)
class FilterPattern:
    expression: Expression

    def matches(self, message: str) -> bool:
        """False unless the message is a JSON object."""
        event = _json_object(message)
        return event is not None and evaluate(self.expression, event)

    def __str__(self) -> str:
        return f"{{ {self.expression} }}"


def parse(pattern: str) -> FilterPattern:
    """Raises FilterPatternError."""
    return FilterPattern(parse_expression(pattern))


def _json_object(message: str) -> dict[str, Json] | None:
    try:
        value = json.loads(
            message, parse_int=Decimal, parse_float=Decimal, parse_constant=_refuse_constant
        )
    # An exponent too large for Decimal, or nesting too deep for json.
    except (ValueError, InvalidOperation, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")

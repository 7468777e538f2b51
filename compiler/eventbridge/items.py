"""The tests on one field as the list of an event pattern.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import re
from math import inf
from typing import Any

from compiler.conditions import Text, Wildcard
from compiler.eventbridge.texts import UnsayableError, ignores_case, shown
from compiler.eventbridge.values import AnythingBut, Range, Test, Tests, Value, include

VALUES: dict[Value, Any] = {
    Value.ABSENT: {"exists": False},
    Value.NULL: None,
    Value.TRUE: True,
    Value.FALSE: False,
}
LARGEST = 5_000_000_000  # of numbers, compared with six decimals
DECIMALS = 6
# Ruler, EventBridge's matcher, takes such a string for an address and compares addresses.
ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*")


def pattern_list(tests: Tests, possible: Tests) -> list[Any]:
    """What is absent comes first, then null.

    Raises UnsayableError. `possible` is what the field may hold at all.
    """
    if include(tests, tuple(test for test in possible if test is not Value.ABSENT)):
        return [{"exists": True}]
    if any(isinstance(test, AnythingBut) for test in tests):
        _check_beside_anything_but(tests, possible)
    return [_item(test) for test in sorted(tests, key=_rank)]


def _check_beside_anything_but(tests: Tests, possible: Tests) -> None:
    """Ruler compares JSON texts: null, true and 1 are anything but a string."""
    others = tuple(
        test for test in possible if test is not Value.ABSENT and not isinstance(test, Text)
    )
    if not include(tests, others):
        reason = (
            "anything-but is true of null, booleans and numbers, too, which must not match here"
        )
        raise UnsayableError(reason)


def _rank(test: Test) -> int:
    return list(Value).index(test) if isinstance(test, Value) else len(Value)


def _item(test: Test) -> Any:
    match test:
        case Value():
            return VALUES[test]
        case Range():
            return {"numeric": _numeric(test)}
        case Text():
            return _text_item(test)
        case AnythingBut(texts):
            return {"anything-but": _anything_but(texts)}


def _numeric(numbers: Range) -> list[Any]:
    bounds = [number for number in (numbers.low, numbers.high) if abs(number) != inf]
    for number in bounds:
        if abs(number) >= LARGEST or round(number, DECIMALS) != number:
            reason = f"{number} is not between -{LARGEST} and {LARGEST} with at most six decimals"
            raise UnsayableError(reason)
    if not bounds:
        return [">=", -LARGEST, "<=", LARGEST]
    if numbers.low == numbers.high:
        return ["=", numbers.low]
    lower = [] if numbers.low == -inf else [">" if numbers.low_open else ">=", numbers.low]
    upper = [] if numbers.high == inf else ["<" if numbers.high_open else "<=", numbers.high]
    return lower + upper


def _text_item(text: Text) -> Any:
    operator, value = _operation(text)
    if ignores_case(text):
        if operator == "wildcard":
            reason = f"{shown(text)} is sayable with case only, as it has a wildcard before its end"
            raise UnsayableError(reason)
        same = {"equals-ignore-case": value}
        return same if operator == "equals" else {operator: same}
    if operator == "equals" and not ADDRESS.fullmatch(value):
        return value
    return {"wildcard": _wildcard(text)} if operator == "equals" else {operator: value}


def _anything_but(texts: tuple[Text, ...]) -> Any:
    """One kind of comparison for all of them, the simplest that there is."""
    operations = [_operation(text) for text in texts]
    operators = {operator for operator, _ in operations}
    values = [value for _, value in operations]
    if any(map(ignores_case, texts)):
        return {"equals-ignore-case": _without_case(texts)}
    if operators == {"equals"}:
        return values
    if operators in ({"prefix"}, {"suffix"}):
        return {operators.pop(): _alone(values)}
    return {"wildcard": _alone([_wildcard(text) for text in texts])}


def _without_case(texts: tuple[Text, ...]) -> Any:
    for text in texts:
        if text.plain is None or (text.cased and text.plain.lower() != text.plain.upper()):
            reason = f"not {shown(text)}: under anything-but, strings without case are whole"
            raise UnsayableError(f"{reason} and none beside them is with case")
    return _alone([str(text.plain) for text in texts])


def _alone(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _operation(text: Text) -> tuple[str, str]:
    match text.parts:
        case (Wildcard.MANY, str() as value):
            return "suffix", value
        case (str() as value, Wildcard.MANY):
            return "prefix", value
    return ("wildcard", _wildcard(text)) if text.plain is None else ("equals", text.plain)


def _wildcard(text: Text) -> str:
    return "".join(
        part.value if isinstance(part, Wildcard) else re.sub(r"([*\\])", r"\\\1", part)
        for part in text.parts
    )

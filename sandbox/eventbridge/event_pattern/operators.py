"""The elements of a field's list to tests, checked as Ruler, EventBridge's matcher, checks them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
https://github.com/aws/event-ruler
"""

import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any

from sandbox.eventbridge.event_pattern.errors import EventPatternError
from sandbox.eventbridge.event_pattern.nodes import (
    Address,
    AnythingBut,
    Between,
    Comparison,
    Exists,
    Is,
    Like,
    Test,
)

LARGEST = Decimal(5_000_000_000)
DECIMALS = 6
WILDCARD_PARTS = re.compile(r"\\[*\\]|\\|\*\*?|[^*\\]+")


def parse_test(element: Any, path: str) -> Test:
    match element:
        case str():
            return _text(element)
        case None | bool() | Decimal():
            return Is(element)
        case dict():
            operator, value = _only_member(element, path)
            if operator not in _OPERATORS:
                known = ", ".join(_OPERATORS)
                raise EventPatternError(path, f"unknown operator {operator!r}; known are {known}")
            return _OPERATORS[operator](value, f"{path}.{operator}")
        case _:
            raise EventPatternError(path, "it is no string, number, true, false, null or operator")


def is_comparable(number: Decimal) -> bool:
    """Whether EventBridge compares it as a number."""
    return abs(number) <= LARGEST and number == round(number, DECIMALS)


def _text(text: str) -> Comparison:
    """A text that is an address fits the same address in another spelling."""
    with suppress(ValueError):
        return Address(ip_address(text), ip_address(text))
    return Is(text)


def _only_member(element: dict[str, Any], path: str) -> tuple[str, Any]:
    if len(element) != 1:
        raise EventPatternError(path, f"one operator is needed, not {sorted(element)}")
    return next(iter(element.items()))


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise EventPatternError(path, f"{value!r} is no string")
    return value


def _exists(value: Any, path: str) -> Exists:
    if not isinstance(value, bool):
        raise EventPatternError(path, f"{value!r} is neither true nor false")
    return Exists(value)


def _equals_ignoring_case(value: Any, path: str) -> Comparison:
    return Like((_string(value, path),), ignore_case=True)


def _begins(value: Any, path: str) -> Comparison:
    text, ignore_case = _with_case(value, path)
    return Like((text, ""), ignore_case)


def _ends(value: Any, path: str) -> Comparison:
    text, ignore_case = _with_case(value, path)
    return Like(("", text), ignore_case)


def _with_case(value: Any, path: str) -> tuple[str, bool]:
    if not isinstance(value, dict):
        return _string(value, path), False
    operator, text = _only_member(value, path)
    if operator != "equals-ignore-case":
        raise EventPatternError(path, f"{operator!r} cannot stand here")
    return _string(text, f"{path}.{operator}"), True


def _like(value: Any, path: str) -> Comparison:
    r"""`*` stands for any characters, `\*` and `\\` for themselves."""
    text = _string(value, path)
    pieces = [""]
    for part in WILDCARD_PARTS.findall(text):
        match part:
            case "*":
                pieces.append("")
            case "**":
                raise EventPatternError(path, f"{text!r} has two wildcards in a row")
            case "\\":
                raise EventPatternError(path, rf"{text!r} has a \ before neither * nor \ itself")
            case _:
                pieces[-1] += part[-1] if part[0] == "\\" else part
    return Like(tuple(pieces))


def _between(value: Any, path: str) -> Comparison:
    if not isinstance(value, list):
        raise EventPatternError(path, "it is no list of operators and numbers")
    match value:
        case ["=", Decimal() as number]:
            return Between(low=_limited(number, path), high=number)
        case ["<" | "<=" as order, Decimal() as high]:
            return Between(high=_limited(high, path), high_open=order == "<")
        case [">" | ">=" as order, Decimal() as low]:
            return Between(low=_limited(low, path), low_open=order == ">")
        case [">" | ">=" as above, Decimal() as low, "<" | "<=" as below, Decimal() as high]:
            if _limited(low, path) >= _limited(high, path):
                raise EventPatternError(path, f"{low} is not less than {high}")
            return Between(low=low, low_open=above == ">", high=high, high_open=below == "<")
        case _:
            raise EventPatternError(path, "neither one comparison nor > or >= and then < or <=")


def _limited(number: Decimal, path: str) -> Decimal:
    if not is_comparable(number):
        reason = f"{number} is not between -{LARGEST} and {LARGEST} with {DECIMALS} decimals"
        raise EventPatternError(path, reason)
    return number


def _network(value: Any, path: str) -> Comparison:
    address, slash, bits = _string(value, path).partition("/")
    try:
        network = ip_network(value, strict=False)
    except ValueError as error:
        raise EventPatternError(path, f"{value!r} is no CIDR block") from error
    if not slash or not bits.isdecimal() or network.prefixlen == network.max_prefixlen:
        most = network.max_prefixlen - 1
        raise EventPatternError(path, f"{value!r} needs a mask of 0 to {most} bits")
    return Address(ip_address(address), network.broadcast_address)


def _anything_but(value: Any, path: str) -> Comparison:
    if isinstance(value, dict):
        operator, operand = _only_member(value, path)
        if operator not in _NEGATABLE:
            raise EventPatternError(path, f"{operator!r} cannot stand here")
        place = f"{path}.{operator}"
        tests = tuple(_negatable(operator, one, place) for one in _listed(operand, place))
        return AnythingBut(tests)
    values = _listed(value, path)
    if len({type(one) for one in values}) > 1 or not isinstance(values[0], str | Decimal):
        raise EventPatternError(path, "it is neither all strings nor all numbers")
    return AnythingBut(
        tuple(Is(_limited(one, path) if isinstance(one, Decimal) else one) for one in values)
    )


def _listed(value: Any, path: str) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise EventPatternError(path, "an empty list is not allowed")
    return values


def _negatable(operator: str, value: Any, path: str) -> Comparison:
    if not _string(value, path) and operator in {"prefix", "suffix"}:
        raise EventPatternError(path, "an empty text is not allowed")
    return _NEGATABLE[operator](value, path)


type Reader = Callable[[Any, str], Comparison]

_NEGATABLE: dict[str, Reader] = {
    "prefix": _begins,
    "suffix": _ends,
    "wildcard": _like,
    "equals-ignore-case": _equals_ignoring_case,
}
_OPERATORS: dict[str, Callable[[Any, str], Test]] = {
    **_NEGATABLE,
    "anything-but": _anything_but,
    "exists": _exists,
    "numeric": _between,
    "cidr": _network,
}
OPERATORS = frozenset(_OPERATORS)

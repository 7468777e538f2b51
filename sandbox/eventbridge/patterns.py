"""Event patterns: moto's evaluator behind the checks of PutRule, which moto lacks.

Moto does not look into arrays of objects: a field in one of them never matches, and counts as
absent for `exists: false`.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, NoReturn, cast

from moto.events.exceptions import InvalidEventPatternException
from moto.events.models import UNDEFINED, EventPattern

OR = "$or"
MAX_COMBINATIONS = 1000  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
MAX_NUMBER = Decimal(5_000_000_000)
MAX_DECIMALS = 6
WILDCARD = re.compile(r"(?:[^\\*]|\\[*\\]|\*(?!\*))*")
# Under $or, EventBridge takes no field of such a name.
RESERVED_UNDER_OR = frozenset(
    {
        *("=", "<", "<=", ">", ">=", "exactly", "regex", "not-wildcard"),
        *("not-equals-ignore-case", "date-after", "date-on-or-after", "date-before"),
        *("date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range"),
    }
)

type Path = tuple[str, ...]


@functools.lru_cache(maxsize=256)
def load(text: str) -> "StrictEventPattern":
    """Raises InvalidEventPatternException."""
    try:
        document = json.loads(
            text,
            parse_int=Decimal,
            parse_float=Decimal,
            parse_constant=lambda constant: _refuse((), constant, "JSON"),
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise InvalidEventPatternException(reason=f"not JSON: {error}") from error
    if not isinstance(document, dict):
        _refuse((), document, "a JSON object")
    _alternatives(document, ())
    return StrictEventPattern(text, json.loads(text))


class StrictEventPattern(EventPattern):
    """Moto takes true for 1, an empty array or object for a value, and numbers of any size."""

    def matches(self, event: Mapping[str, Any]) -> bool:
        """The event as EventBridge delivers it, with its envelope."""
        return bool(self.matches_event(cast("Any", event)))

    def _does_item_match_filters(self, item: Any, filters: list[Any]) -> bool:
        values = list(_leaves(item)) or [UNDEFINED]
        return any(
            super(StrictEventPattern, self)._does_item_match_filters(value, [test])
            for value in values
            for test in filters
            if _is_comparable(test, value)
        )


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not UNDEFINED and not isinstance(value, Mapping):
        yield value


def _is_comparable(test: Any, value: Any) -> bool:
    if isinstance(test, dict):
        return "numeric" not in test or _is_number(value)
    return isinstance(test, bool) is isinstance(value, bool)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _is_in_range(Decimal(str(value)))


def _is_in_range(number: Decimal) -> bool:
    return abs(number) <= MAX_NUMBER and number == round(number, MAX_DECIMALS)


def _refuse(path: Path, got: Any, expected: str) -> NoReturn:
    where = ".".join(path) or "event pattern"
    raise InvalidEventPatternException(reason=f"{where}: got {_shown(got)}, expected {expected}")


def _shown(value: Any) -> str:
    return json.dumps(value, default=float)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            _refuse((name,), f"{name} twice", "unique names in an object")
    return dict(pairs)


def _alternatives(fields: dict[str, Any], at: Path, *, under_or: bool = False) -> list[set[Path]]:
    """The fields that each combination of `$or` tests."""
    if not fields:
        _refuse(at, fields, "at least one field")
    found: list[set[Path]] = [set()]
    for name, value in fields.items():
        more = _member(name, value, at, under_or=under_or)
        found = [_disjoint(one, other) for one in found for other in more]
        if len(found) > MAX_COMBINATIONS:
            _refuse(at, len(found), f"at most {MAX_COMBINATIONS} combinations of $or")
    return found


def _disjoint(one: set[Path], other: set[Path]) -> set[Path]:
    for path in other:
        for taken in one:
            shorter = min(len(path), len(taken))
            if path[:shorter] == taken[:shorter]:
                _refuse(path, "a second test beside $or", "one test of a field")
    return one | other


def _member(name: str, value: Any, at: Path, *, under_or: bool) -> list[set[Path]]:
    path = (*at, name)
    if name == OR:
        return _either(value, at)
    if "." in name:
        _refuse(path, name, "a name without a dot")
    if under_or and name in RESERVED_UNDER_OR | set(_OPERATORS):
        _refuse(path, name, "a name that is no reserved word under $or")
    if isinstance(value, dict):
        return _alternatives(value, path, under_or=under_or)
    if not isinstance(value, list) or not value:
        _refuse(path, value, "an object or an array with at least one element")
    for index, test in enumerate(value):
        _check_test(test, (*at, f"{name}[{index}]"))
    return [{path}]


def _either(value: Any, at: Path) -> list[set[Path]]:
    is_list = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    if not is_list or len(value) < 2:  # noqa: PLR2004  EventBridge refuses a single alternative
        _refuse((*at, OR), value, "an array of at least two objects")
    return [paths for one in value for paths in _alternatives(one, at, under_or=True)]


def _check_test(test: Any, path: Path) -> None:
    if isinstance(test, dict):
        _check_operator(test, path, _OPERATORS)
    elif isinstance(test, list):
        _refuse(path, test, "a string, a number, true, false, null or an operator")


def _check_operator(test: dict[str, Any], path: Path, known: Mapping[str, "Check"]) -> None:
    operator = next(iter(test), "")
    if len(test) != 1 or operator not in known:
        _refuse(path, list(test), f"one operator of {', '.join(known)}")
    known[operator](test[operator], (*path, operator))


def _check_string(value: Any, path: Path) -> None:
    if not isinstance(value, str):
        _refuse(path, value, "a string")


def _check_affix(value: Any, path: Path) -> None:
    if isinstance(value, dict):
        _check_operator(value, path, {"equals-ignore-case": _check_string})
    else:
        _check_string(value, path)


def _check_wildcard(value: Any, path: Path) -> None:
    _check_string(value, path)
    if not WILDCARD.fullmatch(value):
        _refuse(path, value, "no two wildcards in a row, and a backslash before * or \\ alone")


def _check_exists(value: Any, path: Path) -> None:
    if not isinstance(value, bool):
        _refuse(path, value, "true or false")


def _check_numeric(value: Any, path: Path) -> None:
    match value:
        case ["=" | "<" | "<=" | ">" | ">=", Decimal() as number]:
            _check_number(number, path)
        case [">" | ">=", Decimal() as low, "<" | "<=", Decimal() as high] if low < high:
            _check_number(low, path)
            _check_number(high, path)
        case _:
            _refuse(path, value, "one comparison, or > or >= a number and < or <= a larger one")


def _check_number(number: Decimal, path: Path) -> None:
    if not _is_in_range(number):
        expected = f"-{MAX_NUMBER} to {MAX_NUMBER} with at most {MAX_DECIMALS} decimals"
        _refuse(path, number, expected)


def _check_cidr(value: Any, path: Path) -> None:
    _check_string(value, path)
    try:
        network = ip_network(value)
    except ValueError:
        _refuse(path, value, "a CIDR block without host bits")
    mask = value.partition("/")[2]
    if not mask.isdecimal() or network.prefixlen == network.max_prefixlen:
        _refuse(path, value, f"a mask of 0 to {network.max_prefixlen - 1} bits")


def _check_anything_but(value: Any, path: Path) -> None:
    if isinstance(value, dict):
        _check_operator(value, path, _UNDER_ANYTHING_BUT)
        return
    values = _listed(value, path)
    if not (_are_all(values, str) or _are_all(values, Decimal)):
        _refuse(path, value, "strings alone or numbers alone")
    for number in values:
        if isinstance(number, Decimal):
            _check_number(number, path)


def _listed(value: Any, path: Path) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values:
        _refuse(path, values, "at least one value")
    return values


def _are_all(values: list[Any], kind: type) -> bool:
    return all(isinstance(one, kind) for one in values)


def _each(check: "Check", *, allow_empty: bool = True) -> "Check":
    def check_each(value: Any, path: Path) -> None:
        for one in _listed(value, path):
            check(one, path)
            if not one and not allow_empty:
                _refuse(path, one, "a string that is not empty")

    return check_each


type Check = Callable[[Any, Path], None]

_OPERATORS: dict[str, Check] = {
    "prefix": _check_affix,
    "suffix": _check_affix,
    "equals-ignore-case": _check_string,
    "wildcard": _check_wildcard,
    "anything-but": _check_anything_but,
    "numeric": _check_numeric,
    "exists": _check_exists,
    "cidr": _check_cidr,
}
_UNDER_ANYTHING_BUT: dict[str, Check] = {
    "prefix": _each(_check_string, allow_empty=False),
    "suffix": _each(_check_string, allow_empty=False),
    "equals-ignore-case": _each(_check_string),
    "wildcard": _each(_check_wildcard),
}

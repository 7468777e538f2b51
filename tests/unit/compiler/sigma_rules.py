"""Random Sigma rules, random records for them, and pySigma's own reading of a rule."""

import operator
import re
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from tests.unit.compiler.catalogs import RULE
from tests.unit.compiler.condition_meaning import ABSENT, found

ORDERS = {
    CompareOperators.LT: operator.lt,
    CompareOperators.LTE: operator.le,
    CompareOperators.GT: operator.gt,
    CompareOperators.GTE: operator.ge,
}
STRINGS = ("name", "identity.type", "answer.login")
NUMBERS = ("answer.code",)
BOOLEANS = ("answer.done",)
WORDS = ("Root", "root", "Ro", "ot", "Success", "100%", "a*b", "")
RULE_WORDS = ("Root", "root", "Ro", "ot", "Success", "R*t", "Roo?", "1*", "203.0.113.7")
REGEXES = ("^Ro", "oo", "t$", "[Rr]oot|Success", "R.+t")
MODIFIERS = ("", "contains", "startswith", "endswith")
CONDITIONS = (
    "selection_a",
    "selection_a and not selection_b",
    "selection_a and not 1 of filter_*",
    "selection_a or (selection_b and not filter_c)",
    "all of selection_* and not filter_c",
    "1 of selection_*",
    "not (selection_a or selection_b)",
    "1 of them",
)


def _string_items(*, cased: bool) -> st.SearchStrategy[tuple[str, Any]]:
    case = "|cased" if cased else ""
    words = st.sampled_from(RULE_WORDS)
    one = st.tuples(
        st.sampled_from(STRINGS),
        st.sampled_from([f"|{modifier}".rstrip("|") + case for modifier in MODIFIERS]),
        words | st.lists(words, min_size=1, max_size=3, unique=True),
    )
    every = st.tuples(
        st.sampled_from(STRINGS),
        st.just("|contains|all" + case),
        st.lists(words, min_size=2, max_size=2, unique=True),
    )
    return (one | every).map(lambda drawn: (drawn[0] + drawn[1], drawn[2]))


def _other_items() -> st.SearchStrategy[tuple[str, Any]]:
    fields = STRINGS + NUMBERS + BOOLEANS
    orders = st.sampled_from(["", "|lt", "|lte", "|gt", "|gte", "|neq"])
    return st.one_of(
        st.tuples(st.sampled_from(STRINGS).map("{}|re".format), st.sampled_from(REGEXES)),
        st.tuples(st.sampled_from(fields), st.none()),
        st.tuples(st.sampled_from(fields).map("{}|exists".format), st.booleans()),
        st.tuples(orders.map(NUMBERS[0].__add__), st.integers(-2, 2) | st.just(1.5)),
        st.tuples(st.sampled_from(BOOLEANS), st.booleans()),
    )


def _selections(items: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[Any]:
    mapping = st.lists(items, min_size=1, max_size=2).map(dict)
    return mapping | st.lists(mapping, min_size=2, max_size=2)


def rules(*, cased: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A rule as its YAML would hold it; strings `|cased` or not."""
    selection = _selections(_string_items(cased=cased) | _other_items())
    names = ("selection_a", "selection_b", "filter_c")
    return st.tuples(
        st.fixed_dictionaries(dict.fromkeys(names, selection)), st.sampled_from(CONDITIONS)
    ).map(lambda drawn: {**RULE, "detection": {**drawn[0], "condition": drawn[1]}})


def records() -> st.SearchStrategy[dict[str, Any]]:
    """Each field of the type that it is compared with, null, or absent; its parent, too."""
    strings = st.none() | st.sampled_from(WORDS)
    numbers = st.none() | st.integers(-3, 3) | st.sampled_from([1.5, 0.0])
    booleans = st.none() | st.booleans()
    identity = st.none() | st.fixed_dictionaries({}, optional={"type": strings})
    answer = st.none() | st.fixed_dictionaries(
        {}, optional={"login": strings, "code": numbers, "done": booleans}
    )
    return st.fixed_dictionaries(
        {}, optional={"name": strings, "identity": identity, "answer": answer}
    )


def reads(rule: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """The condition tree that pySigma makes of the rule, evaluated as it stands."""
    [condition] = SigmaRule.from_dict(dict(rule)).detection.parsed_condition
    return _holds(condition.parse(), record)


def _holds(node: Any, record: Mapping[str, Any]) -> bool:
    match node:
        case ConditionAND():
            return all(_holds(arg, record) for arg in node.args)
        case ConditionOR():
            return any(_holds(arg, record) for arg in node.args)
        case ConditionNOT():
            return not _holds(node.args[0], record)
        case ConditionFieldEqualsValueExpression():
            return _fits(node.value, found(record, node.field))
    raise TypeError(node)


def _fits(value: Any, found: Any) -> bool:
    match value:
        case SigmaString():
            return isinstance(found, str) and _fits_text(value, found)
        case SigmaRegularExpression():
            return isinstance(found, str) and bool(re.search(str(value.regexp), found))
        case SigmaNull():
            return found is None or found is ABSENT
        case SigmaExists():
            return (found is not ABSENT) is value.exists
    return _fits_scalar(value, found)


def _fits_scalar(value: Any, found: Any) -> bool:
    match value:
        case SigmaBool():
            return found is value.boolean
        case SigmaNumber():
            return _is_number(found) and found == value.number
        case SigmaCompareExpression():
            return _compares(value, found)
    raise TypeError(value)


def _fits_text(value: SigmaString, found: str) -> bool:
    case = re.NOFLAG if isinstance(value, SigmaCasedString) else re.IGNORECASE
    return re.fullmatch(_regex(value), found, re.DOTALL | case) is not None


def _regex(value: SigmaString) -> str:
    special = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(
        special[part] if isinstance(part, SpecialChars) else re.escape(str(part))
        for part in value.s
    )


def _compares(value: SigmaCompareExpression, found: Any) -> bool:
    number = value.number.number
    if value.op is CompareOperators.NEQ:
        return not (_is_number(found) and found == number)
    return _is_number(found) and bool(ORDERS[value.op](found, number))


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)

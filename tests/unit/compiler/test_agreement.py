"""The compiled forms of a rule agree with pySigma's reading of it, and with each other."""

import operator
import re
from collections.abc import Iterable, Iterator
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, reject, settings
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

from compiler.catalog import EXAMPLE_PLACEHOLDERS
from compiler.conditions import FieldCompares, FieldEquals, FieldIsBoolean, Leaf, leaves
from compiler.detection import Detection
from compiler.errors import DetectionError
from compiler.samples import read_samples
from compiler.sigma import read_condition
from sandbox.cloudtrail.sign_ins import Record
from tests.unit.compiler.evaluation import (
    ABSENT,
    RULE,
    SHIPPED,
    detection,
    importer_matches,
    metric_filter_matches,
    subscription_matches,
    value_of,
)

OPERATORS = {
    CompareOperators.LT: operator.lt,
    CompareOperators.LTE: operator.le,
    CompareOperators.GT: operator.gt,
    CompareOperators.GTE: operator.ge,
}
# Some names start with another name.
STRINGS = ("name", "names", "identity.type", "identity.types", "answer.login")
NUMBERS = ("answer.code",)
BOOLEANS = ("answer.done",)
WORDS = ("Root", "root", "Ro", "ot", "Success", "100%", "a*b", "", "a", "aa", "aba")
RULE_WORDS = (
    *("Root", "root", "Ro", "ot", "Success", "R*t", "Roo?", "1*", "203.0.113.7"),
    *("a*a", "ab*ba", "aba*ba", "a", "*"),
)
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


def string_items(*, cased: bool) -> st.SearchStrategy[tuple[str, Any]]:
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


def other_items() -> st.SearchStrategy[tuple[str, Any]]:
    fields = STRINGS + NUMBERS + BOOLEANS
    operators = st.sampled_from(["", "|lt", "|lte", "|gt", "|gte", "|neq"])
    return st.one_of(
        st.tuples(st.sampled_from(STRINGS).map("{}|re".format), st.sampled_from(REGEXES)),
        st.tuples(st.sampled_from(fields), st.none()),
        st.tuples(st.sampled_from(fields).map("{}|exists".format), st.booleans()),
        st.tuples(operators.map(NUMBERS[0].__add__), st.integers(-2, 2) | st.just(1.5)),
        st.tuples(st.sampled_from(BOOLEANS), st.booleans()),
    )


def rules(*, cased: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Rules as YAML contains them; the strings are all `|cased`, or all not."""
    mapping = st.lists(string_items(cased=cased) | other_items(), min_size=1, max_size=2).map(dict)
    selection = mapping | st.lists(mapping, min_size=2, max_size=2)
    names = ("selection_a", "selection_b", "filter_c")
    return st.tuples(
        st.fixed_dictionaries(dict.fromkeys(names, selection)), st.sampled_from(CONDITIONS)
    ).map(lambda drawn: {**RULE, "detection": {**drawn[0], "condition": drawn[1]}})


def records() -> st.SearchStrategy[Record]:
    """Each field has the type that it is compared with, or is null or absent; so has its parent."""
    strings = st.none() | st.sampled_from(WORDS)
    numbers = st.none() | st.integers(-3, 3) | st.sampled_from([1.5, 0.0])
    booleans = st.none() | st.booleans()
    identity = {"type": strings, "types": strings}
    answer = {"login": strings, "code": numbers, "done": booleans}
    fields = {
        "name": strings,
        "names": strings,
        "identity": st.none() | st.fixed_dictionaries({}, optional=identity),
        "answer": st.none() | st.fixed_dictionaries({}, optional=answer),
    }
    return st.fixed_dictionaries({}, optional=fields)


CASED_RULES, RULES_WITHOUT_CASE, RECORDS = rules(cased=True), rules(cased=False), records()


def read(rule: dict[str, Any]) -> Detection:
    return detection(read_condition("drawn", SigmaRule.from_dict(rule), EXAMPLE_PLACEHOLDERS))


def parse_with_pysigma(rule: dict[str, Any]) -> Any:
    [condition] = SigmaRule.from_dict(rule).detection.parsed_condition
    return condition.parse()


def pysigma_matches(node: Any, record: Record) -> bool:
    """Evaluates a condition tree of pySigma."""
    match node:
        case ConditionAND():
            return all(pysigma_matches(arg, record) for arg in node.args)
        case ConditionOR():
            return any(pysigma_matches(arg, record) for arg in node.args)
        case ConditionNOT():
            return not pysigma_matches(node.args[0], record)
        case ConditionFieldEqualsValueExpression():
            return _value_matches(node.value, value_of(record, node.field))
    raise TypeError(node)


def _value_matches(expected: Any, value: Any) -> bool:
    match expected:
        case SigmaString():
            return isinstance(value, str) and _string_matches(expected, value)
        case SigmaRegularExpression():
            return isinstance(value, str) and bool(re.search(str(expected.regexp), value))
        case SigmaNull():
            return value is None or value is ABSENT
        case SigmaExists():
            return (value is not ABSENT) is expected.exists
    return _scalar_matches(expected, value)


def _scalar_matches(expected: Any, value: Any) -> bool:
    match expected:
        case SigmaBool():
            return value is expected.boolean
        case SigmaNumber():
            return _is_number(value) and value == expected.number
        case SigmaCompareExpression(op=CompareOperators.NEQ):
            return not (_is_number(value) and value == expected.number.number)
        case SigmaCompareExpression():
            number = expected.number.number
            return _is_number(value) and bool(OPERATORS[expected.op](value, number))
    raise TypeError(expected)


def _string_matches(expected: SigmaString, value: str) -> bool:
    wildcards = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    regex = "".join(
        wildcards[part] if isinstance(part, SpecialChars) else re.escape(str(part))
        for part in expected.s
    )
    case = re.NOFLAG if isinstance(expected, SigmaCasedString) else re.IGNORECASE
    return re.fullmatch(regex, value, re.DOTALL | case) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@settings(max_examples=200)
@given(rule=CASED_RULES | RULES_WITHOUT_CASE, records=st.lists(RECORDS, min_size=3, max_size=3))
def test_the_importer_agrees_with_pysigma(rule: dict[str, Any], records: list[Record]) -> None:
    one, expected = read(rule), parse_with_pysigma(rule)

    for record in records:
        assert importer_matches([one], record) is pysigma_matches(expected, record)


@settings(max_examples=200)
@given(rule=CASED_RULES, records=st.lists(RECORDS, min_size=3, max_size=3))
def test_a_metric_pattern_of_cased_strings_agrees_with_pysigma(
    rule: dict[str, Any], records: list[Record]
) -> None:
    assert_the_metric_pattern_agrees(rule, records)


@settings(max_examples=200)
@given(rule=RULES_WITHOUT_CASE, records=st.lists(RECORDS, min_size=3, max_size=3))
def test_a_metric_pattern_of_strings_without_case_agrees_with_pysigma(
    rule: dict[str, Any], records: list[Record]
) -> None:
    assert_the_metric_pattern_agrees(rule, records)


def assert_the_metric_pattern_agrees(rule: dict[str, Any], records: list[Record]) -> None:
    one, expected = read(rule), parse_with_pysigma(rule)
    for record in records:
        try:
            matches = metric_filter_matches(one, record)
        except DetectionError:  # filter patterns do not support the rule
            reject()
        assert matches is pysigma_matches(expected, record)


@given(first=CASED_RULES, second=RULES_WITHOUT_CASE, record=RECORDS)
def test_a_subscription_matches_what_pysigma_matches(
    first: dict[str, Any], second: dict[str, Any], record: Record
) -> None:
    if any(pysigma_matches(parse_with_pysigma(rule), record) for rule in (first, second)):
        assert subscription_matches([read(first), read(second)], record)


SAMPLES = {one.name: read_samples(one.folder) for one in SHIPPED}
IMPORTED = [one for one in SHIPPED if "importer" in one.evaluated_by]
STRANGE_VALUES: tuple[Any, ...] = (True, 0, 1.5, "é", [], ["Root"], {}, {"value": "Root"})

type FieldChange = tuple[str, Any]  # a path with its new value


def test_the_importer_and_the_metric_filter_agree_on_each_variant_of_a_sample() -> None:
    for one in SHIPPED:
        for record, sample, change in variants(one, near_changes(one)):
            matches = importer_matches([one], record)
            assert metric_filter_matches(one, record) is matches, (one.name, sample, change)


def test_the_subscription_matches_what_a_detection_matches_whatever_the_types() -> None:
    for one in SHIPPED:
        for record, sample, change in variants(one, strange_changes(one)):
            if importer_matches([one], record):
                failure = (one.name, sample, change)
                assert subscription_matches([one], record), failure
                assert one not in IMPORTED or subscription_matches(IMPORTED, record), failure


@settings(max_examples=50)
@given(data=st.data())
def test_shipped_detections_agree_on_samples_with_two_changes(data: st.DataObject) -> None:
    for one in SHIPPED:
        sample = data.draw(SAMPLE[one.name])
        first, second = data.draw(CHANGE[one.name]), data.draw(CHANGE[one.name])
        record = changed(changed(sample.record, first), second)

        matches = importer_matches([one], record)
        assert metric_filter_matches(one, record) is matches, (one.name, sample.name, first, second)
        assert subscription_matches([one], record) or not matches, (one.name, first, second)


def variants(
    one: Detection, changes: Iterable[FieldChange]
) -> Iterator[tuple[Record, str, FieldChange]]:
    """Each sample with each of the changes that makes a difference to it."""
    for sample in SAMPLES[one.name]:
        for change in changes:
            record = changed(sample.record, change)
            if record != sample.record:
                yield record, sample.name, change


def near_changes(one: Detection) -> list[FieldChange]:
    """Of the fields that the detection compares, to values of the same type, null or absence."""
    changes = [
        (leaf.field, value)
        for leaf in leaves(one.condition)
        for value in (*values_near(leaf), ABSENT, None)
    ]
    changes += [(parent, value) for parent in parents(one) for value in (ABSENT, None, {})]
    return list({repr(change): change for change in changes}.values())


def strange_changes(one: Detection) -> list[FieldChange]:
    fields = {leaf.field for leaf in leaves(one.condition)} | parents(one)
    return [(field, value) for field in sorted(fields) for value in STRANGE_VALUES]


def parents(one: Detection) -> set[str]:
    fields = {leaf.field for leaf in leaves(one.condition)}
    return {field.rpartition(".")[0] for field in fields if "." in field}


def values_near(leaf: Leaf) -> list[Any]:
    match leaf:
        case FieldIsBoolean():
            return [True, False]
        case FieldCompares(_, _, number):
            return [number - 1, number, number + 1]
        case FieldEquals(_, patterns):
            words = ["".join(pattern.literals) for pattern in patterns]
            return ["", *(spelling for word in words for spelling in spellings(word))]
        case _:
            return ["", "x"]


def spellings(word: str) -> list[str]:
    return [word, word.lower(), word.upper(), f" {word}", f"{word}x", word[:-1]]


def changed(record: Record, change: FieldChange) -> Record:
    """A copy; unchanged where the path leads through a value that is not an object."""
    path, value = change
    name, dot, rest = path.partition(".")
    if dot:
        inner = record.get(name)
        if not isinstance(inner, dict):
            return record
        return {**record, name: changed(inner, (rest, value))}
    if value is ABSENT:
        return {key: other for key, other in record.items() if key != name}
    return {**record, name: value}


SAMPLE = {one.name: st.sampled_from(SAMPLES[one.name]) for one in SHIPPED}
CHANGE = {one.name: st.sampled_from(near_changes(one)) for one in SHIPPED}

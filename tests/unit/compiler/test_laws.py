"""The renderings of a detection agree on rules and records that nobody wrote down."""

import copy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, reject
from sigma.rule import SigmaRule

from compiler.catalog import EXAMPLE_PLACEHOLDERS
from compiler.conditions import FieldCompares, FieldEquals, FieldIsBoolean, Leaf, leaves
from compiler.detection import Detection
from compiler.errors import DetectionError
from compiler.samples import read_samples
from compiler.sigma import read_condition
from tests.unit.compiler import sigma_rules
from tests.unit.compiler.catalogs import SHIPPED, detection
from tests.unit.compiler.condition_meaning import ABSENT
from tests.unit.compiler.judges import (
    importer_matches,
    metric_counts,
    subscription_delivers,
)

DETECTIONS = SHIPPED
SAMPLES = {one.name: read_samples(one.folder) for one in DETECTIONS}
IMPORTED = [one for one in DETECTIONS if "importer" in one.evaluated_by]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2)
    ),
    max_leaves=4,
)
each_detection = pytest.mark.parametrize("one", DETECTIONS, ids=lambda one: one.name)


def read(rule: dict[str, Any]) -> Detection:
    return detection(read_condition("drawn", SigmaRule.from_dict(rule), EXAMPLE_PLACEHOLDERS))


@given(sigma_rules.rules(cased=True) | sigma_rules.rules(cased=False), sigma_rules.records())
def test_the_importer_reads_a_rule_as_pysigma_does(
    rule: dict[str, Any], record: dict[str, Any]
) -> None:
    assert importer_matches([read(rule)], record) is sigma_rules.reads(rule, record)


@pytest.mark.parametrize("cased", [True, False])
@given(data=st.data(), record=sigma_rules.records())
def test_a_metric_pattern_reads_a_rule_as_pysigma_does(
    cased: bool,  # noqa: FBT001  a parameter of the test
    data: st.DataObject,
    record: dict[str, Any],
) -> None:
    rule = data.draw(sigma_rules.rules(cased=cased))
    try:
        matches = metric_counts(read(rule), record)
    except DetectionError:  # the filter pattern language does not support the rule
        reject()

    assert matches is sigma_rules.reads(rule, record)


@given(
    first=sigma_rules.rules(cased=True),
    second=sigma_rules.rules(cased=False),
    record=sigma_rules.records(),
)
def test_a_subscription_delivers_whatever_pysigma_reads_as_a_match(
    first: dict[str, Any], second: dict[str, Any], record: dict[str, Any]
) -> None:
    matches = sigma_rules.reads(first, record) or sigma_rules.reads(second, record)

    assert subscription_delivers([read(first), read(second)], record) or not matches


@each_detection
@given(data=st.data())
def test_a_shipped_detections_renderings_agree_near_its_samples(
    one: Detection, data: st.DataObject
) -> None:
    record = data.draw(NEAR_RECORDS[one.name])
    matches = importer_matches([one], record)

    assert metric_counts(one, record) is matches


@each_detection
@given(data=st.data())
def test_the_subscription_delivers_what_a_shipped_detection_matches_whatever_the_types(
    one: Detection, data: st.DataObject
) -> None:
    record = data.draw(STRANGE_RECORDS[one.name])
    matches = importer_matches([one], record)

    assert subscription_delivers([one], record) or not matches
    if one in IMPORTED:
        assert subscription_delivers(IMPORTED, record) or not matches


class Near:
    """Samples of a detection, and what else its compared fields may hold.

    The strategies are made once: to make one takes longer than to draw from it.
    """

    def __init__(self, one: Detection, others: st.SearchStrategy[Any] | None) -> None:
        compared = list(leaves(one.condition))
        self.records = st.sampled_from([sample.record for sample in SAMPLES[one.name]])
        self.compared = st.lists(st.sampled_from(compared), min_size=1, max_size=2)
        self.values = {
            leaf: st.sampled_from([*spellings(leaf), ABSENT, None])
            | (of_its_type(leaf.field, compared) if others is None else others)
            for leaf in compared
        }


ONE_IN_FIVE = st.integers(0, 4)
# A new object each time: records must not share one, nor hold themselves.
IN_PLACE_OF_AN_OBJECT = st.sampled_from([ABSENT, None]) | st.builds(dict[str, Any])


@st.composite
def near_records(draw: st.DrawFn, near: Near) -> dict[str, Any]:
    """A sample of which one or two compared fields, or the object around, hold something else."""
    record: dict[str, Any] = copy.deepcopy(draw(near.records))
    for leaf in draw(near.compared):
        put(record, leaf.field, draw(near.values[leaf]))
        parent, dot, _ = leaf.field.rpartition(".")
        if dot and draw(ONE_IN_FIVE) == 0:
            put(record, parent, draw(IN_PLACE_OF_AN_OBJECT))
    return record


def of_its_type(field: str, compared: list[Leaf]) -> st.SearchStrategy[Any]:
    kinds = {type(leaf) for leaf in compared if leaf.field == field}
    if FieldIsBoolean in kinds:
        return st.booleans()
    return st.integers() if FieldCompares in kinds else st.text(max_size=8)


def spellings(leaf: Leaf) -> list[str]:
    if not isinstance(leaf, FieldEquals):
        return []
    words = [text.plain or "".join(text.literals) for text in leaf.patterns]
    return [
        spelling
        for word in words
        for spelling in (word, word.lower(), word.upper(), f" {word}", f"{word}x", word[:-1])
    ]


def put(record: dict[str, Any], path: str, value: object) -> None:
    """Where the path leads through something that is no object, the record stays as it is."""
    *parents, name = path.split(".")
    holder: Any = record
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        return
    if value is ABSENT:
        holder.pop(name, None)
    else:
        holder[name] = value


NEAR_RECORDS = {one.name: near_records(Near(one, None)) for one in DETECTIONS}
STRANGE_RECORDS = {one.name: near_records(Near(one, JSON)) for one in DETECTIONS}

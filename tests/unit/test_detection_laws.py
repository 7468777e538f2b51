"""The renderings of a detection agree on records that nobody wrote down as a sample."""

import copy
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, reject

from detections import catalog
from detections.catalog import Detection, Sample
from detections.conditions import AllOf, AnyOf, Condition, FieldIs, Not
from detections.errors import DetectionError
from tests.unit.detection_catalogs import (
    comparisons,
    detection,
    importer_matches,
    metric_counts,
    subscription_delivers,
)

DETECTIONS = catalog.load()
ABSENT = object()
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
each_detection = pytest.mark.parametrize("one", DETECTIONS, ids=lambda one: one.name)


def spellings(value: str) -> list[str]:
    return [value, value.lower(), value.upper(), f" {value}", f"{value}x", value[:-1]]


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


@st.composite
def near_records(
    draw: st.DrawFn, one: Detection, samples: Sequence[Sample], others: st.SearchStrategy[Any]
) -> dict[str, Any]:
    """A sample of which one or two compared fields, or the object around, hold something else."""
    record = copy.deepcopy(draw(st.sampled_from(samples)).record)
    compared = {comparison.field: comparison.values for comparison in comparisons(one.condition)}
    for path in draw(st.lists(st.sampled_from(sorted(compared)), min_size=1, max_size=2)):
        words = [word for value in compared[path] for word in spellings(value)]
        put(record, path, draw(st.sampled_from([*words, ABSENT, None]) | others))
        parent, dot, _ = path.rpartition(".")
        if dot and draw(st.integers(0, 4)) == 0:
            put(record, parent, draw(st.sampled_from([ABSENT, None, {}])))
    return record


@each_detection
@given(data=st.data())
def test_the_metric_counts_what_the_importer_matches(one: Detection, data: st.DataObject) -> None:
    record = data.draw(near_records(one, catalog.samples(one.name), WORDS))

    assert metric_counts(one, record) is importer_matches([one], record)


@each_detection
@given(data=st.data())
def test_the_subscription_delivers_what_the_importer_matches(
    one: Detection, data: st.DataObject
) -> None:
    matching = [sample for sample in catalog.samples(one.name) if sample.matches]
    record = data.draw(near_records(one, matching, JSON))

    assert subscription_delivers(DETECTIONS, record) or not importer_matches([one], record)


FIELDS = ("name", "identity.type", "answer.login", "answer.method")
VALUES = ("Root", "root", "Success")


def leaves() -> st.SearchStrategy[Condition]:
    values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
    return st.builds(FieldIs, st.sampled_from(FIELDS), values.map(tuple))


def trees() -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves(),
        lambda inner: (
            st.builds(Not, inner)
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts)))
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
        ),
        max_leaves=4,
    )


def trees_with_a_positive_part() -> st.SearchStrategy[Condition]:
    return st.tuples(leaves(), trees()).map(AllOf)


def records(held: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    def objects(*names: str) -> st.SearchStrategy[Any]:
        return st.none() | st.fixed_dictionaries({}, optional=dict.fromkeys(names, held))

    return st.fixed_dictionaries(
        {},
        optional={
            "name": held,
            "identity": objects("type"),
            "answer": objects("login", "method"),
        },
    )


@given(trees(), records(st.sampled_from([*VALUES, None])))
def test_any_condition_is_counted_as_the_importer_matches_it(
    condition: Condition, record: dict[str, Any]
) -> None:
    one = detection(condition)
    try:
        counted = metric_counts(one, record)
    except DetectionError:  # longer than a filter pattern may be
        reject()

    assert counted is importer_matches([one], record)


@given(
    trees_with_a_positive_part(),
    trees_with_a_positive_part(),
    records(st.sampled_from(VALUES) | JSON),
)
def test_a_subscription_of_any_conditions_delivers_what_the_importer_matches(
    first: Condition, second: Condition, record: dict[str, Any]
) -> None:
    both = [detection(first), detection(second)]
    matches = importer_matches([both[0]], record) or importer_matches([both[1]], record)

    assert subscription_delivers(both, record) or not matches

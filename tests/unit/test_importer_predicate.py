"""The predicate language over records, ordinary and awkward."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.predicate import compile_predicate

IS_ROOT = {"field": "userIdentity.type", "equals": ["Root"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"userIdentity": {"type": "Root"}}, True),
        ({"userIdentity": {"type": "root"}}, False),
        ({"userIdentity": {"type": "Root "}}, False),
        ({"userIdentity": {"type": None}}, False),
        ({"userIdentity": {"type": ["Root"]}}, False),
        ({"userIdentity": {"type": {"Root": "Root"}}}, False),
        ({"userIdentity": {}}, False),
        ({"userIdentity": "Root"}, False),
        ({"userIdentity": [{"type": "Root"}]}, False),
        ({"userIdentity.type": "Root"}, False),
        ({}, False),
    ],
)
def test_equals_holds_for_the_exact_string_only(record: dict[str, Any], *, expected: bool) -> None:
    assert compile_predicate(IS_ROOT, "p")(record) is expected
    assert compile_predicate({"not": IS_ROOT}, "p")(record) is not expected


@pytest.mark.parametrize(
    ("record", "all_hold", "any_holds"),
    [
        ({"a": "1", "b": "2"}, True, True),
        ({"a": "1", "b": "1"}, False, True),
        ({"a": "2", "b": "1"}, False, False),
        ({"a": 1, "b": 2}, False, False),
    ],
)
def test_all_and_any_combine(record: dict[str, Any], *, all_hold: bool, any_holds: bool) -> None:
    children = [{"field": "a", "equals": ["1"]}, {"field": "b", "equals": ["2", "3"]}]

    assert compile_predicate({"all": children}, "p")(record) is all_hold
    assert compile_predicate({"any": children}, "p")(record) is any_holds


@given(JSON)
def test_not_is_the_opposite_on_any_record(value: Any) -> None:
    record = {"userIdentity": value}

    assert compile_predicate(IS_ROOT, "p")(record) != compile_predicate({"not": IS_ROOT}, "p")(
        record
    )


@pytest.mark.parametrize(
    ("node", "where"),
    [
        ({"startswith": "x"}, "p"),
        ({}, "p"),
        ("Root", "p"),
        (None, "p"),
        ({"all": []}, "p"),
        ({"any": []}, "p"),
        ({"all": [IS_ROOT], "any": [IS_ROOT]}, "p"),
        ({"field": "a", "equals": "Root"}, "p"),
        ({"field": "a", "equals": ["x"], "cased": True}, "p"),
        ({"field": "a", "equals": []}, "p.equals"),
        ({"field": "a", "equals": [1]}, "p.equals"),
        ({"field": "a..b", "equals": ["x"]}, "p.field"),
        ({"all": [IS_ROOT, {"not": {"any": [{"regex": "x"}]}}]}, "p.all[1].not.any[0]"),
    ],
)
def test_an_unknown_node_is_refused_with_its_place(node: Any, where: str) -> None:
    with pytest.raises(DetectionsError) as caught:
        compile_predicate(node, "p")

    assert caught.value.where == where

"""The predicate language over records, ordinary and awkward."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.matching.predicate import compile_predicate

IS_ROOT = {"field": "userIdentity.type", "equals": ["Root"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
BEYOND_FLOATS = 2**53 + 1  # as a float, it would be 2**53


def holds(leaf: dict[str, Any], value: Any) -> bool:
    """Whether the leaf holds at any depth of paths; it must be the same at all."""
    told = {
        compile_predicate({"field": "a", **leaf}, "p")({"a": value}),
        compile_predicate({"field": "a.b", **leaf}, "p")({"a": {"b": value}}),
        compile_predicate({"field": "a.b.c", **leaf}, "p")({"a": {"b": {"c": value}}}),
    }
    [one] = told
    return one


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
    ("value", "expected"),
    [
        ("root", True),
        ("RoOT", True),
        ("kms", True),
        ("KMS", True),
        ("\N{KELVIN SIGN}MS", False),  # Python's lower() makes it a k
        ("K\N{LATIN SMALL LETTER LONG S}", False),
        ("root ", False),
        (["root"], False),
        (None, False),
    ],
)
def test_equals_ignore_case_knows_the_letters_a_to_z_only(value: Any, *, expected: bool) -> None:
    assert holds({"equals_ignore_case": ["root", "kms", "ks"]}, value) is expected


@pytest.mark.parametrize(
    ("expressions", "value", "expected"),
    [
        (["oo"], "Root", True),
        (["^oo"], "Root", False),
        (["x", "t$"], "Root", True),
        (["ROOT"], "Root", False),
        (["(?i)ROOT"], "Root", True),
        (["(?i)k"], "\N{KELVIN SIGN}", False),
        ([r"\d"], "\N{ARABIC-INDIC DIGIT ONE}", False),
        ([r"^\w+$"], "über", False),
        (["a.b"], "a\nb", False),
        (["(?s)a.b"], "a\nb", True),
        ([r"Root\Z"], "Root\n", False),
        (["(?m)^b$"], "a\nb\nc", True),
        (["1"], 1, False),
        (["None"], None, False),
        (["Root"], ["Root"], False),
    ],
)
def test_a_regex_is_searched_for_in_strings_with_ascii_classes(
    expressions: list[str], value: Any, *, expected: bool
) -> None:
    assert holds({"regex": expressions}, value) is expected


@pytest.mark.parametrize(
    ("leaf", "value", "expected"),
    [
        ({"eq": 5}, 5, True),
        ({"eq": 5}, 5.0, True),
        ({"eq": 5.5}, 5, False),
        ({"eq": 1}, True, False),
        ({"eq": 0}, False, False),
        ({"eq": 5}, "5", False),
        ({"eq": 0}, None, False),
        ({"eq": BEYOND_FLOATS}, BEYOND_FLOATS, True),
        ({"eq": BEYOND_FLOATS}, BEYOND_FLOATS - 1, False),
        ({"eq": BEYOND_FLOATS}, float(BEYOND_FLOATS), False),
        ({"eq": float(BEYOND_FLOATS)}, BEYOND_FLOATS, False),
        ({"lt": BEYOND_FLOATS}, float(BEYOND_FLOATS), True),
        ({"lt": 10**400}, 1e308, True),
        ({"lt": 5}, 5, False),
        ({"lt": 5}, -1, True),
        ({"lt": 5}, False, False),
        ({"lte": 5}, 5, True),
        ({"lte": 5}, 5.1, False),
        ({"gt": 5}, 5, False),
        ({"gt": 5}, 10**400, True),
        ({"gt": 5}, "6", False),
        ({"gte": 5}, 5, True),
        ({"gte": 5}, [6], False),
        ({"gte": 5}, {"a": 6}, False),
    ],
)
def test_numbers_compare_with_numbers_only_and_exactly(
    leaf: dict[str, Any], value: Any, *, expected: bool
) -> None:
    assert holds(leaf, value) is expected


@pytest.mark.parametrize("value", [True, False, 1, 0, "true", "false", None, [True]])
@pytest.mark.parametrize("asked", [True, False])
def test_is_holds_for_the_boolean_only(value: Any, *, asked: bool) -> None:
    assert holds({"is": asked}, value) is (value is asked)


@pytest.mark.parametrize(
    ("record", "null", "exists"),
    [
        ({}, True, False),
        ({"a": None}, True, False),
        ({"a": {}}, True, False),
        ({"a": {"b": None}}, True, True),
        ({"a": {"b": False}}, False, True),
        ({"a": {"b": ""}}, False, True),
        ({"a": {"b": []}}, False, True),
        ({"a": {"b": {}}}, False, True),
        ({"a": "b"}, True, False),
        ({"a": [{"b": 1}]}, True, False),
        ({"a.b": 1}, True, False),
    ],
)
def test_null_is_absent_or_null_and_exists_is_the_key(
    record: dict[str, Any], *, null: bool, exists: bool
) -> None:
    deeper = {"outer": record}

    assert compile_predicate({"field": "a.b", "null": True}, "p")(record) is null
    assert compile_predicate({"field": "outer.a.b", "null": True}, "p")(deeper) is null
    assert compile_predicate({"field": "a.b", "exists": True}, "p")(record) is exists
    assert compile_predicate({"field": "outer.a.b", "exists": True}, "p")(deeper) is exists
    assert compile_predicate({"field": "a", "exists": True}, "p")(record) is ("a" in record)


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


@given(
    JSON,
    st.sampled_from(
        [
            {"equals": ["Root"]},
            {"equals_ignore_case": ["root"]},
            {"regex": ["o"]},
            {"eq": 1},
            {"lt": 0.5},
            {"is": True},
            {"null": True},
            {"exists": True},
        ]
    ),
    st.sampled_from(["a", "a.b", "a.b.c"]),
)
def test_any_leaf_holds_or_its_opposite_on_any_record(
    value: Any, leaf: dict[str, Any], path: str
) -> None:
    node = {"field": path, **leaf}
    record = {"a": value}
    held = compile_predicate(node, "p")(record)

    assert compile_predicate({"not": node}, "p")(record) is not held


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
        ({"field": "a"}, "p"),
        ({"field": "a", "equals": ["x"], "cased": True}, "p"),
        ({"field": "a", "startswith": ["x"]}, "p"),
        ({"field": 1, "equals": ["x"]}, "p"),
        ({"field": "a", "equals": "Root"}, "p.equals"),
        ({"field": "a", "equals": []}, "p.equals"),
        ({"field": "a", "equals": [1]}, "p.equals"),
        ({"field": "a", "equals_ignore_case": ["Root"]}, "p.equals_ignore_case"),
        ({"field": "a", "equals_ignore_case": ["über"]}, "p.equals_ignore_case"),
        ({"field": "a", "regex": "x"}, "p.regex"),
        ({"field": "a", "regex": ["x", "("]}, "p.regex[1]"),
        ({"field": "a", "regex": ["(?u)x"]}, "p.regex[0]"),
        ({"field": "a", "regex": ["x{99999999999999999999}"]}, "p.regex[0]"),
        ({"field": "a", "eq": True}, "p.eq"),
        ({"field": "a", "lt": "5"}, "p.lt"),
        ({"field": "a", "lte": None}, "p.lte"),
        ({"field": "a", "gt": float("nan")}, "p.gt"),
        ({"field": "a", "gte": float("inf")}, "p.gte"),
        ({"field": "a", "is": 1}, "p.is"),
        ({"field": "a", "is": "true"}, "p.is"),
        ({"field": "a", "null": False}, "p.null"),
        ({"field": "a", "exists": False}, "p.exists"),
        ({"field": "a", "exists": 1}, "p.exists"),
        ({"field": "a..b", "equals": ["x"]}, "p.field"),
        ({"field": "", "null": True}, "p.field"),
        ({"all": [IS_ROOT, {"not": {"any": [{"regex": "x"}]}}]}, "p.all[1].not.any[0]"),
    ],
)
def test_an_unknown_node_is_refused_with_its_place(node: Any, where: str) -> None:
    with pytest.raises(DetectionsError) as caught:
        compile_predicate(node, "p")

    assert caught.value.where == where


def test_integers_of_any_length_are_compared_and_not_refused() -> None:
    node = json.loads(f'{{"field": "a", "gte": {10**400}}}')

    assert compile_predicate(node, "p")({"a": 10**400})
    assert not compile_predicate(node, "p")({"a": 10**400 - 1})

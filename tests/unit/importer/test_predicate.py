"""The predicate language over ordinary and unusual records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.matching.predicate import compile_predicate

IS_ROOT = {"field": "userIdentity.type", "equals": ["Root"]}
NAMES = st.text() | st.sampled_from(["b", "bc", "c", "cd"])  # some are prefixes of others
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(NAMES, children),
    max_leaves=10,
)
BEYOND_FLOATS = 2**53 + 1  # as a float, it would be 2**53


def holds(operator: dict[str, Any], value: Any) -> bool:
    """Evaluate the operator at several depths, at which the result must be the same."""
    results = {
        compile_predicate({"field": "a", **operator}, "p")({"a": value}),
        compile_predicate({"field": "a.b", **operator}, "p")({"a": {"b": value}}),
        compile_predicate({"field": "a.b.c", **operator}, "p")({"a": {"b": {"c": value}}}),
    }
    [result] = results
    return result


def test_equals_matches_the_exact_string() -> None:
    for record, expected in (
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
        ({"userIdentity": {"types": "Root"}}, False),
        ({"userIdentityX": {"type": "Root"}}, False),
        ({}, False),
    ):
        assert compile_predicate(IS_ROOT, "p")(record) is expected
        assert compile_predicate({"not": IS_ROOT}, "p")(record) is not expected


def test_equals_ignore_case_ignores_the_case_of_a_to_z_only() -> None:
    for value, expected in (
        ("root", True),
        ("RoOT", True),
        ("kms", True),
        ("KMS", True),
        ("\N{KELVIN SIGN}MS", False),  # Python's lower() converts it to k
        ("K\N{LATIN SMALL LETTER LONG S}", False),
        ("root ", False),
        (["root"], False),
        (None, False),
    ):
        assert holds({"equals_ignore_case": ["root", "kms", "ks"]}, value) is expected


def test_a_regex_is_searched_in_strings_with_ascii_classes() -> None:
    for expressions, value, expected in (
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
    ):
        assert holds({"regex": expressions}, value) is expected


def test_the_whitespace_class_of_a_regex_is_that_of_ascii() -> None:
    for character in " \t\n\r\f\v":
        assert holds({"regex": [r"\Aa\sb\Z"]}, f"a{character}b")
        assert not holds({"regex": [r"\Aa\Sb\Z"]}, f"a{character}b")
    for character in "\x00\x1c\x85\xa0\u2028":
        assert not holds({"regex": [r"\s"]}, character)


def test_numbers_compare_exactly_and_with_numbers_only() -> None:
    for operator, value, expected in (
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
    ):
        assert holds(operator, value) is expected


def test_is_matches_the_boolean_only() -> None:
    for value in (True, False, 1, 0, "true", "false", None, [True]):
        for expected in (True, False):
            assert holds({"is": expected}, value) is (value is expected)


def test_null_matches_null_or_absent_and_exists_matches_the_key() -> None:
    cases: list[tuple[dict[str, Any], bool, bool]] = [
        ({}, True, False),
        ({"a": None}, True, False),
        ({"a": {}}, True, False),
        ({"a": {"b": None}}, True, True),
        ({"a": {"b": False}}, False, True),
        ({"a": {"b": ""}}, False, True),
        ({"a": {"b": []}}, False, True),
        ({"a": {"b": {}}}, False, True),
        ({"a": {"bc": 1}}, True, False),
        ({"ab": {"b": 1}}, True, False),
        ({"a": "b"}, True, False),
        ({"a": [{"b": 1}]}, True, False),
        ({"a.b": 1}, True, False),
    ]
    for record, null, exists in cases:
        nested = {"outer": record}

        assert compile_predicate({"field": "a.b", "null": True}, "p")(record) is null
        assert compile_predicate({"field": "outer.a.b", "null": True}, "p")(nested) is null
        assert compile_predicate({"field": "a.b", "exists": True}, "p")(record) is exists
        assert compile_predicate({"field": "outer.a.b", "exists": True}, "p")(nested) is exists
        assert compile_predicate({"field": "a", "exists": True}, "p")(record) is ("a" in record)


def test_all_and_any_combine_their_children() -> None:
    children = [{"field": "a", "equals": ["1"]}, {"field": "b", "equals": ["2", "3"]}]
    cases: list[tuple[dict[str, Any], bool, bool]] = [
        ({"a": "1", "b": "2"}, True, True),
        ({"a": "1", "b": "1"}, False, True),
        ({"a": "2", "b": "1"}, False, False),
        ({"a": 1, "b": 2}, False, False),
    ]
    for record, all_match, any_matches in cases:
        assert compile_predicate({"all": children}, "p")(record) is all_match
        assert compile_predicate({"any": children}, "p")(record) is any_matches


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
def test_not_negates_every_operator_on_arbitrary_records(
    value: Any, operator: dict[str, Any], path: str
) -> None:
    node = {"field": path, **operator}
    # Names that share a prefix must not be confused.
    record = {"a": value, "ab": "Root"}
    matches = compile_predicate(node, "p")(record)

    assert compile_predicate(node, "p")({"a": value}) is matches
    assert compile_predicate({"not": node}, "p")(record) is not matches


INVALID: list[tuple[Any, str]] = [
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
]


def test_an_invalid_node_raises_an_error_with_the_key_and_the_value() -> None:
    for node, key in INVALID:
        with pytest.raises(DetectionsError, match=r": got .*, expected ") as caught:
            compile_predicate(node, "p")

        assert caught.value.key == key


def test_integers_of_any_length_are_compared() -> None:
    node = json.loads(f'{{"field": "a", "gte": {10**400}}}')

    assert compile_predicate(node, "p")({"a": 10**400})
    assert not compile_predicate(node, "p")({"a": 10**400 - 1})


def test_an_error_states_the_expected_value() -> None:
    for operator, expected in (
        ({"equals": "x"}, "an array of strings"),
        ({"equals_ignore_case": ["X"]}, "lowercase ASCII"),
        ({"regex": ["("]}, "a Python regular expression"),
        ({"eq": "1"}, "a number"),
        ({"is": 1}, "true or false"),
        ({"null": False}, "true; negate it with not"),
        (
            {"other": 1},
            "one of equals, equals_ignore_case, regex, eq, lt, lte, gt, gte, is, null, exists",
        ),
        ({"field": "a..b", "null": True}, "names joined by dots"),
        ({"field": 1, "null": True}, "all, any, not, or field with one operator"),
    ):
        with pytest.raises(DetectionsError) as caught:
            compile_predicate({"field": "a", **operator}, "p")

        assert str(caught.value).endswith(f", expected {expected}")

"""Event patterns: which are valid, and which events they match.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import json
from contextlib import suppress
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from moto.events.exceptions import InvalidEventPatternException

from sandbox.eventbridge.patterns import load

ABSENT = object()


def refusal(text: str) -> str:
    with pytest.raises(InvalidEventPatternException) as refused:
        load(text)
    return str(refused.value.message)


def matches(pattern: Any, event: Any) -> bool:
    return load(json.dumps(pattern)).matches(event)


def field_matches(tests: list[Any], value: Any) -> bool:
    detail = {} if value is ABSENT else {"a": value}
    return matches({"detail": {"a": tests}}, {"source": "x", "detail": detail})


VALID: list[list[Any]] = [
    ["x", "", 1, -1.5, True, False, None],
    [{"prefix": "x"}, {"prefix": ""}, {"prefix": {"equals-ignore-case": "x"}}],
    [{"suffix": "x"}, {"suffix": {"equals-ignore-case": "x"}}],
    [{"equals-ignore-case": "x"}],
    [{"wildcard": "*"}, {"wildcard": r"a*b\*c\\d*"}],
    [{"exists": True}],
    [{"anything-but": "x"}, {"anything-but": 1}, {"anything-but": ["x", "y"]}],
    [{"anything-but": [1, 2]}],
    [{"anything-but": {"prefix": "x"}}, {"anything-but": {"suffix": ["x", "y"]}}],
    [{"anything-but": {"wildcard": ["*x", "y*"]}}],
    [{"anything-but": {"equals-ignore-case": ["x", ""]}}],
    [{"numeric": ["=", 3.018e2]}, {"numeric": ["<", 10]}, {"numeric": [">", 0, "<=", 5]}],
    [{"numeric": [">=", -5e9, "<=", 5e9]}],
    [{"cidr": "10.0.0.0/24"}, {"cidr": "2001:db8::/32"}],
]


def test_documented_operators_are_valid() -> None:
    for tests in VALID:
        load(json.dumps({"detail": {"a": tests}}))


KNOWN = "prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr"
INVALID: list[tuple[Any, str]] = [
    ([], "detail.a: got [], expected an object or an array with at least one element"),
    ("x", 'detail.a: got "x", expected an object or an array'),
    (1, "detail.a: got 1.0, expected an object or an array"),
    (None, "detail.a: got null, expected an object or an array"),
    ({}, "detail.a: got {}, expected at least one field"),
    ([["x"]], 'detail.a[0]: got ["x"], expected a string, a number, true, false, null or an op'),
    ([{}], "detail.a[0]: got [], expected one operator of prefix"),
    ([{"prefix": "x", "suffix": "y"}], 'detail.a[0]: got ["prefix", "suffix"], expected one'),
    (["x", {"contains": "x"}], f'detail.a[1]: got ["contains"], expected one operator of {KNOWN}'),
    ([{"prefix": 1}], "detail.a[0].prefix: got 1.0, expected a string"),
    ([{"prefix": ["x", "y"]}], 'detail.a[0].prefix: got ["x", "y"], expected a string'),
    ([{"prefix": {"wildcard": "x"}}], 'detail.a[0].prefix: got ["wildcard"], expected one'),
    ([{"suffix": {"equals-ignore-case": 1}}], "suffix.equals-ignore-case: got 1.0, expected a str"),
    ([{"suffix": None}], "detail.a[0].suffix: got null, expected a string"),
    ([{"equals-ignore-case": ["x"]}], 'equals-ignore-case: got ["x"], expected a string'),
    ([{"wildcard": ["x"]}], 'wildcard: got ["x"], expected a string'),
    ([{"wildcard": "a**b"}], 'wildcard: got "a**b", expected no two wildcards in a row'),
    ([{"wildcard": r"a\b"}], "a backslash before * or \\ alone"),
    ([{"wildcard": "a\\"}], "a backslash before * or \\ alone"),
    ([{"exists": "true"}], 'detail.a[0].exists: got "true", expected true or false'),
    ([{"anything-but": []}], "anything-but: got [], expected at least one value"),
    ([{"anything-but": [1, "x"]}], 'got [1.0, "x"], expected strings alone or numbers alone'),
    ([{"anything-but": [True]}], "got [true], expected strings alone or numbers alone"),
    ([{"anything-but": None}], "got null, expected strings alone or numbers alone"),
    ([{"anything-but": {}}], "anything-but: got [], expected one operator of prefix, suffix"),
    ([{"anything-but": {"prefix": []}}], "anything-but.prefix: got [], expected at least one"),
    ([{"anything-but": {"prefix": ""}}], 'anything-but.prefix: got "", expected a string that is'),
    ([{"anything-but": {"suffix": ["x", ""]}}], 'suffix: got "", expected a string that is not em'),
    ([{"anything-but": {"prefix": [1]}}], "anything-but.prefix: got 1.0, expected a string"),
    ([{"anything-but": {"wildcard": ["x", "**"]}}], 'wildcard: got "**", expected no two'),
    ([{"anything-but": {"numeric": ["<", 1]}}], 'anything-but: got ["numeric"], expected one op'),
    (
        [{"anything-but": 5_000_000_001}],
        "expected -5000000000 to 5000000000 with at most 6 decimals",
    ),
    ([{"numeric": ">"}], 'numeric: got ">", expected one comparison'),
    ([{"numeric": []}], "numeric: got [], expected one comparison"),
    (
        [{"numeric": [">", "1"]}],
        "expected one comparison, or > or >= a number and < or <= a larger",
    ),
    ([{"numeric": ["<", 5, ">", 1]}], "expected one comparison"),
    ([{"numeric": ["=", 1, "<", 5]}], "expected one comparison"),
    ([{"numeric": [">", 5, "<", 5]}], 'numeric: got [">", 5.0, "<", 5.0], expected one comparison'),
    ([{"numeric": ["=", 5_000_000_001]}], "expected -5000000000 to 5000000000"),
    ([{"numeric": [">", 0, "<", 5_000_000_001]}], "expected -5000000000 to 5000000000"),
    ([{"numeric": [">", -5_000_000_001, "<", 0]}], "expected -5000000000 to 5000000000"),
    ([{"numeric": ["=", 0.1234567]}], "with at most 6 decimals"),
    ([{"cidr": 10}], "cidr: got 10.0, expected a string"),
    ([{"cidr": "10.0.0.0"}], "expected a mask of 0 to 31 bits"),
    ([{"cidr": "10.0.0.0/32"}], "expected a mask of 0 to 31 bits"),
    ([{"cidr": "2001:db8::/128"}], "expected a mask of 0 to 127 bits"),
    ([{"cidr": "10.0.0.0/255.0.0.0"}], "expected a mask of 0 to 31 bits"),
    ([{"cidr": "10.0.0/8"}], "expected a CIDR block without host bits"),
    ([{"cidr": "10.0.0.8/24"}], "expected a CIDR block without host bits"),
    ({"b.c": ["x"]}, 'detail.a.b.c: got "b.c", expected a name without a dot'),
    ({"$or": [{"b": ["x"]}]}, 'detail.a.$or: got [{"b": ["x"]}], expected an array of at least'),
    ({"$or": {"b": ["x"]}}, 'detail.a.$or: got {"b": ["x"]}, expected an array of at least'),
    ({"$or": [{"b": ["x"]}, ["x"]]}, "expected an array of at least two objects"),
    ({"$or": [{"b": ["x"]}, {}]}, "detail.a: got {}, expected at least one field"),
    ({"$or": [{"b": ["x"]}, {"prefix": ["x"]}]}, "expected a name that is no reserved word"),
    ({"$or": [{"b": ["x"]}, {"regex": ["x"]}]}, "expected a name that is no reserved word"),
    ({"$or": [{"b": ["x"]}, {"c": {"regex": ["x"]}}]}, "expected a name that is no reserved word"),
    (
        {"b": ["x"], "$or": [{"b": ["y"]}, {"c": ["z"]}]},
        'detail.a.b: got "a second test beside $or',
    ),
]


def test_an_undocumented_form_is_refused_with_its_path() -> None:
    for value, reason in INVALID:
        assert reason in refusal(json.dumps({"detail": {"a": value}}))


def test_a_pattern_is_a_json_object() -> None:
    for text, reason in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"a": [NaN]}', 'event pattern: got "NaN", expected JSON'),
        ('["a"]', 'event pattern: got ["a"], expected a JSON object'),
        ("null", "event pattern: got null, expected a JSON object"),
        ("{}", "event pattern: got {}, expected at least one field"),
        ('{"a": ["x"], "a": ["y"]}', 'a: got "a twice", expected unique names in an object'),
    ]:
        assert reason in refusal(text)


def test_a_field_has_either_values_or_fields() -> None:
    both = {"$or": [{"a": ["x"]}, {"b": ["y"]}], "a": {"c": ["z"]}}

    assert 'a.c: got "a second test beside $or", expected one test' in refusal(json.dumps(both))


def test_or_has_at_most_a_thousand_combinations() -> None:
    def pattern(count: int) -> str:
        pairs = {f"f{n}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for n in range(count)}
        return json.dumps(pairs)

    load(pattern(9))
    assert "got 1024, expected at most 1000 combinations of $or" in refusal(pattern(10))


@given(st.text(alphabet='{}[]":,ax*\\1', max_size=30))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    with suppress(InvalidEventPatternException):
        load(text)


VALUES: list[tuple[list[Any], list[Any], list[Any]]] = [  # tests, what matches, what does not
    (["x"], ["x"], ["X", "xy", "", None, ABSENT, {"x": 1}]),
    (["x", "y"], ["x", "y"], ["z"]),
    ([""], [""], [" ", None, ABSENT]),
    ([None], [None], ["null", "", False, 0, ABSENT]),
    ([True], [True], ["true", 1, False]),
    ([False], [False], [0, None, ABSENT]),
    ([1], [1, 1.0], ["1", True, 2]),
    ([1.5], [1.5], ["1.5", 15]),
    ([111122223333], [111122223333], [111122223334]),
    ([{"prefix": "us-"}], ["us-", "us-east-1"], ["eu-us-", "US-", 1, None, ABSENT]),
    ([{"prefix": ""}], ["", "x"], [1, None]),
    ([{"prefix": {"equals-ignore-case": "EventB"}}], ["eventBRIDGE"], ["event"]),
    ([{"suffix": ".png"}], ["a.png", ".png"], ["a.PNG", ".png "]),
    ([{"suffix": {"equals-ignore-case": ".png"}}], ["a.PNG"], ["png"]),
    ([{"equals-ignore-case": "alice"}], ["ALICE", "alice"], ["alice ", 1]),
    ([{"wildcard": "dir/*.png"}], ["dir/a.png", "dir/.png"], ["dir/a.png2", "a/dir/a.png"]),
    ([{"wildcard": r"a\*\\*"}], ["a*\\", "a*\\x"], ["ab\\x"]),
    ([{"wildcard": "*"}], ["", "ab"], [1, None, True]),
    ([{"wildcard": "a*c"}], ["ac", "abc"], ["ab"]),
    ([{"wildcard": "a.c"}], ["a.c"], ["abc"]),
    ([{"exists": True}], ["x", "", None, 0, False, ["x"]], [ABSENT, {}, {"b": 1}, []]),
    ([{"exists": False}], [ABSENT, {}, {"b": 1}, []], ["x", None, [None]]),
    ([{"anything-but": "x"}], ["y", "", 1, None, True], ["x", ABSENT, {}]),
    ([{"anything-but": ["x", "y"]}], ["z"], ["x", "y"]),
    ([{"anything-but": [1, 2]}], [3, "1"], [1, 2.0]),
    ([{"anything-but": {"prefix": "us-"}}], ["eu", 1], ["us-east-1"]),
    ([{"anything-but": {"suffix": [".png", ".gif"]}}], ["a.jpg"], ["a.png", "a.gif"]),
    ([{"anything-but": {"equals-ignore-case": "x"}}], ["y"], ["X"]),
    ([{"anything-but": {"wildcard": "*/lib/*"}}], ["/usr/x"], ["/usr/lib/x"]),
    ([{"numeric": [">", 0, "<=", 5]}], [0.1, 5], [0, 5.1, "3", True, None]),
    ([{"numeric": ["=", 301.8]}], [301.8, 3.018e2], [301.81]),
    ([{"numeric": [">=", -1]}], [-1, 5e9], [-1.000001, 5_000_000_001, 0.1234567]),
    ([{"numeric": ["<", 10]}], [9.999999, -5e9], [10, -5_000_000_001]),
    ([{"cidr": "10.0.0.0/24"}], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10", 10, "::a00:1"]),
    ([{"cidr": "2001:db8::/32"}], ["2001:db8::1", "2001:0DB8:1::"], ["2001:db9::"]),
    (["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]),
    (["2001:db8::1"], ["2001:db8::1"], ["2001:db8::2"]),
    ([{"exists": False}, None, {"anything-but": ["Yes"]}], [ABSENT, None, "No"], ["Yes"]),
    (["x"], [["y", "x"], ["y", ["x"]]], [[], ["y"], [{"x": "x"}]]),
    ([{"anything-but": "x"}], [["x", "y"]], [["x"], [["x"]], [{"x": "x"}], []]),
]


def test_a_field_is_matched_by_any_of_its_tests() -> None:
    for tests, matching, others in VALUES:
        assert [value for value in matching if not field_matches(tests, value)] == []
        assert [value for value in others if field_matches(tests, value)] == []


def test_a_field_in_an_array_of_objects_does_not_match() -> None:
    event = {"items": [{"kind": "book", "price": 5}, {"kind": "pen"}]}

    for tests in ({"kind": ["book"]}, {"price": [5]}, {"kind": [{"exists": True}]}):
        assert not matches({"items": tests}, event)


def test_all_fields_must_match() -> None:
    pattern = {"source": ["aws.signin"], "detail": {"eventName": ["ConsoleLogin"]}}

    assert matches(pattern, {"source": "aws.signin", "detail": {"eventName": "ConsoleLogin"}})
    assert not matches(pattern, {"source": "aws.iam", "detail": {"eventName": "ConsoleLogin"}})
    assert not matches(pattern, {"source": "aws.signin", "detail": {"eventName": "Logout"}})
    assert not matches(pattern, {"source": "aws.signin", "detail": "ConsoleLogin"})
    assert not matches(pattern, {"source": "aws.signin"})


def test_one_alternative_of_or_must_match_beside_the_other_fields() -> None:
    pattern = {
        "source": ["shop"],
        "$or": [
            {"metric": ["cpu", "disk"]},
            {"kind": ["sale"], "detail": {"$or": [{"a": [1]}, {"b": [2]}]}},
        ],
    }

    assert matches(pattern, {"source": "shop", "metric": "disk"})
    assert matches(pattern, {"source": "shop", "kind": "sale", "detail": {"b": 2}})
    assert not matches(pattern, {"source": "shop", "kind": "sale", "detail": {"b": 1}})
    assert not matches(pattern, {"source": "other", "metric": "disk"})
    assert not matches(pattern, {"source": "shop"})


SCALARS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=5), st.integers(-9, 9), st.sampled_from([0.5, 1e3])
)


@given(value=SCALARS, others=st.lists(SCALARS, max_size=3))
def test_a_value_matches_itself_and_not_anything_but_itself(value: Any, others: list[Any]) -> None:
    assert field_matches([*others, value], value)
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        assert not field_matches([{"anything-but": value}], value)


@given(text=st.text(st.characters(exclude_characters="\n"), max_size=8), cut=st.integers(0, 8))
def test_equivalent_tests_of_a_string_agree(text: str, cut: int) -> None:
    begin, end = text[:cut], text[cut:]
    escaped = begin.replace("\\", "\\\\").replace("*", "\\*")

    assert field_matches([{"prefix": begin}], text)
    assert field_matches([{"suffix": end}], text)
    assert field_matches([{"wildcard": f"{escaped}*"}], text)
    assert field_matches([{"equals-ignore-case": text}], text)

"""What matches, as AWS's documentation has it, and the stricter reading where it has nothing.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sandbox.eventbridge.event_pattern import parse

ABSENT = object()


def matches(pattern: Any, event: Any) -> bool:
    return parse(json.dumps(pattern)).matches(event)


def field_matches(tests: list[Any], value: Any) -> bool:
    detail = {} if value is ABSENT else {"a": value}
    return matches({"detail": {"a": tests}}, {"source": "x", "detail": detail})


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
    ([{"wildcard": "*"}], ["", "a\nb"], [1, None, True]),
    ([{"wildcard": "a*c"}], ["a\nc"], ["ab"]),
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
    ([{"cidr": "10.0.0.8/24"}], ["10.0.0.8"], ["10.0.0.7"]),
    ([{"cidr": "2001:db8::/32"}], ["2001:db8::1", "2001:0DB8:1::"], ["2001:db9::"]),
    (["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]),
    (["2001:db8::1"], ["2001:db8::1", "2001:0db8:0::1"], ["2001:db8::2"]),
    ([{"exists": False}, None, {"anything-but": ["Yes"]}], [ABSENT, None, "No"], ["Yes"]),
]


@pytest.mark.parametrize(("tests", "matching", "others"), VALUES, ids=lambda v: str(v)[:50])
def test_a_fields_tests(tests: list[Any], matching: list[Any], others: list[Any]) -> None:
    assert [value for value in matching if not field_matches(tests, value)] == []
    assert [value for value in others if field_matches(tests, value)] == []


@pytest.mark.parametrize(
    ("tests", "value", "expected"),
    [
        (["x"], ["y", "x"], True),
        (["x"], [["y", ["x"]]], True),
        (["x"], [], False),
        ([{"anything-but": "x"}], ["x", "y"], True),
        ([{"anything-but": "x"}], ["x"], False),
    ],
)
def test_one_element_of_an_array_is_enough(
    tests: list[Any], value: list[Any], *, expected: bool
) -> None:
    assert field_matches(tests, value) is expected


ITEMS = {"items": [{"kind": "book", "price": 5}, {"kind": "pen", "price": 1}]}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"kind": ["book"], "price": [5]}, True),
        ({"kind": ["book"], "price": [1]}, False),
        ({"kind": ["pen"], "colour": [{"exists": False}]}, True),
        ({"price": [{"exists": False}]}, False),
        ({"kind": [{"exists": False}], "price": [1]}, False),
        ({"maker": {"name": [{"exists": False}]}, "price": [1]}, True),
    ],
    ids=str,
)
def test_an_array_of_objects_matches_within_one_of_them(
    items: dict[str, Any], *, expected: bool
) -> None:
    assert matches({"items": items}, ITEMS) is expected


def test_a_field_that_one_element_has_is_not_absent_in_another() -> None:
    event = {"items": [{"kind": "book", "price": 5}, {"kind": "pen"}]}

    assert not matches({"items": {"kind": ["pen"], "price": [{"exists": False}]}}, event)


def test_all_fields_must_match() -> None:
    pattern = {"source": ["aws.signin"], "detail": {"eventName": ["ConsoleLogin"]}}

    assert matches(pattern, {"source": "aws.signin", "detail": {"eventName": "ConsoleLogin"}})
    assert not matches(pattern, {"source": "aws.iam", "detail": {"eventName": "ConsoleLogin"}})
    assert not matches(pattern, {"source": "aws.signin", "detail": {"eventName": "Logout"}})
    assert not matches(pattern, {"source": "aws.signin", "detail": "ConsoleLogin"})
    assert not matches(pattern, {"source": "aws.signin"})


def test_either_of_two_groups_is_enough_beside_what_both_need() -> None:
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


scalars = st.one_of(
    st.none(), st.booleans(), st.text(max_size=5), st.integers(-9, 9), st.sampled_from([0.5, 1e3])
)


@given(value=scalars, others=st.lists(scalars, max_size=3))
def test_a_value_matches_itself_and_anything_but_it_does_not(value: Any, others: list[Any]) -> None:
    assert field_matches([*others, value], value)
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        assert not field_matches([{"anything-but": value}], value)


@given(text=st.text(max_size=8), cut=st.integers(0, 8))
def test_the_ways_to_say_the_same_of_a_text_agree(text: str, cut: int) -> None:
    begin, end = text[:cut], text[cut:]
    escaped = begin.replace("\\", "\\\\").replace("*", "\\*")

    assert field_matches([{"prefix": begin}], text)
    assert field_matches([{"suffix": end}], text)
    assert field_matches([{"wildcard": f"{escaped}*"}], text)
    assert field_matches([{"equals-ignore-case": text}], text)

"""What PutRule would reject is rejected, with the place where it stands."""

import json
from contextlib import suppress
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sandbox.eventbridge.event_pattern import EventPatternError, parse

LISTS: list[list[Any]] = [
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


@pytest.mark.parametrize("tests", LISTS, ids=str)
def test_what_the_language_has_is_taken(tests: list[Any]) -> None:
    parse(json.dumps({"detail": {"a": tests}}))


REFUSED: list[tuple[Any, str]] = [
    ([], "detail.a: an empty array"),
    ("x", "detail.a: it must be an object or an array"),
    ({}, "detail.a: an empty object"),
    ([["x"]], "detail.a[0]: it is no string"),
    ([{}], "detail.a[0]: one operator is needed, not []"),
    ([{"prefix": "x", "suffix": "y"}], "detail.a[0]: one operator is needed"),
    (["x", {"contains": "x"}], "detail.a[1]: unknown operator 'contains'; known are"),
    ([{"prefix": 1}], "detail.a[0].prefix: Decimal('1') is no string"),
    ([{"prefix": ["x", "y"]}], "detail.a[0].prefix: ['x', 'y'] is no string"),
    ([{"prefix": {"wildcard": "x"}}], "detail.a[0].prefix: 'wildcard' cannot stand here"),
    ([{"equals-ignore-case": ["x"]}], "is no string"),
    ([{"wildcard": "a**b"}], "two wildcards in a row"),
    ([{"wildcard": r"a\b"}], r"before neither * nor \ itself"),
    ([{"wildcard": "a\\"}], r"before neither * nor \ itself"),
    ([{"exists": "true"}], "'true' is neither true nor false"),
    ([{"anything-but": []}], "an empty list"),
    ([{"anything-but": [1, "x"]}], "neither all strings nor all numbers"),
    ([{"anything-but": [True]}], "neither all strings nor all numbers"),
    ([{"anything-but": None}], "neither all strings nor all numbers"),
    ([{"anything-but": {"prefix": ""}}], "anything-but.prefix: an empty text"),
    ([{"anything-but": {"prefix": [1]}}], "is no string"),
    ([{"anything-but": {"numeric": ["<", 1]}}], "'numeric' cannot stand here"),
    ([{"anything-but": 5_000_000_001}], "is not between"),
    ([{"numeric": ">"}], "no list of operators and numbers"),
    ([{"numeric": []}], "neither one comparison nor"),
    ([{"numeric": [">", "1"]}], "neither one comparison nor"),
    ([{"numeric": ["<", 5, ">", 1]}], "neither one comparison nor"),
    ([{"numeric": ["=", 1, "<", 5]}], "neither one comparison nor"),
    ([{"numeric": [">", 5, "<", 5]}], "5 is not less than 5"),
    ([{"numeric": ["=", 5_000_000_001]}], "is not between"),
    ([{"numeric": ["=", 0.1234567]}], "is not between"),
    ([{"cidr": "10.0.0.0"}], "needs a mask of 0 to 31 bits"),
    ([{"cidr": "10.0.0.0/32"}], "needs a mask of 0 to 31 bits"),
    ([{"cidr": "2001:db8::/128"}], "needs a mask of 0 to 127 bits"),
    ([{"cidr": "10.0.0.0/255.0.0.0"}], "needs a mask"),
    ([{"cidr": "10.0.0/8"}], "is no CIDR block"),
    ({"b.c": ["x"]}, "detail.a.b.c: a name with a dot"),
    ({"$or": [{"b": ["x"]}]}, "detail.a.$or: it needs two objects or more"),
    ({"$or": {"b": ["x"]}}, "detail.a.$or: it must be an array of objects"),
    ({"$or": [{"b": ["x"]}, ["x"]]}, "detail.a.$or: it must be an array of objects"),
    ({"$or": [{"b": ["x"]}, {}]}, "an empty object"),
    ({"$or": [{"b": ["x"]}, {"prefix": ["x"]}]}, "detail.a.prefix: under $or this word"),
    ({"b": ["x"], "$or": [{"b": ["y"]}, {"c": ["z"]}]}, "detail.a.b: one event would be tested"),
]


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_the_language_has_not_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(EventPatternError) as refused:
        parse(json.dumps({"detail": {"a": value}}))

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ('{"a": [NaN]}', "not JSON: NaN"),
        ('["a"]', "a JSON object"),
        ('{"a": ["x"], "a": ["y"]}', "a: it stands twice"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str, reason: str) -> None:
    with pytest.raises(EventPatternError, match=reason):
        parse(text)


def test_a_field_is_not_both_a_value_and_an_object() -> None:
    both = {"$or": [{"a": ["x"]}, {"b": ["y"]}], "a": {"c": ["z"]}}

    with pytest.raises(EventPatternError, match="tested here twice"):
        parse(json.dumps(both))


def test_alternatives_of_alternatives_are_limited() -> None:
    def pattern(count: int) -> str:
        pairs = {f"f{n}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for n in range(count)}
        return json.dumps(pairs)

    assert len(parse(pattern(9)).alternatives) == 512
    with pytest.raises(EventPatternError, match="more than 1000 combinations"):
        parse(pattern(10))


@given(st.text(alphabet='{}[]":,ax*\\1', max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(EventPatternError):
        parse(text)

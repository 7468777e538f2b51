"""Event patterns, as the sandbox's matcher reads them: it knows nothing of ours."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, reject

from compiler.conditions import (
    AllOf,
    AnyOf,
    Condition,
    FieldCompares,
    FieldExists,
    FieldIs,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatches,
    Leaf,
    Not,
    leaves,
)
from compiler.detection import Detection
from compiler.errors import DetectionError
from compiler.eventbridge import DETAIL_TYPES, event_pattern, event_pattern_text
from sandbox.eventbridge.patterns import load
from tests.unit.compiler.catalogs import SHIPPED, detection
from tests.unit.compiler.condition_meaning import ORDERS, holds, is_, texts
from tests.unit.compiler.test_catalog import NO_EVENT_RULE

MISSING: list[dict[str, Any]] = [{}, {"a": None}, {"a": {}}, {"a": {"b": None}}]
NOT = [{"exists": False}, None]


def event(record: dict[str, Any], kind: str = DETAIL_TYPES[0]) -> Any:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": kind,
        "source": "aws.signin",
        "account": "111111111111",
        "time": "2026-03-01T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": record,
    }


def matches(one: Detection, record: dict[str, Any], kind: str = DETAIL_TYPES[0]) -> bool:
    return load(event_pattern_text(one)).matches(event(record, kind))


def detail(condition: Condition) -> Any:
    return event_pattern(detection(condition))["detail"]


def list_on_b(condition: Condition) -> Any:
    return detail(condition)["a"]["b"]


@pytest.mark.parametrize(
    "one",
    [one for one in SHIPPED if one.name not in NO_EVENT_RULE],
    ids=lambda one: one.name,
)
def test_a_shipped_detections_event_pattern_has_the_languages_form(one: Detection) -> None:
    load(event_pattern_text(one))


@pytest.mark.parametrize("kind", DETAIL_TYPES)
def test_records_match_under_each_name_that_eventbridge_gives_them(kind: str) -> None:
    one = detection(is_("x"))

    assert matches(one, {"a": {"b": "x"}}, kind)
    assert not matches(one, {"a": {"b": "x"}}, "Sign-in Anomaly Alert")


def test_a_simple_rule_reads_as_a_person_writes_it() -> None:
    condition = AllOf(
        (
            is_("signin.amazonaws.com", field="eventSource"),
            is_("ConsoleLogin", "Logout", field="eventName"),
            is_("Root", field="userIdentity.type"),
            Not(is_("Yes", "YES", field="additionalEventData.MFAUsed")),
        )
    )

    assert detail(condition) == {
        "eventSource": ["signin.amazonaws.com"],
        "eventName": ["ConsoleLogin", "Logout"],
        "userIdentity": {"type": ["Root"]},
        "additionalEventData": {"MFAUsed": [*NOT, {"anything-but": ["Yes", "YES"]}]},
    }


def test_what_alternatives_share_stands_beside_or_once() -> None:
    root, source = is_("Root", field="userIdentity.type"), is_("s3", field="eventSource")
    put, denied = is_("Put*", field="eventName"), is_("AccessDenied", field="errorCode")

    assert detail(AllOf((root, AnyOf((AllOf((source, put)), denied))))) == {
        "userIdentity": {"type": ["Root"]},
        "$or": [
            {"eventSource": ["s3"], "eventName": [{"prefix": "Put"}]},
            {"errorCode": ["AccessDenied"]},
        ],
    }


def test_alternatives_that_differ_in_one_field_are_one_list() -> None:
    source, other = is_("s3", field="eventSource"), is_("Put*", field="eventName")
    put, denied = AllOf((source, other)), AllOf((source, is_("Get", field="eventName")))

    assert detail(AnyOf((put, denied))) == {
        "eventSource": ["s3"],
        "eventName": [{"prefix": "Put"}, "Get"],
    }


LISTS: list[tuple[Condition, list[Any]]] = [
    (is_("x", "y"), ["x", "y"]),
    (is_(""), [""]),
    (is_("x*", "*x"), [{"prefix": "x"}, {"suffix": "x"}]),
    (is_("*x*", r"a\*b*c\\d"), [{"wildcard": "*x*"}, {"wildcard": r"a\*b*c\\d"}]),
    (is_("*"), [{"wildcard": "*"}]),
    (is_("203.0.113.7", "2001:db8::1"), [{"wildcard": "203.0.113.7"}, {"wildcard": "2001:db8::1"}]),
    (is_("Root", cased=False), [{"equals-ignore-case": "Root"}]),
    (is_("123", cased=False), ["123"]),
    (is_("x*", cased=False), [{"prefix": {"equals-ignore-case": "x"}}]),
    (is_("*x", cased=False), [{"suffix": {"equals-ignore-case": "x"}}]),
    (is_("*1*", cased=False), [{"wildcard": "*1*"}]),
    (Not(is_("x", "y")), [*NOT, {"anything-but": ["x", "y"]}]),
    (Not(is_("x*")), [*NOT, {"anything-but": {"prefix": "x"}}]),
    (Not(is_("*x", "*y")), [*NOT, {"anything-but": {"suffix": ["x", "y"]}}]),
    (Not(is_("*x*", "y")), [*NOT, {"anything-but": {"wildcard": ["*x*", "y"]}}]),
    (Not(is_("*")), NOT),
    (Not(is_("x", "1", cased=False)), [*NOT, {"anything-but": {"equals-ignore-case": ["x", "1"]}}]),
    (FieldIsNull("a.b"), NOT),
    (
        Not(FieldIsNull("a.b")),
        [True, False, {"numeric": [">=", -5e9, "<=", 5e9]}, {"wildcard": "*"}],
    ),
    (FieldExists("a.b"), [{"exists": True}]),
    (Not(FieldExists("a.b")), [{"exists": False}]),
    (FieldIsBoolean("a.b", value=True), [True]),
    (Not(FieldIsBoolean("a.b", value=True)), [*NOT, False]),
    (FieldCompares("a.b", "=", 5), [{"numeric": ["=", 5]}]),
    (FieldCompares("a.b", ">=", 1.5), [{"numeric": [">=", 1.5]}]),
    (Not(FieldCompares("a.b", "=", 5)), [*NOT, {"numeric": ["<", 5]}, {"numeric": [">", 5]}]),
    (Not(FieldCompares("a.b", "<", 5)), [*NOT, {"numeric": [">=", 5]}]),
    # two tests on one field are one
    (AllOf((is_("x", "y"), is_("y", "z"))), ["y"]),
    (AllOf((is_("x", "y"), Not(is_("y")))), ["x"]),
    (AllOf((is_("Put*"), Not(is_("Get*")))), [{"prefix": "Put"}]),
    (AllOf((is_("Put*"), is_("PutB*", "putC"))), [{"prefix": "PutB"}]),
    (AllOf((is_("a*"), is_("*b"))), [{"wildcard": "a*b"}]),
    (AllOf((is_("ab*"), is_("*bc"))), ["abc", {"wildcard": "ab*bc"}]),
    (AllOf((is_("*x*"), is_("*y*"))), [{"wildcard": "*x*y*"}, {"wildcard": "*y*x*"}]),
    (AllOf((Not(is_("x")), Not(is_("y")))), [*NOT, {"anything-but": ["x", "y"]}]),
    (AllOf((FieldExists("a.b"), Not(is_("x")))), [None, {"anything-but": ["x"]}]),
    (AllOf((Not(FieldIsNull("a.b")), is_("x"))), ["x"]),
    (
        AllOf((FieldCompares("a.b", ">", 0), FieldCompares("a.b", "<=", 5))),
        [{"numeric": [">", 0, "<=", 5]}],
    ),
    (AllOf((is_("a*x"), Not(is_("a*y")))), [{"wildcard": "a*x"}]),
    (AnyOf((is_("x"), is_("x", cased=False))), [{"equals-ignore-case": "x"}]),
    (AnyOf((is_("x"), FieldIsNull("a.b"))), [*NOT, "x"]),
    (AnyOf((is_("x"), FieldCompares("a.b", "=", 1))), [{"numeric": ["=", 1]}, "x"]),
]


@pytest.mark.parametrize(("condition", "expected"), LISTS, ids=lambda value: str(value)[:70])
def test_one_field_is_one_list(condition: Condition, expected: list[Any]) -> None:
    assert sorted(list_on_b(condition), key=str) == sorted(expected, key=str)


STRINGS = [
    "x",
    "X",
    "y",
    "z",
    "xy",
    "yx",
    "x.y",
    "",
    "1",
    "123",
    "abc",
    "ab-bc",
    "PutB",
    "a*b-c\\d",
]


@pytest.mark.parametrize("condition", [condition for condition, _ in LISTS], ids=str)
def test_one_list_says_what_the_condition_says(condition: Condition) -> None:
    kinds = {type(leaf) for leaf in leaves(condition)}
    values: list[Any] = STRINGS if FieldIs in kinds else []
    values += [-1, 0, 1, 1.5, 4.9, 5, 6] if FieldCompares in kinds else []
    values += [True, False] if FieldIsBoolean in kinds else []
    one = detection(condition)

    for record in [*MISSING, *({"a": {"b": value}} for value in values)]:
        assert matches(one, record) is holds(condition, record), record


REFUSED: list[tuple[Condition, str]] = [
    (FieldMatches("a.b", "^x"), "no regular expressions"),
    (Not(FieldMatches("a.b", "^x")), "no regular expressions"),
    (is_("x?"), r"no \? for one character"),
    (is_("*x*", cased=False), "sayable with case only"),
    (Not(is_("x*", cased=False)), "strings without case are whole"),
    (AllOf((Not(is_("x")), Not(is_("y", cased=False)))), "none beside them is with case"),
    (AllOf((is_("x*"), Not(is_("xy")))), "'x\\*' and not 'xy' are two tests"),
    (AllOf((is_("x*"), is_("*y", cased=False))), "one with case and the other without"),
    (AllOf((Not(FieldIsNull("a.b")), Not(is_("x")))), "anything-but is true of null"),
    (FieldCompares("a.b", ">", 5e9), "not between"),
    (FieldCompares("a.b", "=", 0.1234567), "at most six decimals"),
    (AllOf((is_("x"), is_("y", field="a"))), "what is in it"),
    (AllOf((is_("y", field="a"), is_("x"))), "what is in it"),
    (AnyOf((is_("x", field="a.prefix"), is_("y", field="c"))), "word of the language"),
    (AllOf((is_("x"), is_("y"))), "no record can match"),
    (AllOf((FieldCompares("a.b", ">=", 5), FieldCompares("a.b", "<", 5))), "no record can match"),
    (AllOf((is_("a" * 201 + "*"), is_("*" + "b" * 201))), "more than 400 characters together"),
    (AllOf((is_("*a*b*c*d*e*"), is_("*f*g*h*i*j*"))), "overlap in more than 100 ways"),
    (is_("x" * 4096), "has 4... characters; at most 4096 fit"),
]


@pytest.mark.parametrize(("condition", "reason"), REFUSED, ids=lambda value: str(value)[:70])
def test_what_no_event_pattern_says_is_refused(condition: Condition, reason: str) -> None:
    with pytest.raises(DetectionError, match=reason):
        event_pattern(detection(condition))


@pytest.mark.parametrize("leaf", [FieldIsNull, FieldExists])
@pytest.mark.parametrize("field", ["responseElements", "userIdentity.sessionContext"])
def test_whether_an_object_is_there_is_refused(leaf: type[FieldIsNull], field: str) -> None:
    """To `exists` and null an object is no leaf, and so absent."""
    with pytest.raises(DetectionError, match="an event pattern sees whether a scalar is there"):
        event_pattern(detection(leaf(field)))


def test_too_many_combinations_are_refused_with_their_number() -> None:
    pairs = [AnyOf((is_("x", field=f"a{n}"), is_("x", field=f"b{n}"))) for n in range(10)]

    with pytest.raises(DetectionError, match="1024 combinations of tests; at most 1000 fit"):
        event_pattern(detection(AllOf(tuple(pairs))))


def test_a_reserved_name_is_a_field_where_there_is_no_or() -> None:
    assert detail(is_("x", field="requestParameters.prefix")) == {
        "requestParameters": {"prefix": ["x"]}
    }


def test_a_condition_that_is_always_true_matches_every_record() -> None:
    one = detection(AnyOf((is_("x"), FieldExists("c"), FieldIsNull("c"))))

    assert event_pattern(one) == {"detail-type": list(DETAIL_TYPES)}


WORDS = ("Root", "root", "Ro", "ot", "R*t", "o", "1.2", "12", "")
RULE_WORDS = (*WORDS[:-1], "*", "R*", "*t", "*o*", "Ro*t", "*1*", "?oot", "Root")


def text_leaves(field: str) -> st.SearchStrategy[Leaf]:
    word = st.sampled_from(RULE_WORDS)
    listed = st.lists(st.tuples(word, st.booleans()), min_size=1, max_size=3)
    return listed.map(
        lambda drawn: FieldIs(field, tuple(texts(one, cased=cased)[0] for one, cased in drawn))
    )


def number_leaves(field: str) -> st.SearchStrategy[Leaf]:
    orders = st.sampled_from(sorted(ORDERS))
    return st.builds(FieldCompares, st.just(field), orders, st.sampled_from([0, 1, 1.5, 2]))


def any_leaf() -> st.SearchStrategy[Condition]:
    fields = ["s", "p.s", "p.q.n", "p.b", "either"]
    return st.one_of(
        text_leaves("s"),
        text_leaves("p.s"),
        number_leaves("p.q.n"),
        text_leaves("either") | number_leaves("either"),
        st.builds(FieldIsBoolean, st.just("p.b"), st.booleans()),
        st.sampled_from(fields).map(FieldIsNull) | st.sampled_from(fields).map(FieldExists),
    )


def trees() -> st.SearchStrategy[Condition]:
    def grown(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return parts.map(AllOf) | parts.map(AnyOf) | inner.map(Not)

    return grown(st.recursive(any_leaf(), grown, max_leaves=6))


def records(condition: Condition) -> st.SearchStrategy[dict[str, Any]]:
    """Each field absent, null or of a type that it is compared with; each parent, too."""
    strings, numbers = (
        st.none() | st.sampled_from(WORDS),
        st.none() | st.sampled_from([0, 1, 2, 1.5]),
    )
    kinds = {type(leaf) for leaf in leaves(condition) if leaf.field == "either"}
    both = {FieldIs: strings, FieldCompares: numbers}
    either = [drawn for kind, drawn in both.items() if kind in kinds] or [strings, numbers]
    q = st.fixed_dictionaries({}, optional={"n": numbers})
    p = {"s": strings, "b": st.none() | st.booleans(), "q": st.none() | q}
    values = {
        "s": strings,
        "p": st.none() | st.fixed_dictionaries({}, optional=p),
        "either": st.sampled_from(either).flatmap(lambda drawn: drawn),
    }
    return st.fixed_dictionaries({}, optional=values)


@given(drawn=trees().flatmap(lambda tree: st.tuples(st.just(tree), records(tree))))
def test_an_event_pattern_says_what_the_condition_says(
    drawn: tuple[Condition, dict[str, Any]],
) -> None:
    condition, record = drawn
    one = detection(condition)
    try:
        event_pattern(one)
    except DetectionError:
        reject()

    assert matches(one, record) is holds(condition, record)

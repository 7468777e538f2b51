"""Filter patterns match as documented, and strictly where AWS documents nothing."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.logs.filter_pattern import parse

EVENT_A: dict[str, Any] = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "cluster.name": "c",
}
EVENT_B: dict[str, Any] = {
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [
        {"id": 2, "email": "John.Doe@example.com"},
        {"id": 3, "email": "Jane.Doe@example.com"},
    ],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}


def _matches(pattern: str, event: dict[str, Any]) -> bool:
    return parse(pattern).matches(json.dumps(event))


def test_documented_pattern_matches_the_documented_event() -> None:
    for pattern in [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        '{ $.eventType = "*" && $.sourceIPAddress != 123.123.* }',
        "{ $.eventType = %Trail% }",
        "{ $.arrayKey[*] = %val.{2}% }",
        r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }",
        "{ $.['cluster.name'] = \"c\" }",
    ]:
        assert _matches(pattern, EVENT_A), pattern


def test_documented_compound_pattern_matches_as_documented() -> None:
    for pattern, expected in [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        (
            (
                '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch"'
                ' && $.actions[2] = "nonmatch" }'
            ),
            True,
        ),
        (
            (
                '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch")'
                ' && $.actions[2] = "nonmatch" }'
            ),
            False,
        ),
        (
            '{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }',
            False,
        ),
    ]:
        assert _matches(pattern, EVENT_B) is expected, (pattern, expected)


def test_array_or_object_is_neither_equal_nor_unequal() -> None:
    for pattern in ["{$.users = 1}", "{$.users != 1}", '{$.users != "a"}']:
        for users in [[1, 2, 3], {"a": 1}]:
            assert not _matches(pattern, {"users": users}), (pattern, users)


def test_string_is_compared() -> None:
    for pattern, value, expected in [
        ('{ $.a = "Ev" }', "Ev", True),
        ('{ $.a = "Ev" }', "ev", False),
        ('{ $.a = "Ev" }', "Event", False),
        ('{ $.a != "Ev" }', "ev", True),
        ('{ $.a = "*Event" }', "PutEvent", True),
        ('{ $.a = "*Event" }', "PutEvents", False),
        ('{ $.a = "Event*" }', "EventId", True),
        ('{ $.a = "Event*" }', "PutEvent", False),
        ('{ $.a = "*ven*" }', "PutEvents", True),
        ('{ $.a = "Ev*ent" }', "Ev*ent", True),
        ('{ $.a = "Ev*ent" }', "Evident", False),
        ("{ $.a = Ev*ent }", "Evident", False),
        ('{ $.a = "*" }', "", True),
        ('{ $.a = "*" }', "anything", True),
        ('{ $.a != "*" }', "anything", False),
        ('{ $.a = "" }', "", True),
        ('{ $.a = "." }', "x", False),
        ("{ $.a != 123.123.* }", "123.123.4.5", False),
        ("{ $.a = 4* }", "404", True),
        ("{ $.a = * }", "text", True),
        ("{ $.a = %^a.c$% }", "abc", True),
        ("{ $.a = %^a.c$% }", "abc\n", False),
        ("{ $.a = %b% }", "abc", True),
        ("{ $.a = %B% }", "abc", False),
        ("{ $.a != %b% }", "abc", False),
        ("{ $.a != %b% }", "xyz", True),
        ("{ $.a = %gr[ae]y|^x% }", "a grey one", True),
        (r"{ $.a = %\x28\d{2,}\x29% }", "(12)", True),
        (r"{ $.a = %\x28\d{2,}\x29% }", "(1)", False),
        (r"{ $.a = %[a||]{2}\.% }", "|a.", True),
        (r"{ $.a = %^\w+$% }", "\u00e9", False),
    ]:
        assert _matches(pattern, {"a": value}) is expected, (pattern, value, expected)


def test_number_is_compared_exactly() -> None:
    for pattern, value, expected in [
        ("{ $.a = 400 }", "400", True),
        ("{ $.a = 400 }", "400.0", True),
        ("{ $.a = 400 }", "4e2", True),
        ("{ $.a = 1e+3 }", "1000", True),
        ("{ $.a != 1e-3 }", "0.001", False),
        ("{ $.a != 400 }", "401", True),
        ("{ $.a = 9007199254740993 }", "9007199254740992", False),
        ("{ $.a = 0.3 }", "0.30000000000000001", False),
        ("{ $.a > 75 }", "75", False),
        ("{ $.a > 75 }", "75.1", True),
        ("{ $.a < 50 }", "49", True),
        ("{ $.a < 10e-3 }", "0.01", False),
        ("{ $.a >= 60 }", "60", True),
        ("{ $.a <= 55.5 }", "55.5", True),
        ("{ $.a <= -5 }", "-4", False),
        ("{ $.a > +1000 }", "1e999999", True),
        ("{ $.a = 4* }", "404", True),
        ("{ $.a = 4* }", "504", False),
        ("{ $.a != 4* }", "504", True),
        ("{ $.a = * }", "0", True),
    ]:
        assert parse(pattern).matches(f'{{"a": {value}}}') is expected, (pattern, value, expected)


def test_value_of_another_type_is_neither_equal_nor_unequal() -> None:
    cases: list[tuple[str, Any]] = [
        ('{ $.a = "400" }', 400),
        ('{ $.a != "400" }', 401),
        ('{ $.a = "*" }', 400),
        ("{ $.a = 400 }", "400"),
        ("{ $.a != 400 }", "401"),
        ("{ $.a > 1 }", "2"),
        ("{ $.a = 1 }", True),
        ("{ $.a != 2 }", True),
        ("{ $.a >= 0 }", True),
        ("{ $.a = true }", True),
        ("{ $.a != false }", True),
        ("{ $.a = %4% }", 400),
        ("{ $.a != %5% }", 400),
        ("{ $.a = * }", True),
        ("{ $.a = * }", None),
        ("{ $.a = * }", {"b": 1}),
        ("{ $.a = NULL }", None),
        ('{ $.a != "Yes" }', None),
    ]
    for pattern, value in cases:
        assert not _matches(pattern, {"a": value}), (pattern, value)


def test_absent_field_is_not_unequal() -> None:
    for pattern in ['{ $.a != "Yes" }', "{ $.a != 1 }", "{ $.a != %x% }"]:
        assert not _matches(pattern, {"b": "No"}), pattern


def test_constant_matches_only_itself() -> None:
    cases: list[tuple[str, Any, bool]] = [
        ("IS NULL", None, True),
        ("IS NULL", "null", False),
        ("IS NULL", False, False),
        ("IS NULL", 0, False),
        ("IS TRUE", True, True),
        ("IS TRUE", 1, False),
        ("IS TRUE", "true", False),
        ("IS FALSE", False, True),
        ("IS FALSE", None, False),
        ("IS FALSE", 0, False),
        ("NOT EXISTS", None, False),
        ("NOT EXISTS", "x", False),
        ("NOT EXISTS", {}, False),
    ]
    for test, value, expected in cases:
        assert _matches(f"{{ $.a {test} }}", {"a": value}) is expected, (test, value, expected)


def test_absent_field_matches_only_not_exists() -> None:
    for test in ["IS NULL", "IS TRUE", "IS FALSE", "= *", '= "*"']:
        assert not _matches(f"{{ $.a {test} }}", {}), test
        assert _matches("{ $.a NOT EXISTS }", {}), test


def test_not_exists_requires_a_suitable_container_or_an_absent_one() -> None:
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("$.a.b", {}, True),
        ("$.a.b.c", {"a": {}}, True),
        ("$.a.b", {"a": {"c": 1}}, True),
        ("$.a.b", {"a": None}, False),
        ("$.a.b", {"a": "text"}, False),
        ("$.a.b", {"a": 1}, False),
        ("$.a.b", {"a": [{"b": 1}]}, False),
        ("$.a[0]", {"a": {"0": 1}}, False),
        ("$.a[1]", {"a": [1]}, True),
        ("$.a[0]", {"a": [None]}, False),
        ("$.a[*].b", {"a": [{"c": 1}, {}]}, True),
        ("$.a[*].b", {"a": [{"b": 1}, {}]}, False),
        ("$.a[*].b", {"a": [None, {}]}, False),
        ("$.a[*]", {"a": []}, False),
        ("$.a[*]", {}, True),
    ]
    for selector, event, expected in cases:
        assert _matches(f"{{ {selector} NOT EXISTS }}", event) is expected, (
            selector,
            event,
            expected,
        )


def test_wildcard_selector_is_equal_for_one_value_and_unequal_for_all() -> None:
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("{ $.a[*] = 2 }", {"a": [1, 2]}, True),
        ("{ $.a[*] > 2 }", {"a": [1, 2]}, False),
        ("{ $.a[*] > 1 }", {"a": ["x", 2]}, True),
        ("{ $.a[*] IS NULL }", {"a": [1, None]}, True),
        ("{ $.a[*] != 1 }", {"a": [1, 2]}, False),
        ("{ $.a[*] != 3 }", {"a": [1, 2]}, True),
        ("{ $.a[*] != 3 }", {"a": [1, "x"]}, False),
        ("{ $.a[*] != 3 }", {"a": []}, False),
        ("{ $.a[*].b != 3 }", {"a": [{"b": 1}, {}]}, False),
        ("{ $.a.* = x }", {"a": {"b": "y", "c": "x"}}, True),
        ("{ $.a.* = x }", {"a": ["x"]}, False),
        ("{ $.a[*] = x }", {"a": {"b": "x"}}, False),
        ("{ $.a.*.c = x }", {"a": {"b": {"c": "x"}, "d": 1}}, True),
        ("{ $.* = x }", {"a": {"b": "x"}}, False),
    ]
    for pattern, event, expected in cases:
        assert _matches(pattern, event) is expected, (pattern, event, expected)


def test_quoted_name_with_a_dot_is_one_key() -> None:
    assert not _matches("{ $.['cluster.name'] = c }", {"cluster": {"name": "c"}})
    assert not _matches("{ $.cluster.name = c }", {"cluster.name": "c"})


def test_line_that_is_not_a_json_object_never_matches() -> None:
    for message in [
        "",
        "UpdateTrail",
        '"a"',
        "[1]",
        "null",
        '{"b": 1',
        '{"b": 1} trailing',
        "{'b': 1}",
        '{"b": NaN}',
        '{"b": -Infinity}',
        '{"b": 1e9999999999999999999999}',
        '{"b": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ]:
        assert not parse("{ $.a NOT EXISTS }").matches(message), message


_json = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.5, "", "a", "ab", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=8,
)
_selectors = st.sampled_from(["$.a", "$.a.b", "$.a[0]", "$.a[*]", "$.*", "$.a.*", "$.a[*].b"])


@settings(deadline=None)
@given(_selectors, st.sampled_from(['"a*"', "1", "*", "%a%"]), st.dictionaries(st.just("a"), _json))
def test_no_event_is_both_equal_and_unequal(
    selector: str, value: str, event: dict[str, Any]
) -> None:
    equals = _matches(f"{{ {selector} = {value} }}", event)
    differs = _matches(f"{{ {selector} != {value} }}", event)
    absent = _matches(f"{{ {selector} NOT EXISTS }}", event)

    assert equals + differs + absent <= 1

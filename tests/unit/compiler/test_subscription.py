"""The pattern of the subscription filter, and the search for it within the limits of a filter."""

import re
from bisect import bisect
from itertools import pairwise
from string import ascii_uppercase

import pytest

from compiler.cloudwatch.expression import PatternTerm, conjunction, disjunction
from compiler.cloudwatch.subscription import estimated_share
from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldCompares,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Leaf,
    Not,
    leaves,
)
from compiler.errors import DetectionError
from tests.unit.compiler.evaluation import equals, metric, pattern_matches, subscription

EVENTS = tuple(f"AnEventWithARatherLongName{number:02}" for number in range(60))
SIGN_IN = AllOf((equals("ConsoleLogin", field="eventName"), equals("Root", field="user.type")))


def test_a_subscription_omits_negations_and_tests_for_presence() -> None:
    condition = AllOf(
        (SIGN_IN, Not(equals("Yes", field="mfa")), FieldIsNull("c"), FieldExists("d"))
    )

    assert subscription(condition) == '{ $.eventName = "ConsoleLogin" && $.user.type = "Root" }'


def test_a_subscription_keeps_a_double_negation() -> None:
    condition = Not(AnyOf((Not(equals("x")), equals("y", field="c"))))

    assert subscription(condition) == '{ $.a.b = "x" }'


def test_a_subscription_joins_the_shared_parts_of_detections() -> None:
    without_mfa = AllOf((SIGN_IN, Not(equals("Yes", field="mfa"))))
    with_mfa = AllOf((SIGN_IN, equals("Yes", field="mfa")))
    other = AllOf((equals("Root", field="user.type"), equals("CreateUser", field="eventName")))

    assert subscription(without_mfa, with_mfa, other) == (
        '{ $.user.type = "Root" && ($.eventName = "ConsoleLogin" || $.eventName = "CreateUser") }'
    )


def test_a_subscription_of_a_condition_without_a_supported_part_matches_everything() -> None:
    conditions: dict[str, ConditionTree] = {
        "a negation": Not(equals("x")),
        "a disjunction with a negation": AnyOf((equals("x"), Not(equals("y", field="c")))),
        "a negated conjunction": Not(AllOf((Not(equals("x")), equals("y", field="c")))),
        "presence": AllOf((FieldIsNull("a.b"), FieldExists("c"))),
        "no presence": Not(AnyOf((FieldIsNull("a.b"), FieldExists("c")))),
        "an unsupported string": equals('Ü"'),
        "an unsupported string among others": equals("x", 'Ü"'),
        "an unsupported field name": equals("x", field="a.*"),
        "an unsupported regex": FieldMatchesRegex("a.b", "(x)"),
        "an unsupported number": FieldCompares("a.b", "=", float("nan")),
        "too many strings": equals(*(f"{one}{'x' * 40}" for one in "abcdefghijklmnopqrstuvwxyz")),
    }

    for name, condition in conditions.items():
        assert subscription(equals("y"), condition) == "", name


def test_a_subscription_of_no_detection_matches_nothing() -> None:
    for record in ({}, {"eventName": None}, {"eventName": "x"}):
        assert not pattern_matches(subscription(), record), record


def test_a_subscription_compares_with_the_parts_of_a_string_instead_of_a_regex() -> None:
    assert (
        subscription(equals("arn:*:role?x*"))
        == '{ $.a.b = "arn:*" && $.a.b = "*:role*" && $.a.b = "*x*" }'
    )
    assert subscription(equals("*a?b")) == '{ $.a.b = "*a*" && $.a.b = "*b" }'
    assert subscription(equals('x*y"?')) == "{ $.a.b = %^x[\\s\\S]*y\\x22[\\s\\S]$% }"
    assert subscription(equals('x*Ü"')) == '{ $.a.b = "x*" }'


def test_a_subscription_keeps_a_regex_within_the_limits() -> None:
    assert subscription(equals("root", cased=False)) == "{ $.a.b = %^[rR][oO][oO][tT]$% }"


def test_a_subscription_has_at_most_two_regexes() -> None:
    conditions = [
        AllOf(
            (
                equals(f"{service}.amazonaws.com", cased=False, field="eventSource"),
                equals(event, cased=False, field="eventName"),
            )
        )
        for service, event in [("s3", "DeleteBucket"), ("iam", "CreateUser"), ("sts", "Get")]
    ]
    pattern = subscription(*conditions)

    assert pattern.count("%") == 2
    assert pattern_matches(pattern, {"eventName": "createuser"})
    assert not pattern_matches(
        pattern, {"eventName": "CreateUsers", "eventSource": "iam.amazonaws.com"}
    )


def test_a_subscription_removes_the_least_selective_regex_and_no_other_part() -> None:
    name, kind = (equals("x", cased=False, field=one) for one in ("eventName", "userIdentity.type"))
    region = equals("x", cased=False, field="awsRegion")
    literal = equals("y", field="awsRegion")

    assert subscription(AllOf((literal, region, name, kind))) == (
        '{ $.awsRegion = "y" && $.eventName = %^[xX]$% && $.userIdentity.type = %^[xX]$% }'
    )


def test_a_subscription_with_two_regexes_that_is_too_long_keeps_both() -> None:
    name, kind = (equals("x", cased=False, field=one) for one in ("eventName", "userIdentity.type"))
    region = equals("y" * 1000, field="awsRegion")

    assert subscription(AllOf((region, name, kind))) == subscription(AllOf((name, kind)))


def test_a_subscription_removes_the_least_selective_part_first() -> None:
    names = [f"{letter}{'x' * 20}" for letter in ascii_uppercase]
    region, event, source = (
        equals("us-east-1", field="awsRegion"),
        equals(*names, field="eventName"),
        equals("iam.amazonaws.com", field="eventSource"),
    )

    assert subscription(AllOf((region, event, source))) == subscription(AllOf((event, source)))
    assert subscription(AllOf((event, source))) == metric(AllOf((event, source)))


def widened(*parts: ConditionTree, filling: str = "eventName") -> str:
    """The subscription for the parts and a string with which one character is in excess."""

    def condition(length: int) -> ConditionTree:
        return AllOf((equals("x" * length, field=filling), *parts))

    def exceeds(length: int) -> bool:
        try:
            metric(condition(length))
        except DetectionError:
            return True
        return False

    return subscription(condition(bisect(range(1, 1025), 0, key=exceeds) + 1))


def removed_fields(*parts: ConditionTree) -> set[str]:
    return {leaf.field for part in parts for leaf in leaves(part)} - selected_fields(
        widened(*parts)
    )


def selected_fields(pattern: str) -> set[str]:
    return set(re.findall(r"\$\.([\w.]+)", pattern))


ESTIMATED_BITS: dict[PatternTerm, float] = {
    PatternTerm("eventName", "=", '"CreateUser"'): 10,
    PatternTerm("requestParameters.name", "=", '"x"'): 9,
    PatternTerm("userIdentity.type", "=", '"Root"'): 8,
    PatternTerm("eventSource", "=", '"iam.amazonaws.com"'): 6,
    **{
        PatternTerm("eventSource", "=", f'"{service}.amazonaws.com"'): 3
        for service in ("ec2", "kms", "s3", "ssm", "sts")
    },
    PatternTerm("sourceIPAddress", "=", '"x"'): 3,
    PatternTerm("recipientAccountId", "=", '"111111111111"'): 2,
    PatternTerm("awsRegion", "=", '"us-east-1"'): 0.5,
    PatternTerm("readOnly", "IS", "TRUE"): 1,
    PatternTerm("eventName", ">", "5"): 1,
    PatternTerm("eventName", "=", '"ab*"'): 1.6,
    PatternTerm("eventName", "=", '"*ab"'): 1.6,
    PatternTerm("eventName", "=", '"*ab*"'): 1.6,
    PatternTerm("eventName", "=", f'"{"x" * 13}*"'): 10,
    PatternTerm("eventName", "=", '"*"'): 0,
    PatternTerm("eventName", "=", "%^[xX]$%"): 10,
    PatternTerm("eventName", "=", "%^[xX]$|y%"): 9,
    PatternTerm("eventName", "=", "%^[xX]$|y|z|w%"): 8,
    PatternTerm("eventName", "=", '"a|b"'): 10,
}


def test_the_estimate_of_a_term_depends_on_its_field_and_its_value() -> None:
    for term, bits in ESTIMATED_BITS.items():
        assert estimated_share(term) == pytest.approx(2**-bits), term
        if "|" not in term.value:
            assert estimated_share(term, 0.5) == pytest.approx(2 ** (-bits / 2)), term


def test_the_estimate_multiplies_conjuncts_and_adds_disjuncts_up_to_one() -> None:
    region, name = PatternTerm("awsRegion", "=", '"x"'), PatternTerm("eventName", "=", '"x"')
    both, either = conjunction([region, name]), disjunction([region, name])
    regions = disjunction([region, PatternTerm("awsRegion", "=", '"y"')])

    assert estimated_share(both) == pytest.approx(2**-10.5)
    assert estimated_share(both, 0.5) == pytest.approx(2**-5.25)
    assert estimated_share(either) == pytest.approx(2**-0.5 + 2**-10)
    assert estimated_share(either, 2) == pytest.approx(2**-1 + 2**-20)
    assert estimated_share(regions) == 1
    assert estimated_share(PatternTerm("awsRegion", "=", "%x|y%")) == 1


# From the least to the most selective one, by estimate.
SELECTIVITY: list[Leaf] = [
    equals("us-east-1", field="awsRegion"),
    equals("a*", field="short.prefix"),
    FieldIsBoolean("readOnly", value=True),
    equals("*aa*", field="short.part"),
    equals("123456789012", field="recipientAccountId"),
    equals("s3.amazonaws.com", field="eventSource"),
    equals("Root", field="userIdentity.type"),
    equals("name", field="requestParameters.name"),
]


def test_a_subscription_removes_the_less_selective_of_two_parts() -> None:
    pairs = [
        *pairwise(SELECTIVITY),
        (equals("a*", field="c"), equals("ab", field="d")),
        (equals("ab", "cd", field="c"), equals("ab", field="d")),
    ]
    for less, more in pairs:
        assert removed_fields(less, more) == {less.field}, (less, more)
        assert removed_fields(more, less) == {less.field}, (less, more)


def test_a_subscription_takes_the_most_selective_result_of_its_searches() -> None:
    """The searches that take terms as less selective merge two names, and keep the Region."""
    names = [f"{letter}{'x' * 18}" for letter in ascii_uppercase[:19]]
    pair = [f"{'Z' * 8}{letter * 18}" for letter in "ab"]
    region, events = (
        equals("us-east-1", field="awsRegion"),
        equals(*names, *pair, field="eventName"),
    )
    pattern = widened(region, events, filling="requestParameters.name")

    assert "awsRegion" not in selected_fields(pattern)
    assert all(name in pattern for name in [*names, *pair])


def pairs_of_names(count: int, *, prefix: int, length: int, field: str) -> ConditionTree:
    """Pairs of names that share a prefix of so many characters."""
    starts = [letter * prefix for letter in ascii_uppercase[:count]]
    return equals(*(f"{one:{end}<{length}}" for one in starts for end in "xy"), field=field)


def test_each_search_can_find_the_most_selective_result() -> None:
    """Greedy searches with one weight only would keep other fields."""
    cases: list[tuple[list[ConditionTree], set[str]]] = [
        (
            [  # weight 0.6; the other searches keep the names alone
                pairs_of_names(2, prefix=3, length=30, field="eventSource"),
                pairs_of_names(16, prefix=3, length=20, field="eventName"),
            ],
            {"eventSource"},
        ),
        (
            [  # weight 0.8; the other searches keep one of the fields
                pairs_of_names(2, prefix=10, length=20, field="errorCode"),
                pairs_of_names(12, prefix=4, length=30, field="eventName"),
            ],
            {"errorCode", "eventName"},
        ),
    ]

    for parts, fields in cases:
        assert selected_fields(subscription(AllOf(tuple(parts)))) == fields, fields


def test_the_cost_of_a_step_depends_on_the_conjuncts_around_it() -> None:
    pairs = {field: equals("ab1", "ab2", field=field) for field in "cd"}
    region, root = equals("x", field="awsRegion"), equals("Root", field="userIdentity.type")
    rare_first = AnyOf((AllOf((root, pairs["c"])), AllOf((region, pairs["d"]))))
    rare_last = AnyOf((AllOf((region, pairs["c"])), AllOf((root, pairs["d"]))))

    for condition, merged, kept in ((rare_first, "c", "d"), (rare_last, "d", "c")):
        pattern = re.sub('[ "]', "", widened(condition))  # compact or not
        assert f"$.{merged}=ab*" in pattern
        assert f"$.{kept}=ab1||$.{kept}=ab2" in pattern


def test_a_part_of_one_disjunct_is_removed_before_a_part_of_all_disjuncts() -> None:
    first, second = (
        AllOf((equals("1", field=one), equals("1", field=two))) for one, two in ("cd", "ef")
    )
    pattern = widened(AnyOf((first, second)))

    assert "eventName" in selected_fields(pattern)
    assert len(selected_fields(pattern)) == 4


def test_a_subscription_removes_the_regex_with_the_most_alternatives_first() -> None:
    one, two, three = (
        equals(*values, cased=False, field=field)
        for field, values in zip("cde", ("x", "yz", "w"), strict=True)
    )

    assert selected_fields(subscription(AllOf((one, two, three)))) == {"c", "e"}


def test_a_subscription_replaces_strings_by_a_common_prefix_if_not_all_fit() -> None:
    condition = AllOf(
        (equals(*EVENTS, "Other", field="eventName"), equals("Root", field="user.type"))
    )
    pattern = subscription(condition)

    assert pattern_matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Root"}})
    assert not pattern_matches(pattern, {"eventName": "GetObject", "user": {"type": "Root"}})
    assert not pattern_matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Role"}})


def test_strings_with_a_common_prefix_are_found_in_any_order() -> None:
    strings = equals("ab1", "x", "ab2", field="c")
    pattern = re.sub('[ "]', "", widened(AnyOf((strings, equals("1", field="d")))))

    assert "$.c=ab*||$.c=x" in pattern


def test_the_same_detections_give_the_same_subscription() -> None:
    conditions: list[ConditionTree] = [equals(*EVENTS, field="eventName"), SIGN_IN]

    assert subscription(*conditions) == subscription(*conditions)
    assert subscription(*conditions) == subscription(*conditions, SIGN_IN)

"""Each condition operator compares as AWS documents it."""

from typing import Any

from sandbox.tests.iam.policy_documents import HOME, OTHER, USER_ARN, is_condition_met

ALARM = f"arn:aws:cloudwatch:us-east-1:{HOME}:alarm:root:login"


def test_condition_operators_compare_as_documented() -> None:
    cases: list[tuple[str, Any, Any, bool]] = [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "aB", "Ab", True),
        ("StringNotEqualsIgnoreCase", "aB", "Ab", False),
        ("StringLike", "a*c?", "abbcd", True),
        ("StringLike", "a*", "Ab", False),
        ("StringNotLike", ["a*", "b*"], "bc", False),
        ("StringNotLike", ["a*", "b*"], "c", True),
        ("ArnEquals", ALARM, ALARM, True),
        ("ArnEquals", f"arn:aws:cloudwatch:*:{HOME}:alarm:*", ALARM, True),
        ("ArnLike", "arn:aws:cloudwatch:us-east-?:*:alarm:*", ALARM, True),
        ("ArnLike", "arn:aws:*:alarm:*", ALARM, False),
        ("ArnLike", "arn:aws:cloudwatch:*:alarm:*:x", ALARM, False),
        ("ArnLike", f"arn:aws:cloudwatch:us-east-1:{HOME}:alarm", ALARM, False),
        ("ArnNotEquals", ALARM, ALARM, False),
        ("ArnNotLike", f"arn:aws:cloudwatch:*:{OTHER}:alarm:*", ALARM, True),
        ("NumericEquals", "5", "5.0", True),
        ("NumericEquals", 5, "6", False),
        ("NumericNotEquals", "5", "6", True),
        ("NumericLessThan", "5", "5", False),
        ("NumericLessThanEquals", "5", "5", True),
        ("NumericGreaterThan", "5", "40", True),
        ("NumericGreaterThanEquals", "5", "4.9", False),
        ("NumericEquals", "5", "five", False),
        ("DateEquals", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00", True),
        ("DateNotEquals", "2026-01-02", "2026-01-03", True),
        ("DateLessThan", "2026-01-02", "2026-01-01T23:59:59Z", True),
        ("DateLessThanEquals", "2026-01-02", "2026-01-02T00:00:01Z", False),
        ("DateGreaterThan", "1970-01-01T00:00:01Z", "2", True),
        ("DateGreaterThanEquals", "2026-01-02", "2026-01-02", True),
        ("Bool", "true", True, True),
        ("Bool", False, "false", True),
        ("Bool", "true", "false", False),
        ("BinaryEquals", "QUI=", "QUI=", True),
        ("BinaryEquals", "QUI=", "QUM=", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("IpAddress", ["203.0.113.0/24", "2001:db8::/32"], "2001:db8::1", True),
        ("IpAddress", "203.0.113.7", "203.0.113.9", False),
        ("IpAddress", "203.0.113.0/24", "cloudformation.amazonaws.com", False),
        ("NotIpAddress", ["203.0.113.0/24", "198.51.100.0/24"], "198.51.100.1", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("StringEqualsIfExists", "a", "b", False),
        ("Null", "true", "a", False),
        ("Null", False, "a", True),
    ]
    for operator, expected, actual, met in cases:
        assert is_condition_met({operator: {"aws:Key": expected}}, {"AWS:key": actual}) is met, (
            operator,
            expected,
            actual,
            met,
        )


def test_a_missing_key_meets_negated_and_optional_conditions() -> None:
    cases: list[dict[str, Any]] = [{}, {"aws:TagKeys": ()}]
    operators: list[tuple[str, bool]] = [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ]
    for context in cases:
        for operator, met in operators:
            assert is_condition_met({operator: {"aws:TagKeys": "x"}}, context) is met, (
                context,
                operator,
                met,
            )


def test_null_is_met_by_a_missing_key() -> None:
    cases: list[tuple[str, bool]] = [("true", True), ("false", False)]
    for expected, met in cases:
        assert is_condition_met({"Null": {"aws:TagKeys": expected}}, {}) is met, (expected, met)


def test_set_operators_compare_all_or_any_values_of_the_request() -> None:
    cases: list[tuple[str, str | tuple[str, ...], bool]] = [
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "c"), False),
        ("ForAllValues:StringEquals", "", True),
        ("ForAllValues:StringNotEquals", ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ("a", "c"), False),
        ("ForAnyValue:StringEquals", ("a", "c"), True),
        ("ForAnyValue:StringEquals", ("c", "d"), False),
        ("ForAnyValue:StringNotEquals", ("a", "c"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        ("StringEquals", ("a", "c"), True),
        ("StringNotEquals", ("a", "c"), False),
    ]
    for operator, actual, met in cases:
        condition = {operator: {"aws:TagKeys": ["a", "b"]}}

        assert is_condition_met(condition, {"aws:TagKeys": actual}) is met, (operator, actual, met)


def test_all_operators_and_keys_of_a_condition_must_be_met() -> None:
    cases = ["aws:one", "aws:two", "aws:three"]
    for missed in cases:
        condition = {
            "StringEquals": {"aws:one": "1", "aws:two": "2"},
            "StringLike": {"aws:three": "3*"},
        }
        context = {"aws:one": "1", "aws:two": "2", "aws:three": "33"}

        assert is_condition_met(condition, context), missed
        assert not is_condition_met(condition, context | {missed: "x"}), missed


def test_condition_values_expand_variables() -> None:
    condition = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:ResourceAccount}:user/*"}}
    context = {"aws:PrincipalArn": USER_ARN, "aws:ResourceAccount": HOME}

    assert is_condition_met(condition, context)
    assert not is_condition_met(condition, context | {"aws:ResourceAccount": OTHER})


def test_a_statement_with_an_unknown_variable_never_applies() -> None:
    negated = {"StringNotEquals": {"aws:username": "${aws:PrincipalTag/owner}"}}

    assert not is_condition_met(negated, {"aws:username": "ada"})
    assert is_condition_met(negated, {"aws:username": "ada", "aws:PrincipalTag/Owner": "bob"})

"""A policy that AWS would refuse raises an error with policy, statement and reason."""

import json
from typing import Any

import pytest

from sandbox.iam.policy import PolicyError, ResourcePolicyKind, decide, parse_policy
from sandbox.tests.iam.policy_documents import (
    BY_USER,
    HOME,
    KEY,
    ORDINARY,
    OTHER,
    ROLE_ARN,
    TOPIC,
    TRUST,
    USER_ARN,
    decided_by_identity,
    document,
    identity_policy,
    identity_statement,
    is_condition_met,
    request,
    resource_policy,
    resource_statement,
)


def without(statement: dict[str, Any], *elements: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in elements}


GRANT = resource_statement(ORDINARY, BY_USER)
TRUSTED = resource_statement(TRUST, BY_USER)


def test_a_malformed_statement_is_refused() -> None:
    cases: list[tuple[ResourcePolicyKind | None, dict[str, Any], str]] = [
        (None, without(identity_statement(), "Effect"), "Effect: got None"),
        (None, identity_statement(Effect="allow"), "Effect: got 'allow'"),
        (None, without(identity_statement(), "Action"), "exactly one of Action and NotAction"),
        (None, identity_statement(NotAction="sns:*"), "exactly one of Action and NotAction"),
        (None, without(identity_statement(), "Resource"), "exactly one of Resource and NotRes"),
        (None, identity_statement(NotResource="*"), "exactly one of Resource and NotResource"),
        (None, identity_statement(Action=[]), "Action: got []"),
        (None, identity_statement(Action="Publish"), "Action: 'Publish' is malformed"),
        (None, identity_statement(Action="s*:Publish"), "Action: 's*:Publish' is malformed"),
        (None, identity_statement(Resource="alarms"), "Resource: 'alarms' is malformed"),
        (None, identity_statement(Resource="arn:aws:s3"), "Resource: 'arn:aws:s3' is malformed"),
        (None, identity_statement(Resource="arn:aws:*:x:1:y"), "is malformed"),
        (None, identity_statement(Resource=7), "Resource: got 7, expected a string"),
        (None, identity_statement(Resource="arn:aws:s3:::${a"), "has no closing brace"),
        (None, identity_statement(Resource="arn:aws:s3:::${a}"), "${a} is not a policy variable"),
        (None, identity_statement(Conditions={}), "unknown elements: got ['Conditions']"),
        (None, identity_statement(Sid=7), "Sid: got 7, expected a string"),
        (None, identity_statement(Principal="*"), "Principal: an identity policy must not"),
        (ORDINARY, without(GRANT, "Principal"), "Principal: a resource policy must"),
        (ORDINARY, without(GRANT, "Resource"), "exactly one of Resource and NotResource"),
        (ORDINARY, GRANT | {"NotPrincipal": "*"}, "NotPrincipal is not supported"),
        (KEY, without(GRANT, "Principal"), "Principal: a key policy must"),
        (KEY, without(GRANT, "Resource"), "exactly one of Resource and NotResource"),
        (TRUST, TRUSTED | {"Resource": "*"}, "Resource: a trust policy must not"),
        (TRUST, TRUSTED | {"NotResource": "*"}, "Resource: a trust policy must not"),
        (TRUST, TRUSTED | {"Action": "iam:*"}, "Action: got 'iam:*', expected an action of sts"),
        (ORDINARY, GRANT | {"Principal": USER_ARN}, 'expected "*" or an object'),
        (ORDINARY, GRANT | {"Principal": {}}, 'expected "*" or an object'),
        (ORDINARY, GRANT | {"Principal": {"AWS": []}}, "Principal AWS: got []"),
        (
            ORDINARY,
            GRANT | {"Principal": {"AWS": "1234"}},
            "Principal AWS: got '1234', expected an account ID",
        ),
        (ORDINARY, GRANT | {"Principal": {"AWS": f"{ROLE_ARN}*"}}, "the ARN of an identity"),
        (ORDINARY, GRANT | {"Principal": {"Service": "*"}}, "Principal Service: got '*', expected"),
        (
            ORDINARY,
            GRANT | {"Principal": {"CanonicalUser": "x"}},
            "got ['CanonicalUser'], expected AWS and Service",
        ),
    ]
    for kind, statement, reason in cases:
        well_formed = resource_statement(kind, BY_USER) if kind else identity_statement()
        with pytest.raises(PolicyError) as refused:
            parse_policy(document(well_formed, statement), "p", kind)

        assert reason in refused.value.reason, (kind, statement, reason)
        assert refused.value.policy == "p", (kind, statement, reason)
        assert refused.value.statement == "statement 2", (kind, statement, reason)


def test_a_malformed_condition_is_refused() -> None:
    cases: list[tuple[Any, str]] = [
        ([], "Condition: got [], expected an object"),
        ({"StringEquals": "x"}, "Condition StringEquals: got 'x', expected an object"),
        ({"StringMatches": {"aws:x": "x"}}, "unknown operator 'StringMatches'"),
        ({"stringequals": {"aws:x": "x"}}, "unknown operator 'stringequals'"),
        ({"ForSome:StringLike": {"aws:x": "x"}}, "unknown operator 'ForSome:"),
        ({"NullIfExists": {"aws:x": "true"}}, "Null cannot be combined"),
        ({"StringEquals": {"x": "x"}}, "'x' is not a condition key"),
        ({"StringEquals": {"aws:x": None}}, "aws:x: got None, expected a string"),
        ({"NumericEquals": {"aws:x": "five"}}, "aws:x: got 'five', expected a number"),
        ({"DateEquals": {"aws:x": "yesterday"}}, "got 'yesterday', expected a date"),
        ({"Bool": {"aws:x": "yes"}}, "got 'yes', expected true or false"),
        ({"Null": {"aws:x": "yes"}}, "got 'yes', expected true or false"),
        ({"BinaryEquals": {"aws:x": "?"}}, "got '?', expected Base64"),
        ({"IpAddress": {"aws:x": "203.0.113"}}, "does not appear to be an IPv4 or IPv6"),
        ({"StringLike": {"aws:x": "${}"}}, "${} is not a policy variable"),
    ]
    for condition, reason in cases:
        with pytest.raises(PolicyError) as refused:
            identity_policy(identity_statement(Condition=condition, Sid="Mine"))

        assert reason in refused.value.reason, (condition, reason)
        assert str(refused.value).startswith("identity, statement 'Mine': "), (condition, reason)


def test_a_malformed_document_is_refused() -> None:
    cases: list[tuple[str, str]] = [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "expected at least one statement"),
        ('{"Statement": []}', "expected at least one statement"),
        ('{"Statement": ["x"]}', "expected a JSON object, got 'x'"),
        ('{"Version": "2012-10-18", "Statement": []}', "Version: got '2012-10-18'"),
        ('{"Version": "2012-10-17", "Rules": []}', "unknown elements: got ['Rules']"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "duplicate element"),
    ]
    for text, reason in cases:
        with pytest.raises(PolicyError, match=r"^p.*: ") as refused:
            parse_policy(text, "p", None)

        assert reason in refused.value.reason, (text, reason)


def test_statement_ids_of_iam_are_unique_and_alphanumeric() -> None:
    cases: list[tuple[list[str], str]] = [
        (["A", "A"], "more than once"),
        (["A b"], "letters and digits"),
    ]
    for sids, reason in cases:
        with pytest.raises(PolicyError, match=reason):
            identity_policy(*(identity_statement(Sid=sid) for sid in sids))


def test_statement_ids_of_resource_policies_may_contain_spaces() -> None:
    statement = resource_statement(KEY, BY_USER, Sid="Enable IAM policies")

    assert resource_policy(KEY, statement).statements[0].label == "statement 'Enable IAM policies'"


def test_text_and_object_give_the_same_policy() -> None:
    policy = document(identity_statement(Condition={"Bool": {"aws:SecureTransport": "true"}}))

    assert parse_policy(json.dumps(policy), "p", None) == parse_policy(policy, "p", None)


def test_a_single_statement_needs_no_list() -> None:
    policy = {"Version": "2012-10-17", "Statement": identity_statement()}

    assert parse_policy(policy, "p", None) == parse_policy(
        document(identity_statement()), "p", None
    )


def test_actions_match_case_insensitively() -> None:
    cases: list[tuple[dict[str, Any], str, bool]] = [
        ({"Action": "sns:Publish"}, "sns:Publish", True),
        ({"Action": "SNS:publish"}, "sns:Publish", True),
        ({"Action": ["sqs:*", "sns:Pub*"]}, "sns:Publish", True),
        ({"Action": "sns:Publis?"}, "sns:Publish", True),
        ({"Action": "sns:Publish?"}, "sns:Publish", False),
        ({"Action": "sns:*Batch"}, "sns:Publish", False),
        ({"NotAction": "sns:*"}, "sns:Publish", False),
        ({"NotAction": ["sns:*", "sqs:*"]}, "iam:GetRole", True),
    ]
    for elements, action, allowed in cases:
        statement = {"Effect": "Allow", "Resource": "*"} | elements

        assert decided_by_identity(request(action=action), statement).allowed is allowed, (
            elements,
            action,
            allowed,
        )


def test_resources_match_with_wildcards_only() -> None:
    cases: list[tuple[dict[str, Any], str, bool]] = [
        ({"Resource": "*"}, "*", True),
        ({"Resource": TOPIC}, "*", False),
        ({"Resource": TOPIC}, TOPIC, True),
        ({"Resource": TOPIC.replace("alarms", "Alarms")}, TOPIC, False),
        ({"Resource": "arn:aws:sns:*"}, TOPIC, True),
        ({"Resource": "arn:aws:sns:us-????-1:*:alarms"}, TOPIC, True),
        ({"Resource": "arn:aws:s3:::a.b/*"}, "arn:aws:s3:::a.b/x/y", True),
        ({"Resource": "arn:aws:s3:::a.b/*"}, "arn:aws:s3:::aXb/x", False),
        ({"Resource": "arn:aws:s3:::a+(b)[c]/*"}, "arn:aws:s3:::a+(b)[c]/x", True),
        ({"Resource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}, "arn:aws:s3:::b", True),
        ({"NotResource": "arn:aws:s3:::a"}, "arn:aws:s3:::b", True),
        ({"NotResource": ["arn:aws:s3:::*"]}, "arn:aws:s3:::b", False),
    ]
    for elements, resource, allowed in cases:
        statement = {"Effect": "Allow", "Action": "*"} | elements

        assert decided_by_identity(request(resource=resource), statement).allowed is allowed, (
            elements,
            resource,
            allowed,
        )


def test_policy_variables_have_literal_values() -> None:
    cases: list[tuple[str, str, dict[str, Any], bool]] = [
        ("${aws:PrincipalAccount}", HOME, {"aws:principalaccount": HOME}, True),
        ("${aws:PrincipalAccount}", OTHER, {"aws:PrincipalAccount": HOME}, False),
        ("${aws:username}", "ada", {}, False),
        ("${aws:username, 'guest'}", "guest", {}, True),
        ("${aws:username, 'guest'}", "ada", {"aws:username": "ada"}, True),
        ("${aws:TagKeys}", "a", {"aws:TagKeys": ("a", "b")}, False),
        ("${aws:TagKeys}", "a", {"aws:TagKeys": ("a",)}, True),
        ("${aws:username}", "ada", {"aws:username": "*"}, False),
        ("${*}${?}${$}", "*?$", {}, True),
        ("${*}", "anything", {}, False),
        ("cost$", "cost$", {}, True),
    ]
    for name, resource, context, allowed in cases:
        asked = request(resource=f"arn:aws:s3:::{resource}", context=context)
        statement = identity_statement(Resource=f"arn:aws:s3:::{name}")

        assert decided_by_identity(asked, statement).allowed is allowed, (
            name,
            resource,
            context,
            allowed,
        )


def test_policies_of_version_2008_10_17_have_no_variables() -> None:
    statement = identity_statement(Resource="arn:aws:s3:::${aws:username}")
    for version in ({"Version": "2008-10-17"}, {}):
        parsed = parse_policy({"Statement": [statement], **version}, "old", None)
        for name, allowed in (("ada", False), ("${aws:username}", True)):
            asked = request(resource=f"arn:aws:s3:::{name}", context={"aws:username": "ada"})
            decision = decide(
                asked, identity_policies=[parsed], resource_policy=None, kind=ORDINARY
            )

            assert decision.allowed is allowed, (version, name)


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

"""A policy that AWS would refuse raises an error with policy, statement and reason."""

import json
from typing import Any

import pytest

from sandbox.iam.policy import PolicyError, ResourcePolicyKind, parse_policy
from sandbox.tests.iam.policy_documents import (
    BY_USER,
    KEY,
    ORDINARY,
    ROLE_ARN,
    TRUST,
    USER_ARN,
    document,
    identity_policy,
    identity_statement,
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
            "Principal AWS: got '1234', expected an account number",
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

"""Policies that AWS would refuse are refused, with policy, statement and reason."""

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


@pytest.mark.parametrize(
    ("kind", "statement", "reason"),
    [
        (None, without(identity_statement(), "Effect"), "Effect is None"),
        (None, identity_statement(Effect="allow"), "Effect is 'allow'"),
        (None, without(identity_statement(), "Action"), "exactly one of Action and NotAction"),
        (None, identity_statement(NotAction="sns:*"), "exactly one of Action and NotAction"),
        (None, without(identity_statement(), "Resource"), "exactly one of Resource and NotRes"),
        (None, identity_statement(NotResource="*"), "exactly one of Resource and NotResource"),
        (None, identity_statement(Action=[]), "Action is []"),
        (None, identity_statement(Action="Publish"), "Action 'Publish' is malformed"),
        (None, identity_statement(Action="s*:Publish"), "Action 's*:Publish' is malformed"),
        (None, identity_statement(Resource="alarms"), "Resource 'alarms' is malformed"),
        (None, identity_statement(Resource="arn:aws:s3"), "Resource 'arn:aws:s3' is malformed"),
        (None, identity_statement(Resource="arn:aws:*:x:1:y"), "is malformed"),
        (None, identity_statement(Resource=7), "Resource is 7"),
        (None, identity_statement(Resource="arn:aws:s3:::${a"), "without its closing brace"),
        (None, identity_statement(Resource="arn:aws:s3:::${a}"), "${a} is not a policy variable"),
        (None, identity_statement(Conditions={}), "unknown elements ['Conditions']"),
        (None, identity_statement(Sid=7), "Sid is not a string"),
        (None, identity_statement(Principal="*"), "an identity policy has no Principal"),
        (ORDINARY, without(GRANT, "Principal"), "a resource policy needs a Principal"),
        (ORDINARY, without(GRANT, "Resource"), "exactly one of Resource and NotResource"),
        (ORDINARY, GRANT | {"NotPrincipal": "*"}, "NotPrincipal is not supported"),
        (KEY, without(GRANT, "Principal"), "a key policy needs a Principal"),
        (KEY, without(GRANT, "Resource"), "exactly one of Resource and NotResource"),
        (TRUST, TRUSTED | {"Resource": "*"}, "a trust policy has no Resource"),
        (TRUST, TRUSTED | {"NotResource": "*"}, "a trust policy has no Resource"),
        (TRUST, TRUSTED | {"Action": "iam:*"}, "actions of sts alone, not 'iam:*'"),
        (ORDINARY, GRANT | {"Principal": USER_ARN}, 'it is "*" or an object'),
        (ORDINARY, GRANT | {"Principal": {}}, 'it is "*" or an object'),
        (ORDINARY, GRANT | {"Principal": {"AWS": []}}, "Principal AWS is []"),
        (ORDINARY, GRANT | {"Principal": {"AWS": "1234"}}, "'1234' is no account number"),
        (ORDINARY, GRANT | {"Principal": {"AWS": f"{ROLE_ARN}*"}}, "no ARN of an identity"),
        (ORDINARY, GRANT | {"Principal": {"Service": "*"}}, "'*' is no service principal"),
        (ORDINARY, GRANT | {"Principal": {"CanonicalUser": "x"}}, "only AWS and Service"),
    ],
)
def test_a_malformed_statement_is_refused(
    kind: ResourcePolicyKind | None, statement: dict[str, Any], reason: str
) -> None:
    well_formed = resource_statement(kind, BY_USER) if kind else identity_statement()
    with pytest.raises(PolicyError) as refused:
        parse_policy(document(well_formed, statement), "p", kind)

    assert reason in refused.value.reason
    assert refused.value.policy == "p"
    assert refused.value.statement == "statement 2"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ([], "Condition is not an object"),
        ({"StringEquals": "x"}, "Condition StringEquals is not an object"),
        ({"StringMatches": {"aws:x": "x"}}, "unknown condition operator 'StringMatches'"),
        ({"stringequals": {"aws:x": "x"}}, "unknown condition operator 'stringequals'"),
        ({"ForSome:StringLike": {"aws:x": "x"}}, "unknown condition operator 'ForSome:"),
        ({"NullIfExists": {"aws:x": "true"}}, "Null takes neither"),
        ({"StringEquals": {"x": "x"}}, "'x' is not a condition key"),
        ({"StringEquals": {"aws:x": None}}, "the value None of aws:x is no string"),
        ({"NumericEquals": {"aws:x": "five"}}, "aws:x: 'five' is not a number"),
        ({"DateEquals": {"aws:x": "yesterday"}}, "'yesterday' is not a date"),
        ({"Bool": {"aws:x": "yes"}}, "'yes' is neither true nor false"),
        ({"Null": {"aws:x": "yes"}}, "'yes' is neither true nor false"),
        ({"BinaryEquals": {"aws:x": "?"}}, "'?' is not Base64"),
        ({"IpAddress": {"aws:x": "203.0.113"}}, "does not appear to be an IPv4 or IPv6"),
        ({"StringLike": {"aws:x": "${}"}}, "${} is not a policy variable"),
    ],
)
def test_a_malformed_condition_is_refused(condition: Any, reason: str) -> None:
    with pytest.raises(PolicyError) as refused:
        identity_policy(identity_statement(Condition=condition, Sid="Mine"))

    assert reason in refused.value.reason
    assert str(refused.value).startswith("identity, statement 'Mine': ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "Statement is missing or empty"),
        ('{"Statement": []}', "Statement is missing or empty"),
        ('{"Statement": ["x"]}', "a statement is an object"),
        ('{"Version": "2012-10-18", "Statement": []}', "Version is '2012-10-18'"),
        ('{"Version": "2012-10-17", "Rules": []}', "unknown elements ['Rules']"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "an element stands twice"),
    ],
)
def test_a_malformed_document_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=r"^p.*: ") as refused:
        parse_policy(text, "p", None)

    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("sids", "reason"), [(["A", "A"], "more than once"), (["A b"], "letters and digits")]
)
def test_statement_ids_of_iam_are_unique_and_alphanumeric(sids: list[str], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        identity_policy(*(identity_statement(Sid=sid) for sid in sids))


def test_statement_ids_of_resources_may_hold_spaces() -> None:
    statement = resource_statement(KEY, BY_USER, Sid="Enable IAM policies")

    assert resource_policy(KEY, statement).statements[0].label == "statement 'Enable IAM policies'"


def test_text_and_object_parse_alike() -> None:
    policy = document(identity_statement(Condition={"Bool": {"aws:SecureTransport": "true"}}))

    assert parse_policy(json.dumps(policy), "p", None) == parse_policy(policy, "p", None)


def test_a_single_statement_needs_no_list() -> None:
    policy = {"Version": "2012-10-17", "Statement": identity_statement()}

    assert parse_policy(policy, "p", None) == parse_policy(
        document(identity_statement()), "p", None
    )

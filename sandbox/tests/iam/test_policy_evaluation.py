"""Identity and resource policies decide together as AWS documents it."""

from typing import Any

import pytest

from sandbox.iam.policy import Decision, Principal, ResourcePolicyKind, decide
from sandbox.tests.iam.policy_documents import (
    BY_ACCOUNT,
    BY_USER,
    HOME,
    KEY,
    ORDINARY,
    OTHER,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    SESSION_ARN,
    STRANGER,
    TOPIC,
    TRUST,
    USER,
    USER_ARN,
    decided_by_identity,
    identity_policy,
    identity_statement,
    request,
    resource_policy,
    resource_statement,
)


@pytest.mark.parametrize(
    ("kind", "caller", "named", "identity_allows", "allowed"),
    [
        # Same account: either side allows.
        (ORDINARY, USER, None, True, True),
        (ORDINARY, USER, None, False, False),
        (ORDINARY, USER, BY_USER, False, True),
        (ORDINARY, USER, "*", False, True),
        (ORDINARY, USER, {"AWS": "*"}, False, True),
        (ORDINARY, SESSION, {"AWS": ROLE_ARN}, False, True),
        (ORDINARY, SESSION, {"AWS": [USER_ARN, SESSION_ARN]}, False, True),
        (ORDINARY, USER, {"AWS": ROLE_ARN}, False, False),
        (ORDINARY, USER, {"AWS": ROLE_ARN}, True, True),
        # An account as principal leaves the decision to the account's identity policies.
        (ORDINARY, USER, BY_ACCOUNT, False, False),
        (ORDINARY, USER, BY_ACCOUNT, True, True),
        # Another account: both sides allow.
        (ORDINARY, STRANGER, None, True, False),
        (ORDINARY, STRANGER, {"AWS": OTHER}, False, False),
        (ORDINARY, STRANGER, {"AWS": OTHER}, True, True),
        (ORDINARY, STRANGER, {"AWS": STRANGER.arn}, False, False),
        (ORDINARY, STRANGER, {"AWS": STRANGER.arn}, True, True),
        (ORDINARY, STRANGER, BY_ACCOUNT, True, False),
        (ORDINARY, STRANGER, "*", False, False),
        (ORDINARY, STRANGER, "*", True, True),
        # A service: the resource's policy alone.
        (ORDINARY, SERVICE, None, True, False),
        (ORDINARY, SERVICE, {"Service": "cloudwatch.amazonaws.com"}, False, True),
        (ORDINARY, SERVICE, {"Service": "events.amazonaws.com"}, True, False),
        (ORDINARY, SERVICE, "*", False, True),
        (KEY, SERVICE, {"Service": ["cloudwatch.amazonaws.com"]}, False, True),
        (TRUST, SERVICE, {"Service": ["cloudwatch.amazonaws.com"]}, False, True),
        # A key: its policy always, and the identity's where it names the account.
        (KEY, USER, None, True, False),
        (KEY, USER, BY_USER, False, True),
        (KEY, USER, "*", False, True),
        (KEY, USER, BY_ACCOUNT, False, False),
        (KEY, USER, BY_ACCOUNT, True, True),
        (KEY, USER, {"AWS": HOME}, True, True),
        (KEY, STRANGER, BY_ACCOUNT, True, False),
        (KEY, STRANGER, {"AWS": OTHER}, False, False),
        (KEY, STRANGER, {"AWS": OTHER}, True, True),
        # A role: its trust policy always, the identity's unless it names the caller itself.
        (TRUST, USER, None, True, False),
        (TRUST, USER, BY_USER, False, True),
        (TRUST, SESSION, {"AWS": ROLE_ARN}, False, True),
        (TRUST, SESSION, {"AWS": SESSION_ARN}, False, True),
        (TRUST, USER, BY_ACCOUNT, False, False),
        (TRUST, USER, BY_ACCOUNT, True, True),
        (TRUST, USER, "*", False, False),
        (TRUST, USER, "*", True, True),
        (TRUST, STRANGER, {"AWS": STRANGER.arn}, False, False),
        (TRUST, STRANGER, {"AWS": STRANGER.arn}, True, True),
        (TRUST, STRANGER, BY_ACCOUNT, True, False),
        # An account's root user has all rights of its account, but assumes no role.
        (ORDINARY, ROOT, None, False, True),
        (KEY, ROOT, BY_ACCOUNT, False, True),
        (KEY, ROOT, BY_USER, False, False),
        (TRUST, ROOT, BY_ACCOUNT, True, False),
    ],
)
def test_grants_of_both_sides_combine_by_kind_and_account(
    kind: ResourcePolicyKind,
    caller: Principal,
    named: Any,
    *,
    identity_allows: bool,
    allowed: bool,
) -> None:
    asked = request(caller, action="sts:AssumeRole")
    decision = decide(
        asked,
        identity_policies=[identity_policy(identity_statement())] if identity_allows else [],
        resource_policy=named and resource_policy(kind, resource_statement(kind, named)),
        kind=kind,
    )

    assert decision.allowed is allowed, decision.reason


def test_a_resource_without_account_is_the_callers_own() -> None:
    asked = request(STRANGER, resource="*", resource_account=None)

    assert decided_by_identity(asked, identity_statement()).allowed


@pytest.mark.parametrize("kind", ResourcePolicyKind)
def test_a_deny_of_the_resource_wins(kind: ResourcePolicyKind) -> None:
    statements = [
        resource_statement(kind, BY_USER),
        resource_statement(kind, BY_ACCOUNT, Effect="Deny", Sid="Closed"),
    ]
    decision = decide(
        request(action="sts:AssumeRole"),
        identity_policies=[identity_policy(identity_statement())],
        resource_policy=resource_policy(kind, *statements),
        kind=kind,
    )

    assert decision == Decision(allowed=False, reason="denied by resource, statement 'Closed'")


def test_a_deny_of_the_identity_wins_over_the_resource() -> None:
    decision = decide(
        request(),
        identity_policies=[identity_policy(identity_statement(Effect="Deny"))],
        resource_policy=resource_policy(ORDINARY, resource_statement(ORDINARY, BY_USER)),
        kind=ORDINARY,
    )

    assert decision == Decision(allowed=False, reason="denied by identity, statement 1")


def test_an_allowed_request_names_both_statements_that_it_needed() -> None:
    decision = decide(
        request(STRANGER),
        identity_policies=[identity_policy(identity_statement(Sid="Tell"))],
        resource_policy=resource_policy(ORDINARY, resource_statement(ORDINARY, {"AWS": OTHER})),
        kind=ORDINARY,
    )

    assert decision.reason == "allowed by identity, statement 'Tell' and resource, statement 1"


@pytest.mark.parametrize(
    ("statement", "shortfall"),
    [
        (identity_statement(Resource=f"{TOPIC}-2"), f"Resource is not {TOPIC}"),
        (identity_statement(NotResource=[TOPIC]), f"NotResource is not {TOPIC}"),
        (
            identity_statement(Condition={"Bool": {"aws:SecureTransport": True}}),
            "condition Bool aws:SecureTransport is not met",
        ),
        (identity_statement(Resource="arn:aws:s3:::${aws:username}"), "no value for ${aws:userna"),
    ],
)
def test_a_refusal_says_what_kept_each_statement_from_allowing(
    statement: dict[str, Any], shortfall: str
) -> None:
    if "NotResource" in statement:
        statement = {key: value for key, value in statement.items() if key != "Resource"}
    decision = decided_by_identity(request(), statement)

    assert not decision.allowed
    assert decision.reason.startswith(
        f"no identity policy allows sns:Publish on {TOPIC} for {USER_ARN}; identity, statement 1: "
    )
    assert shortfall in decision.reason


def test_a_refusal_says_that_a_key_leaves_it_to_identity_policies() -> None:
    decision = decide(
        request(action="kms:Decrypt"),
        identity_policies=[],
        resource_policy=resource_policy(KEY, resource_statement(KEY, BY_ACCOUNT)),
        kind=KEY,
    )

    assert "resource, statement 1 needs an identity policy too" in decision.reason


def test_a_policy_of_another_kind_is_not_judged() -> None:
    key_policy = resource_policy(KEY, resource_statement(KEY, BY_USER))

    with pytest.raises(ValueError, match="not parsed as a trust policy"):
        decide(request(), identity_policies=[], resource_policy=key_policy, kind=TRUST)
    with pytest.raises(ValueError, match="no identity policy"):
        decide(request(), identity_policies=[key_policy], resource_policy=None, kind=KEY)


@pytest.mark.parametrize(
    "fields",
    [{}, {"arn": USER_ARN}, {"arn": USER_ARN, "account": HOME, "service": "sns.amazonaws.com"}],
)
def test_a_principal_is_an_identity_with_account_or_a_service(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a principal"):
        Principal(**fields)

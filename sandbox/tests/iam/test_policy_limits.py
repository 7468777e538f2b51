"""Service control policies and permissions boundaries limit what other policies grant."""

from typing import Any

from sandbox.iam.policy import Decision, Limits, NamedPolicy, Principal, decide, parse_policy
from sandbox.tests.iam.policy_documents import (
    BY_ACCOUNT,
    HOME,
    ORDINARY,
    ROLE_ARN,
    ROOT,
    SESSION,
    SESSION_ARN,
    STRANGER,
    USER,
    document,
    identity_policy,
    identity_statement,
    request,
    resource_policy,
    resource_statement,
)

ALLOW_ALL = identity_statement()
ALLOW_SNS = identity_statement(Action="sns:*")
ALLOW_SQS = identity_statement(Action="sqs:*")
DENY_SNS = identity_statement(Effect="Deny", Action="sns:*")


def limit(*statements: dict[str, Any]) -> NamedPolicy:
    return parse_policy(document(*statements), "limit", None)


def decided(
    *levels: list[dict[str, Any]],
    principal: Principal = SESSION,
    boundary: list[dict[str, Any]] | None = None,
    resource: Any = None,
    identity: dict[str, Any] = ALLOW_ALL,
) -> Decision:
    """`levels` are the statements of one service control policy at each level."""
    policy = None if resource is None else resource_policy(ORDINARY, resource)
    return decide(
        request(principal),
        identity_policies=[identity_policy(identity)],
        resource_policy=policy,
        kind=ORDINARY,
        limits=Limits(
            control_policies=tuple((limit(*level),) for level in levels),
            boundary=limit(*boundary) if boundary else None,
        ),
    )


def test_each_level_of_control_policies_must_allow() -> None:
    cases: list[tuple[list[list[dict[str, Any]]], bool]] = [
        ([], True),
        ([[ALLOW_ALL], [ALLOW_ALL]], True),
        ([[ALLOW_SNS], [ALLOW_ALL]], True),
        ([[ALLOW_SQS], [ALLOW_ALL]], False),
        ([[ALLOW_ALL], [ALLOW_SQS]], False),
        ([[ALLOW_ALL], [ALLOW_ALL, DENY_SNS]], False),
        ([[DENY_SNS], [ALLOW_ALL]], False),
    ]
    for levels, allowed in cases:
        assert decided(*levels).allowed is allowed, levels


def test_control_policies_apply_to_the_root_user_too() -> None:
    assert decided([ALLOW_ALL], principal=ROOT).allowed
    assert not decided([ALLOW_ALL, DENY_SNS], principal=ROOT).allowed


def test_a_control_policy_grants_nothing() -> None:
    assert not decided([ALLOW_ALL], identity=ALLOW_SQS).allowed


def test_a_control_policy_also_limits_what_a_resource_policy_grants() -> None:
    granted = resource_statement(ORDINARY, {"AWS": SESSION_ARN})

    assert decided([ALLOW_ALL], resource=granted, identity=ALLOW_SQS).allowed
    assert not decided([ALLOW_SQS], resource=granted, identity=ALLOW_SQS).allowed


def test_the_reason_tells_a_denial_from_a_missing_permission() -> None:
    denied = decided([ALLOW_ALL, DENY_SNS])
    missing = decided([ALLOW_SQS])

    assert denied.clause.startswith(
        "with an explicit deny in a service control policy: limit, statement 2"
    )
    assert missing.clause == "because no service control policy allows the sns:Publish action"


def test_a_boundary_limits_identity_policies() -> None:
    cases: list[tuple[list[dict[str, Any]], bool]] = [
        ([ALLOW_ALL], True),
        ([ALLOW_SNS], True),
        ([ALLOW_SQS], False),
        ([ALLOW_ALL, DENY_SNS], False),
    ]
    for boundary, allowed in cases:
        assert decided(boundary=boundary).allowed is allowed, boundary


def test_a_boundary_grants_nothing() -> None:
    assert not decided(boundary=[ALLOW_ALL], identity=ALLOW_SQS).allowed


def test_a_boundary_does_not_limit_a_grant_to_the_session_itself() -> None:
    cases: list[tuple[Any, bool]] = [
        ({"AWS": SESSION_ARN}, True),
        ("*", True),
        ({"AWS": ROLE_ARN}, False),
        (BY_ACCOUNT, False),
    ]
    for principal, allowed in cases:
        granted = resource_statement(ORDINARY, principal)
        decision = decided(boundary=[ALLOW_SQS], resource=granted)
        assert decision.allowed is allowed, principal


def test_an_explicit_deny_in_the_boundary_limits_every_grant() -> None:
    granted = resource_statement(ORDINARY, {"AWS": SESSION_ARN})

    assert not decided(boundary=[ALLOW_ALL, DENY_SNS], resource=granted).allowed


def test_a_boundary_limits_a_caller_of_another_account() -> None:
    granted = resource_statement(ORDINARY, {"AWS": STRANGER.arn})

    assert decided(principal=STRANGER, boundary=[ALLOW_SNS], resource=granted).allowed
    refused = decided(principal=STRANGER, boundary=[ALLOW_SQS], resource=granted)
    assert refused.clause == "because no permissions boundary allows the sns:Publish action"


def test_a_user_is_limited_as_a_session_is() -> None:
    assert USER.account == HOME
    assert not decided([ALLOW_SQS], principal=USER).allowed
    assert not decided(principal=USER, boundary=[ALLOW_SQS]).allowed

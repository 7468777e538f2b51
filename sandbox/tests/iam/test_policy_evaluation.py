"""Identity and resource policies are combined as AWS documents it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.iam.policy import AccessRequest, Decision, Principal, ResourcePolicyKind, decide
from sandbox.iam.policy.patterns import matches, parse_template
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


def test_identity_and_resource_policies_combine_by_kind_and_account() -> None:
    cases: list[tuple[ResourcePolicyKind, Principal, Any, bool, bool]] = [
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
    ]
    for kind, caller, named, identity_allows, allowed in cases:
        asked = request(caller, action="sts:AssumeRole")
        decision = decide(
            asked,
            identity_policies=[identity_policy(identity_statement())] if identity_allows else [],
            resource_policy=named and resource_policy(kind, resource_statement(kind, named)),
            kind=kind,
        )

        assert decision.allowed is allowed, decision.reason


def test_a_resource_without_an_account_belongs_to_the_caller() -> None:
    asked = request(STRANGER, resource="*", resource_account=None)

    assert decided_by_identity(asked, identity_statement()).allowed


def test_a_deny_in_the_resource_policy_overrides() -> None:
    for kind in ResourcePolicyKind:
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

        assert decision == Decision(
            allowed=False, reason="denied by resource, statement 'Closed'"
        ), kind


def test_a_deny_in_an_identity_policy_overrides_the_resource_policy() -> None:
    decision = decide(
        request(),
        identity_policies=[identity_policy(identity_statement(Effect="Deny"))],
        resource_policy=resource_policy(ORDINARY, resource_statement(ORDINARY, BY_USER)),
        kind=ORDINARY,
    )

    assert decision == Decision(allowed=False, reason="denied by identity, statement 1")


def test_the_reason_names_both_statements_that_allow() -> None:
    decision = decide(
        request(STRANGER),
        identity_policies=[identity_policy(identity_statement(Sid="Publish"))],
        resource_policy=resource_policy(ORDINARY, resource_statement(ORDINARY, {"AWS": OTHER})),
        kind=ORDINARY,
    )

    assert decision.reason == "allowed by identity, statement 'Publish' and resource, statement 1"


def test_the_reason_of_a_denial_says_why_each_statement_does_not_apply() -> None:
    secure = {"Bool": {"aws:SecureTransport": True}}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Resource": f"{TOPIC}-2"}, f"Resource is not {TOPIC}"),
        ({"NotResource": [TOPIC]}, f"NotResource is not {TOPIC}"),
        ({"Resource": "*", "Condition": secure}, "condition Bool aws:SecureTransport is not met"),
        ({"Resource": "arn:aws:s3:::${aws:username}"}, "no value for ${aws:username}"),
    ]
    start = (
        f"no identity policy allows sns:Publish on {TOPIC} for {USER_ARN}; identity, statement 1"
    )
    for elements, mismatch in cases:
        decision = decided_by_identity(request(), {"Effect": "Allow", "Action": "*", **elements})

        assert not decision.allowed, elements
        assert decision.reason == f"{start}: {mismatch}"


def test_the_reason_of_a_denial_says_that_a_key_policy_delegates() -> None:
    decision = decide(
        request(action="kms:Decrypt"),
        identity_policies=[],
        resource_policy=resource_policy(KEY, resource_statement(KEY, BY_ACCOUNT)),
        kind=KEY,
    )

    assert "resource, statement 1 needs an identity policy too" in decision.reason


def test_a_policy_of_another_kind_is_rejected() -> None:
    key_policy = resource_policy(KEY, resource_statement(KEY, BY_USER))

    with pytest.raises(ValueError, match="resource: expected a trust policy"):
        decide(request(), identity_policies=[], resource_policy=key_policy, kind=TRUST)
    with pytest.raises(ValueError, match="got a key policy, expected an identity policy"):
        decide(request(), identity_policies=[key_policy], resource_policy=None, kind=KEY)


def test_a_principal_is_an_identity_with_an_account_or_a_service() -> None:
    cases: list[dict[str, str]] = [
        {},
        {"arn": USER_ARN},
        {"arn": USER_ARN, "account": HOME, "service": "sns.amazonaws.com"},
    ]
    for fields in cases:
        with pytest.raises(ValueError, match="expected "):
            Principal(**fields)


CALLERS = st.sampled_from([USER, SESSION, ROOT, STRANGER, SERVICE])
NAMES = st.sampled_from(
    ["*", BY_USER, BY_ACCOUNT, {"AWS": OTHER}, {"AWS": ROLE_ARN}, {"Service": SERVICE.service}]
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:x": "1"}},
        {"StringNotEquals": {"aws:x": "1"}},
        {"StringLike": {"aws:x": "${aws:y}"}},
    ]
)
CONTEXTS = st.dictionaries(st.sampled_from(["aws:x", "aws:y"]), st.sampled_from("12"))
EFFECTS = st.sampled_from(["Allow", "Deny"])


@st.composite
def statements(draw: st.DrawFn, kind: ResourcePolicyKind | None) -> dict[str, Any]:
    elements = {
        "Effect": draw(EFFECTS),
        "Action": draw(st.sampled_from(["sts:AssumeRole", "sts:*", "sts:TagSession"])),
        "Condition": draw(CONDITIONS),
    }
    if kind is not None:
        elements["Principal"] = draw(NAMES)
    if kind is not TRUST:
        elements["Resource"] = draw(st.sampled_from(["*", TOPIC, "arn:aws:s3:::x"]))
    return elements


@st.composite
def cases(draw: st.DrawFn, effect: str) -> tuple[Decision, Decision]:
    """The decisions of one request before and after a statement is added."""
    kind = draw(st.sampled_from(ResourcePolicyKind))
    own = draw(st.lists(statements(None), min_size=1, max_size=3))
    others = draw(st.lists(statements(kind), min_size=1, max_size=3))
    asked = request(draw(CALLERS), action="sts:AssumeRole", context=draw(CONTEXTS))
    before = decision_of(asked, kind, own, others)
    if draw(st.booleans()):
        own = [*own, draw(statements(None)) | {"Effect": effect}]
    else:
        others = [*others, draw(statements(kind)) | {"Effect": effect}]
    return before, decision_of(asked, kind, own, others)


def decision_of(
    asked: AccessRequest,
    kind: ResourcePolicyKind,
    own: list[dict[str, Any]],
    others: list[dict[str, Any]],
) -> Decision:
    return decide(
        asked,
        identity_policies=[identity_policy(*own)],
        resource_policy=resource_policy(kind, *others),
        kind=kind,
    )


@given(cases("Deny"))
def test_an_additional_deny_never_allows(case: tuple[Decision, Decision]) -> None:
    before, after = case

    assert before.allowed or not after.allowed


@given(cases("Allow"))
def test_an_additional_allow_never_denies(case: tuple[Decision, Decision]) -> None:
    before, after = case

    assert after.allowed or not before.allowed


@given(st.text(st.characters(exclude_characters="*?")), st.text())
def test_a_pattern_without_wildcards_matches_itself_only(literal: str, other: str) -> None:
    template = parse_template(literal, variables=False, wildcards=True)

    assert matches(template, literal, {})
    assert matches(template, other, {}) is (literal == other)


@given(st.text(), st.text(), st.text())
def test_a_wildcard_matches_any_text(start: str, middle: str, end: str) -> None:
    template = parse_template("${aws:a}*${aws:b}", variables=True, wildcards=True)
    context = {"aws:a": (start,), "aws:b": (end,)}

    assert matches(template, start + middle + end, context)

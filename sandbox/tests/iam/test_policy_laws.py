"""Properties of every policy and every pattern."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.iam.policy import AccessRequest, Decision, ResourcePolicyKind, decide
from sandbox.iam.policy.patterns import matches, parse_template
from sandbox.tests.iam.policy_documents import (
    BY_ACCOUNT,
    BY_USER,
    OTHER,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    STRANGER,
    TOPIC,
    TRUST,
    USER,
    identity_policy,
    request,
    resource_policy,
)

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

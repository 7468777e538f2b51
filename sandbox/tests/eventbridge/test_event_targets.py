"""A bus can be a target only if it exists and allows the rule to send."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY, join_many, leave
from sandbox.tests.eventbridge.event_resources import (
    IN_THE_ORGANIZATION,
    SOURCE,
    EventRule,
    admit,
    bus_arn,
    create_bus,
    rule_in,
    sending_role,
    target,
)
from sandbox.tests.resources import REGION, code_of, message_of, policy

MEMBER = MEMBERS[0].id
ELSEWHERE = "eu-central-1"


@pytest.fixture
def rule(sandbox: Sandbox) -> EventRule:
    made = rule_in(MEMBER)
    made.put(sandbox)
    return made


def add_target(sandbox: Sandbox, rule: EventRule, bus: str) -> str | None:
    """Add the bus to the targets of the rule; the error code, None if it succeeds."""
    role = sending_role(sandbox, rule, bus)
    try:
        rule.put_targets(sandbox, target(bus, RoleArn=role))
    except ClientError as refused:
        return code_of(refused)
    return None


def targets(sandbox: Sandbox, rule: EventRule) -> list[Any]:
    events = sandbox.client("events", rule.account, rule.region)
    return list(events.list_targets_by_rule(Rule=rule.name)["Targets"])


def test_a_missing_bus_cannot_be_a_target(sandbox: Sandbox, rule: EventRule) -> None:
    for place in [
        (SECURITY.id, "gone", REGION),
        (SECURITY.id, "gone", ELSEWHERE),
        (SECURITY.id, "default", "nowhere-1"),
        ("999999999999", "gone", REGION),
        (MEMBER, "gone", REGION),
        (MEMBER, "gone", ELSEWHERE),
    ]:
        assert add_target(sandbox, rule, bus_arn(*place)) == "ResourceNotFoundException", place
        assert targets(sandbox, rule) == [], place


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_a_bus_of_another_account_requires_a_policy(
    sandbox: Sandbox, rule: EventRule, region: str
) -> None:
    """With a policy that allows the sender, PutTargets succeeds."""
    name = create_bus(sandbox, SECURITY.id, region=region)
    arn = bus_arn(SECURITY.id, name, region)
    before = add_target(sandbox, rule, arn)
    statement = {"Sid": "one", **admit(), "Resource": arn}
    sandbox.client("events", SECURITY.id, region).put_permission(
        EventBusName=name, Policy=policy(statement)
    )

    assert before == "AccessDeniedException"
    assert add_target(sandbox, rule, arn) is None
    assert [one["Arn"] for one in targets(sandbox, rule)] == [arn]


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_a_bus_of_the_same_account_requires_no_policy(
    sandbox: Sandbox, rule: EventRule, region: str
) -> None:
    name = create_bus(sandbox, MEMBER, region=region)

    assert add_target(sandbox, rule, bus_arn(MEMBER, name, region)) is None


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (IN_THE_ORGANIZATION, None),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-another00000"}}, "AccessDeniedException"),
        ({"StringEquals": {"aws:SourceAccount": MEMBER}}, None),
        ({"StringEquals": {"aws:SourceAccount": SECURITY.id}}, "AccessDeniedException"),
        ({"StringEquals": {"events:source": SOURCE}}, None),
        ({"StringEquals": {"events:source": "test.other"}}, "AccessDeniedException"),
        ({"StringEquals": {"events:detail-type": "Sale"}}, "AccessDeniedException"),
    ],
    ids=str,
)
def test_the_policy_is_evaluated_as_at_the_delivery(
    sandbox: Sandbox, rule: EventRule, condition: Mapping[str, Any], code: str | None
) -> None:
    """The pattern of the rule has a source and no detail-type."""
    name = create_bus(sandbox, SECURITY.id, admit(condition))

    assert add_target(sandbox, rule, bus_arn(SECURITY.id, name)) == code


@pytest.mark.parametrize(
    ("taken", "code"),
    [(["Sale", "Return"], None), (["Sale"], "AccessDeniedException")],
)
def test_the_policy_must_allow_all_events_of_the_pattern(
    sandbox: Sandbox, rule: EventRule, taken: list[str], code: str | None
) -> None:
    pattern = {"source": [SOURCE], "detail-type": ["Sale", "Return", {"prefix": "S"}]}
    rule.put(sandbox, EventPattern=json.dumps(pattern))
    condition = {"StringEquals": {"events:detail-type": taken}}
    name = create_bus(sandbox, SECURITY.id, admit(condition))

    assert add_target(sandbox, rule, bus_arn(SECURITY.id, name)) == code


def test_an_account_outside_the_organization_is_denied(sandbox: Sandbox) -> None:
    [account] = join_many(1, "Workloads")
    rule, other = rule_in(account.id), rule_in(account.id)
    bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id, admit()))
    for one in (rule, other):
        one.put(sandbox)
    inside = add_target(sandbox, rule, bus)
    leave(account.id)

    assert inside is None
    assert add_target(sandbox, other, bus) == "AccessDeniedException"


@pytest.mark.parametrize(("account", "policies"), [(MEMBER, []), (SECURITY.id, [admit()])])
def test_the_role_must_have_permission_to_send(
    sandbox: Sandbox, rule: EventRule, account: str, policies: list[Any]
) -> None:
    bus = bus_arn(account, create_bus(sandbox, account, *policies))
    role = sending_role(sandbox, rule, f"{bus}-another")

    with pytest.raises(ClientError) as refused:
        rule.put_targets(sandbox, target(bus, RoleArn=role))

    assert code_of(refused.value) == "AccessDeniedException"
    assert f"{role} is not authorized to perform: events:PutEvents on resource: {bus}" in (
        message_of(refused.value)
    )


def test_one_invalid_target_fails_the_request(sandbox: Sandbox, rule: EventRule) -> None:
    open_bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id, admit()))
    closed = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id))
    role = sending_role(sandbox, rule, open_bus, closed)

    with pytest.raises(ClientError) as refused:
        rule.put_targets(sandbox, *(target(bus, RoleArn=role) for bus in (open_bus, closed)))

    assert code_of(refused.value) == "AccessDeniedException"
    assert targets(sandbox, rule) == []

"""A bus is a target only if it is there and takes what the rule sends, before the rule sends it."""

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
    Rule,
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
def rule(sandbox: Sandbox) -> Rule:
    made = rule_in(MEMBER)
    made.put(sandbox)
    return made


def aim(sandbox: Sandbox, rule: Rule, bus: str) -> str | None:
    """Make the bus the rule's target; the code of the refusal, or None where it is taken."""
    role = sending_role(sandbox, rule, bus)
    try:
        rule.put_targets(sandbox, target(bus, RoleArn=role))
    except ClientError as refused:
        return code_of(refused)
    return None


def targets(sandbox: Sandbox, rule: Rule) -> list[Any]:
    events = sandbox.client("events", rule.account, rule.region)
    return list(events.list_targets_by_rule(Rule=rule.name)["Targets"])


@pytest.mark.parametrize(
    "place",
    [
        (SECURITY.id, "gone", REGION),
        (SECURITY.id, "gone", ELSEWHERE),
        (SECURITY.id, "default", "nowhere-1"),
        ("999999999999", "gone", REGION),
        (MEMBER, "gone", REGION),
        (MEMBER, "gone", ELSEWHERE),
    ],
    ids=str,
)
def test_a_bus_that_does_not_exist_is_no_target(
    sandbox: Sandbox, rule: Rule, place: tuple[str, str, str]
) -> None:
    assert aim(sandbox, rule, bus_arn(*place)) == "ResourceNotFoundException"
    assert targets(sandbox, rule) == []


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_a_bus_without_a_policy_is_no_target_of_another_account(
    sandbox: Sandbox, rule: Rule, region: str
) -> None:
    """Once it has one that lets the sender in, it is."""
    name = create_bus(sandbox, SECURITY.id, region=region)
    arn = bus_arn(SECURITY.id, name, region)
    before = aim(sandbox, rule, arn)
    statement = {"Sid": "one", **admit(), "Resource": arn}
    sandbox.client("events", SECURITY.id, region).put_permission(
        EventBusName=name, Policy=policy(statement)
    )

    assert before == "AccessDeniedException"
    assert aim(sandbox, rule, arn) is None
    assert [one["Arn"] for one in targets(sandbox, rule)] == [arn]


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_a_bus_of_the_rules_own_account_needs_no_policy(
    sandbox: Sandbox, rule: Rule, region: str
) -> None:
    name = create_bus(sandbox, MEMBER, region=region)

    assert aim(sandbox, rule, bus_arn(MEMBER, name, region)) is None


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
def test_a_policy_decides_as_it_will_at_the_delivery(
    sandbox: Sandbox, rule: Rule, condition: Mapping[str, Any], code: str | None
) -> None:
    """The rule's pattern names a source and no detail-type."""
    name = create_bus(sandbox, SECURITY.id, admit(condition))

    assert aim(sandbox, rule, bus_arn(SECURITY.id, name)) == code


@pytest.mark.parametrize(
    ("taken", "code"),
    [(["Sale", "Return"], None), (["Sale"], "AccessDeniedException")],
)
def test_a_bus_takes_all_that_the_pattern_names(
    sandbox: Sandbox, rule: Rule, taken: list[str], code: str | None
) -> None:
    pattern = {"source": [SOURCE], "detail-type": ["Sale", "Return", {"prefix": "S"}]}
    rule.put(sandbox, EventPattern=json.dumps(pattern))
    condition = {"StringEquals": {"events:detail-type": taken}}
    name = create_bus(sandbox, SECURITY.id, admit(condition))

    assert aim(sandbox, rule, bus_arn(SECURITY.id, name)) == code


def test_an_account_outside_of_the_organization_cannot_aim_at_its_bus(sandbox: Sandbox) -> None:
    [account] = join_many(1, "Workloads")
    rule, other = rule_in(account.id), rule_in(account.id)
    bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id, admit()))
    for one in (rule, other):
        one.put(sandbox)
    inside = aim(sandbox, rule, bus)
    leave(account.id)

    assert inside is None
    assert aim(sandbox, other, bus) == "AccessDeniedException"


@pytest.mark.parametrize(("account", "policies"), [(MEMBER, []), (SECURITY.id, [admit()])])
def test_the_role_must_be_allowed_to_send_there(
    sandbox: Sandbox, rule: Rule, account: str, policies: list[Any]
) -> None:
    bus = bus_arn(account, create_bus(sandbox, account, *policies))
    role = sending_role(sandbox, rule, f"{bus}-another")

    with pytest.raises(ClientError) as refused:
        rule.put_targets(sandbox, target(bus, RoleArn=role))

    assert code_of(refused.value) == "AccessDeniedException"
    assert f"{role} is not authorized to perform: events:PutEvents on resource: {bus}" in (
        message_of(refused.value)
    )


def test_one_target_that_is_refused_refuses_all(sandbox: Sandbox, rule: Rule) -> None:
    open_bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id, admit()))
    closed = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id))
    role = sending_role(sandbox, rule, open_bus, closed)

    with pytest.raises(ClientError) as refused:
        rule.put_targets(sandbox, *(target(bus, RoleArn=role) for bus in (open_bus, closed)))

    assert code_of(refused.value) == "AccessDeniedException"
    assert targets(sandbox, rule) == []

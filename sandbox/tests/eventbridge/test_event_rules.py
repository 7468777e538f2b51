"""The checks of PutRule and PutTargets."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY, join_many, leave
from sandbox.tests.eventbridge.event_resources import (
    EVENTS,
    IN_THE_ORGANIZATION,
    SOURCE,
    EventRule,
    Queue,
    admit,
    bus_arn,
    create_bus,
    rule_in,
    sending_role,
    target,
    trust,
)
from sandbox.tests.resources import (
    REGION,
    code_of,
    create_role,
    message_of,
    policy,
    service,
    unique,
)

MEMBER = MEMBERS[0].id
ELSEWHERE = "eu-central-1"


@pytest.fixture(scope="module")
def events(sandbox: Sandbox) -> Any:
    return sandbox.client("events", MEMBER)


@pytest.fixture(scope="module")
def bus(sandbox: Sandbox) -> str:
    """The ARN of a bus in another account and Region that allows the organization to send."""
    name = create_bus(sandbox, SECURITY.id, admit(), region=ELSEWHERE)
    return bus_arn(SECURITY.id, name, ELSEWHERE)


@pytest.fixture
def rule(sandbox: Sandbox) -> EventRule:
    made = rule_in(MEMBER)
    made.put(sandbox)
    return made


def refusal(call: Any, *arguments: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    return code_of(refused.value), message_of(refused.value)


def test_an_invalid_pattern_is_refused(events: Any) -> None:
    for pattern, reason in [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "expected at least one field"),
        ('{"source": "aws.signin"}', 'source: got "aws.signin", expected an object or an array'),
        (
            '{"detail": {"a": [{"matches": "x"}]}}',
            'detail.a[0]: got ["matches"], expected one operator of',
        ),
    ]:
        code, message = refusal(events.put_rule, Name=unique("rule"), EventPattern=pattern)

        assert code == "InvalidEventPatternException", (pattern, reason)
        assert reason in message, (pattern, reason)


def test_the_length_of_a_pattern_has_a_quota(events: Any) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""
    frame = len(json.dumps({"source": [""]}))
    longest = json.dumps({"source": ["x" * (2048 - frame)]})
    too_long = json.dumps({"source": ["x" * (2049 - frame)]})

    code, _ = refusal(events.put_rule, Name=unique("rule"), EventPattern=too_long)

    assert code == "LimitExceededException"
    assert events.put_rule(Name=unique("rule"), EventPattern=longest)["RuleArn"]


def test_describe_rule_returns_the_settings(events: Any) -> None:
    name, pattern = unique("rule"), '{"source": ["a"]}'
    arn = events.put_rule(Name=name, EventPattern=pattern, Description="x", State="DISABLED")
    described = events.describe_rule(Name=name)

    assert described["Arn"] == arn["RuleArn"]
    assert described["EventPattern"] == pattern
    assert (described["State"], described["Description"]) == ("DISABLED", "x")


def test_an_invalid_setting_is_refused(events: Any) -> None:
    cases: list[dict[str, Any]] = [
        {"Name": "a rule"},
        {"Name": "x" * 65},
        {"State": "ON"},
        {"Description": "x" * 513},
    ]
    for change in cases:
        settings = {"Name": unique("rule"), "EventPattern": '{"source": ["a"]}', **change}

        assert refusal(events.put_rule, **settings)[0] == "ValidationException", change


def test_a_rule_with_targets_cannot_be_deleted(
    sandbox: Sandbox, events: Any, rule: EventRule
) -> None:
    rule.put_targets(sandbox, {"Id": "q", "Arn": Queue(sandbox, MEMBER, rule).arn})
    code, _ = refusal(events.delete_rule, Name=rule.name)
    events.remove_targets(Rule=rule.name, Ids=["q"])
    events.delete_rule(Name=rule.name)

    assert code == "ValidationException"
    assert refusal(events.describe_rule, Name=rule.name)[0] == "ResourceNotFoundException"


def test_an_updated_rule_keeps_its_targets(sandbox: Sandbox, events: Any, rule: EventRule) -> None:
    rule.put_targets(sandbox, {"Id": "q", "Arn": Queue(sandbox, MEMBER, rule).arn})
    rule.put(sandbox, Description="another")
    listed = events.list_targets_by_rule(Rule=rule.name)["Targets"]

    assert [one["Id"] for one in listed] == ["q"]


def test_an_own_bus_can_be_named_by_its_arn(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, MEMBER)
    by_arn = {"Name": unique("rule"), "EventBusName": bus_arn(MEMBER, name)}
    arn = events.put_rule(**by_arn, EventPattern='{"source": ["a"]}')["RuleArn"]

    assert arn == f"arn:aws:events:us-east-1:{MEMBER}:rule/{name}/{by_arn['Name']}"
    assert events.describe_rule(**by_arn)["EventBusName"] == name


def test_a_rule_on_a_bus_of_another_account_is_refused(sandbox: Sandbox, events: Any) -> None:
    """Moto uses the bus of the same name in the account of the caller."""
    name = create_bus(sandbox, SECURITY.id)
    create = {"Name": unique("rule"), "EventPattern": '{"source": ["a"]}'}
    arns = [bus_arn(SECURITY.id, "default"), bus_arn(SECURITY.id, name)]

    codes = {refusal(events.put_rule, **create, EventBusName=arn)[0] for arn in arns}

    assert codes == {"AccessDeniedException"}


def test_a_bus_of_another_account_and_region_can_be_a_target(
    sandbox: Sandbox, events: Any, rule: EventRule, bus: str
) -> None:
    sent = {"Id": "bus", "Arn": bus, "RoleArn": sending_role(sandbox, rule, bus)}
    rule.put_targets(sandbox, sent)

    assert events.list_targets_by_rule(Rule=rule.name)["Targets"] == [sent]


def test_a_bus_as_target_requires_a_role(sandbox: Sandbox, rule: EventRule, bus: str) -> None:
    code, message = refusal(rule.put_targets, sandbox, target(bus))

    assert (code, message) == ("ValidationException", f"RoleArn is required for target {bus}.")


def test_a_role_that_eventbridge_cannot_assume_is_refused(
    sandbox: Sandbox, rule: EventRule, bus: str
) -> None:
    for_another = create_role(sandbox, MEMBER, EVENTS)
    trust(sandbox, for_another, f"{rule.arn}-another")
    gone = f"arn:aws:iam::{MEMBER}:role/gone"
    roles = [create_role(sandbox, MEMBER, service("lambda")), for_another, gone]

    answers = [refusal(rule.put_targets, sandbox, target(bus, RoleArn=role)) for role in roles]

    assert {code for code, _ in answers} == {"ValidationException"}
    assert all("cannot be assumed by principal 'events" in message for _, message in answers)


def test_a_role_of_another_account_is_refused(sandbox: Sandbox, rule: EventRule, bus: str) -> None:
    role = create_role(sandbox, SECURITY.id, EVENTS)

    code, message = refusal(rule.put_targets, sandbox, target(bus, RoleArn=role))

    assert (code, message) == (
        "AccessDeniedException",
        "Cross-account pass role is not allowed.",
    )


def test_the_bus_of_the_rule_cannot_be_its_target(sandbox: Sandbox, rule: EventRule) -> None:
    own = bus_arn(MEMBER, "default")
    role = sending_role(sandbox, rule, own)

    assert "rule itself" in refusal(rule.put_targets, sandbox, target(own, RoleArn=role))[1]


def test_an_unsupported_target_is_refused(sandbox: Sandbox, rule: EventRule) -> None:
    for arn in [
        "queue",
        "arn:aws:sqs:us-east-1:1:queue",
        f"arn:aws:sqs:us-east-1:{MEMBER}:queue.fifo",
        f"arn:aws:lambda:us-east-1:{MEMBER}:function:f",
        f"arn:aws:sqs:eu-central-1:{MEMBER}:queue",
        f"arn:aws:sqs:us-east-1:{SECURITY.id}:queue",
    ]:
        assert refusal(rule.put_targets, sandbox, target(arn))[0] == "ValidationException", arn


def test_unsupported_and_invalid_target_settings_are_refused(
    sandbox: Sandbox, rule: EventRule
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Input": "{}"}, "does not support Input"),
        ({"InputPath": "$.detail"}, "does not support InputPath"),
        ({"InputTransformer": {"InputTemplate": "{}"}}, "does not support InputTransformer"),
        ({"SqsParameters": {"MessageGroupId": "x"}}, "does not support SqsParameters"),
        ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "got 186, expected 0 to 185"),
        ({"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}}, "got 86401, expected 60 to 86400"),
        ({"Id": "a target"}, "Id must match"),
    ]
    for more, reason in cases:
        queue = Queue(sandbox, MEMBER, rule)

        code, message = refusal(rule.put_targets, sandbox, {**target(queue.arn), **more})

        assert code == "ValidationException", (more, reason)
        assert reason in message, (more, reason)


def test_the_dead_letter_queue_is_in_the_account_and_region_of_the_rule(
    sandbox: Sandbox, rule: EventRule
) -> None:
    here = Queue(sandbox, MEMBER, rule)
    elsewhere = Queue(sandbox, MEMBER, rule, "eu-central-1")
    foreign = Queue(sandbox, SECURITY.id, rule)
    wrong = [elsewhere.arn, foreign.arn, f"{here.arn}-gone", f"{here.arn}.fifo", "queue"]

    codes = {
        refusal(rule.put_targets, sandbox, target(here.arn, DeadLetterConfig={"Arn": arn}))[0]
        for arn in wrong
    }
    rule.put_targets(sandbox, target(here.arn, DeadLetterConfig={"Arn": here.arn}))

    assert codes == {"ValidationException"}


def test_a_rule_has_at_most_five_targets(sandbox: Sandbox, rule: EventRule) -> None:
    queue = Queue(sandbox, MEMBER, rule)
    rule.put_targets(sandbox, *({"Id": str(n), "Arn": queue.arn} for n in range(5)))
    rule.put_targets(sandbox, {"Id": "4", "Arn": queue.arn})

    code, _ = refusal(rule.put_targets, sandbox, {"Id": "5", "Arn": queue.arn})

    assert code == "LimitExceededException"


def test_targets_of_a_missing_rule_are_refused(sandbox: Sandbox) -> None:
    gone = rule_in(MEMBER)
    queue = Queue(sandbox, MEMBER, gone)

    assert refusal(gone.put_targets, sandbox, target(queue.arn))[0] == "ResourceNotFoundException"


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

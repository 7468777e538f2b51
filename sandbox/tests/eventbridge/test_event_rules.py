"""Rules and targets are taken only where EventBridge takes them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY
from sandbox.tests.eventbridge.event_resources import (
    EVENTS,
    Queue,
    Rule,
    admit,
    bus_arn,
    create_bus,
    rule_in,
    sending_role,
    target,
    trust,
)
from sandbox.tests.resources import code_of, create_role, message_of, service, unique

MEMBER = MEMBERS[0].id
ELSEWHERE = "eu-central-1"


@pytest.fixture(scope="module")
def events(sandbox: Sandbox) -> Any:
    return sandbox.client("events", MEMBER)


@pytest.fixture(scope="module")
def bus(sandbox: Sandbox) -> str:
    """The ARN of one in another account and region that takes what the organization sends."""
    name = create_bus(sandbox, SECURITY.id, admit(), region=ELSEWHERE)
    return bus_arn(SECURITY.id, name, ELSEWHERE)


@pytest.fixture
def rule(sandbox: Sandbox) -> Rule:
    made = rule_in(MEMBER)
    made.put(sandbox)
    return made


def refusal(call: Any, *arguments: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    return code_of(refused.value), message_of(refused.value)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "expected at least one field"),
        ('{"source": "aws.signin"}', 'source: got "aws.signin", expected an object or an array'),
        (
            '{"detail": {"a": [{"matches": "x"}]}}',
            'detail.a[0]: got ["matches"], expected one operator of',
        ),
    ],
)
def test_a_pattern_that_is_none_is_refused(events: Any, pattern: str, reason: str) -> None:
    code, message = refusal(events.put_rule, Name=unique("rule"), EventPattern=pattern)

    assert code == "InvalidEventPatternException"
    assert reason in message


def test_a_pattern_is_no_longer_than_the_quota(events: Any) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""
    frame = len(json.dumps({"source": [""]}))
    longest = json.dumps({"source": ["x" * (2048 - frame)]})
    too_long = json.dumps({"source": ["x" * (2049 - frame)]})

    code, _ = refusal(events.put_rule, Name=unique("rule"), EventPattern=too_long)

    assert code == "LimitExceededException"
    assert events.put_rule(Name=unique("rule"), EventPattern=longest)["RuleArn"]


def test_a_rule_is_described_as_it_was_put(events: Any) -> None:
    name, pattern = unique("rule"), '{"source": ["a"]}'
    arn = events.put_rule(Name=name, EventPattern=pattern, Description="x", State="DISABLED")
    described = events.describe_rule(Name=name)

    assert described["Arn"] == arn["RuleArn"]
    assert described["EventPattern"] == pattern
    assert (described["State"], described["Description"]) == ("DISABLED", "x")


@pytest.mark.parametrize(
    "change",
    [{"Name": "a rule"}, {"Name": "x" * 65}, {"State": "ON"}, {"Description": "x" * 513}],
    ids=lambda change: str(change)[:30],
)
def test_a_rule_with_a_wrong_setting_is_refused(events: Any, change: dict[str, str]) -> None:
    settings = {"Name": unique("rule"), "EventPattern": '{"source": ["a"]}', **change}

    assert refusal(events.put_rule, **settings)[0] == "ValidationException"


def test_a_rule_with_targets_stays(sandbox: Sandbox, events: Any, rule: Rule) -> None:
    rule.put_targets(sandbox, {"Id": "q", "Arn": Queue(sandbox, MEMBER, rule).arn})
    code, _ = refusal(events.delete_rule, Name=rule.name)
    events.remove_targets(Rule=rule.name, Ids=["q"])
    events.delete_rule(Name=rule.name)

    assert code == "ValidationException"
    assert refusal(events.describe_rule, Name=rule.name)[0] == "ResourceNotFoundException"


def test_a_rule_that_is_put_again_keeps_its_targets(
    sandbox: Sandbox, events: Any, rule: Rule
) -> None:
    rule.put_targets(sandbox, {"Id": "q", "Arn": Queue(sandbox, MEMBER, rule).arn})
    rule.put(sandbox, Description="another")
    listed = events.list_targets_by_rule(Rule=rule.name)["Targets"]

    assert [one["Id"] for one in listed] == ["q"]


def test_a_bus_of_ones_own_may_be_named_by_its_arn(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, MEMBER)
    by_arn = {"Name": unique("rule"), "EventBusName": bus_arn(MEMBER, name)}
    arn = events.put_rule(**by_arn, EventPattern='{"source": ["a"]}')["RuleArn"]

    assert arn == f"arn:aws:events:us-east-1:{MEMBER}:rule/{name}/{by_arn['Name']}"
    assert events.describe_rule(**by_arn)["EventBusName"] == name


def test_another_accounts_bus_has_no_rules_of_ours(sandbox: Sandbox, events: Any) -> None:
    """Moto would take it for a bus of the same name in the caller's account."""
    name = create_bus(sandbox, SECURITY.id)
    create = {"Name": unique("rule"), "EventPattern": '{"source": ["a"]}'}
    arns = [bus_arn(SECURITY.id, "default"), bus_arn(SECURITY.id, name)]

    codes = {refusal(events.put_rule, **create, EventBusName=arn)[0] for arn in arns}

    assert codes == {"AccessDeniedException"}


def test_a_bus_elsewhere_is_a_target_with_a_role_that_trusts_the_rule(
    sandbox: Sandbox, events: Any, rule: Rule, bus: str
) -> None:
    sent = {"Id": "bus", "Arn": bus, "RoleArn": sending_role(sandbox, rule, bus)}
    rule.put_targets(sandbox, sent)

    assert events.list_targets_by_rule(Rule=rule.name)["Targets"] == [sent]


def test_a_bus_without_a_role_is_refused(sandbox: Sandbox, rule: Rule, bus: str) -> None:
    code, message = refusal(rule.put_targets, sandbox, target(bus))

    assert (code, message) == ("ValidationException", f"RoleArn is required for target {bus}.")


def test_a_role_that_eventbridge_cannot_assume_is_refused(
    sandbox: Sandbox, rule: Rule, bus: str
) -> None:
    for_another = create_role(sandbox, MEMBER, EVENTS)
    trust(sandbox, for_another, f"{rule.arn}-another")
    gone = f"arn:aws:iam::{MEMBER}:role/gone"
    roles = [create_role(sandbox, MEMBER, service("lambda")), for_another, gone]

    answers = [refusal(rule.put_targets, sandbox, target(bus, RoleArn=role)) for role in roles]

    assert {code for code, _ in answers} == {"ValidationException"}
    assert all("cannot be assumed by principal 'events" in message for _, message in answers)


def test_a_role_of_another_account_is_refused(sandbox: Sandbox, rule: Rule, bus: str) -> None:
    role = create_role(sandbox, SECURITY.id, EVENTS)

    code, message = refusal(rule.put_targets, sandbox, target(bus, RoleArn=role))

    assert (code, message) == (
        "AccessDeniedException",
        "Cross-account pass role is not allowed.",
    )


def test_the_bus_of_the_rule_itself_is_no_target(sandbox: Sandbox, rule: Rule) -> None:
    own = bus_arn(MEMBER, "default")
    role = sending_role(sandbox, rule, own)

    assert "rule itself" in refusal(rule.put_targets, sandbox, target(own, RoleArn=role))[1]


@pytest.mark.parametrize(
    "arn",
    [
        "queue",
        "arn:aws:sqs:us-east-1:1:queue",
        f"arn:aws:sqs:us-east-1:{MEMBER}:queue.fifo",
        f"arn:aws:lambda:us-east-1:{MEMBER}:function:f",
        f"arn:aws:sqs:eu-central-1:{MEMBER}:queue",
        f"arn:aws:sqs:us-east-1:{SECURITY.id}:queue",
    ],
)
def test_what_is_no_bus_and_no_queue_beside_the_rule_is_no_target(
    sandbox: Sandbox, rule: Rule, arn: str
) -> None:
    assert refusal(rule.put_targets, sandbox, target(arn))[0] == "ValidationException"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"Input": "{}"}, "does not support Input"),
        ({"InputPath": "$.detail"}, "does not support InputPath"),
        ({"InputTransformer": {"InputTemplate": "{}"}}, "does not support InputTransformer"),
        ({"SqsParameters": {"MessageGroupId": "x"}}, "does not support SqsParameters"),
        ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "got 186, expected 0 to 185"),
        ({"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}}, "got 86401, expected 60 to 86400"),
        ({"Id": "a target"}, "Id must match"),
    ],
    ids=str,
)
def test_settings_that_change_what_is_delivered_are_refused(
    sandbox: Sandbox, rule: Rule, more: dict[str, Any], reason: str
) -> None:
    queue = Queue(sandbox, MEMBER, rule)

    code, message = refusal(rule.put_targets, sandbox, {**target(queue.arn), **more})

    assert code == "ValidationException"
    assert reason in message


def test_dead_letters_lie_where_the_rule_is(sandbox: Sandbox, rule: Rule) -> None:
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


def test_a_rule_has_five_targets_at_most(sandbox: Sandbox, rule: Rule) -> None:
    queue = Queue(sandbox, MEMBER, rule)
    rule.put_targets(sandbox, *({"Id": str(n), "Arn": queue.arn} for n in range(5)))
    rule.put_targets(sandbox, {"Id": "4", "Arn": queue.arn})

    code, _ = refusal(rule.put_targets, sandbox, {"Id": "5", "Arn": queue.arn})

    assert code == "LimitExceededException"


def test_a_rule_that_is_not_there_has_no_targets(sandbox: Sandbox) -> None:
    gone = rule_in(MEMBER)
    queue = Queue(sandbox, MEMBER, gone)

    assert refusal(gone.put_targets, sandbox, target(queue.arn))[0] == "ResourceNotFoundException"

"""Events reach the targets that all who have a say let them reach, and are counted otherwise."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.eventbridge.delivery import LostEvent
from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY, join_many, leave
from sandbox.tests.eventbridge.event_resources import (
    OF_THE_SHOP,
    SOURCE,
    Queue,
    Rule,
    admit,
    bus_arn,
    create_bus,
    entry,
    rule_in,
    sending_role,
    target,
    trust,
)
from sandbox.tests.resources import REGION, allow, policy

MEMBER = MEMBERS[0].id
ELSEWHERE = "eu-central-1"


def send(sandbox: Sandbox, account: str, **more: Any) -> str:
    """The event's id."""
    answer = sandbox.client("events", account).put_events(Entries=[entry(**more)])

    assert answer["FailedEntryCount"] == 0
    return str(answer["Entries"][0]["EventId"])


class Way:
    """From a member's default bus over the security account's bus to a queue there."""

    def __init__(self, sandbox: Sandbox, region: str = REGION, account: str = MEMBER) -> None:
        self._sandbox = sandbox
        self.bus = create_bus(sandbox, SECURITY.id, admit(), region=region)
        self.receiving = rule_in(SECURITY.id, self.bus, region)
        self.queue = Queue(sandbox, SECURITY.id, self.receiving, region)
        self.dead_letters = Queue(sandbox, SECURITY.id, self.receiving, region)
        dead_letters = {"DeadLetterConfig": {"Arn": self.dead_letters.arn}}
        self.receiving.put(sandbox, target(self.queue.arn, **dead_letters))
        self.sending = rule_in(account)
        self.arn = bus_arn(SECURITY.id, self.bus, region)
        self.role = sending_role(sandbox, self.sending, self.arn)
        self.sending.put(sandbox, target(self.arn, RoleArn=self.role))

    def close(self) -> None:
        for rule in (self.sending, self.receiving):
            events = self._sandbox.client("events", rule.account, rule.region)
            events.disable_rule(Name=rule.name, EventBusName=rule.bus)

    def lost(self) -> list[LostEvent]:
        arns = {self.sending.arn, self.receiving.arn}
        lost = self._sandbox.services.event_bridge.lost
        return [one for one in lost if one.rule_arn in arns]


@pytest.fixture
def way(sandbox: Sandbox) -> Any:
    way = Way(sandbox)
    yield way
    way.close()


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_an_event_crosses_accounts_and_regions_in_one_hop(sandbox: Sandbox, region: str) -> None:
    way = Way(sandbox, region)
    event_id = send(sandbox, MEMBER, Resources=["arn:aws:shop:::book"], Time=1_700_000_000)
    events = way.queue.events()
    way.close()

    assert events == [
        {
            "version": "0",
            "id": event_id,
            "detail-type": "Sale",
            "source": SOURCE,
            "account": MEMBER,
            "time": "2023-11-14T22:13:20Z",
            "region": REGION,
            "resources": ["arn:aws:shop:::book"],
            "detail": {"item": "book"},
        }
    ]
    assert way.lost() == []


def test_a_rule_that_is_disabled_or_for_others_does_nothing(sandbox: Sandbox, way: Way) -> None:
    events = sandbox.client("events", MEMBER)
    send(sandbox, MEMBER, Source="test.other")
    events.disable_rule(Name=way.sending.name)
    send(sandbox, MEMBER)
    disabled = way.queue.events()
    events.enable_rule(Name=way.sending.name)
    send(sandbox, MEMBER)

    assert disabled == []
    assert len(way.queue.events()) == 1
    assert way.lost() == []


def test_a_rule_on_another_bus_hears_nothing(sandbox: Sandbox, way: Way) -> None:
    other = create_bus(sandbox, MEMBER)
    send(sandbox, MEMBER, EventBusName=other)

    assert way.queue.events() == []


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:PrincipalOrgID": "o-another00000"}},
        {"StringEquals": {"events:source": "test.other"}},
        {"StringNotEquals": {"events:eventBusInvocation": "true"}},
    ],
    ids=str,
)
def test_a_bus_takes_only_what_its_policy_admits(
    sandbox: Sandbox, way: Way, condition: dict[str, Any]
) -> None:
    statement = {"Sid": "one", **admit(condition), "Resource": way.arn}
    sandbox.client("events", SECURITY.id).put_permission(
        EventBusName=way.bus, Policy=policy(statement)
    )
    send(sandbox, MEMBER)

    assert way.queue.events() == []
    assert [one.reason.split(":")[0] for one in way.lost()] == ["NO_PERMISSIONS"]


def test_an_account_outside_of_the_organization_is_not_admitted(sandbox: Sandbox) -> None:
    [account] = join_many(1, "Workloads")
    way = Way(sandbox, account=account.id)
    send(sandbox, account.id)
    before = way.queue.events()
    leave(account.id)
    send(sandbox, account.id)
    way.close()

    assert len(before) == 1
    assert way.queue.events() == []
    assert "aws:PrincipalOrgID" in way.lost()[0].reason


def test_a_role_that_may_not_send_to_the_bus_sends_nothing(sandbox: Sandbox, way: Way) -> None:
    sandbox.client("iam", MEMBER).put_role_policy(
        RoleName=way.role.rpartition("/")[2],
        PolicyName="own",
        PolicyDocument=policy(allow("events:PutEvents", bus_arn(SECURITY.id, "another"))),
    )
    send(sandbox, MEMBER)

    assert way.queue.events() == []
    assert way.lost()[0].reason.startswith("NO_PERMISSIONS")


def test_a_role_that_no_longer_trusts_the_rule_sends_nothing(sandbox: Sandbox, way: Way) -> None:
    send(sandbox, MEMBER)
    trust(sandbox, way.role, f"{way.sending.arn}-another")
    send(sandbox, MEMBER)

    assert len(way.queue.events()) == 1
    assert [one.reason.split(":")[0] for one in way.lost()] == ["FAILED_TO_ASSUME_ROLE"]


def test_an_event_is_forwarded_once_only(sandbox: Sandbox, way: Way) -> None:
    """Neither to a third account nor to a third bus of one account."""
    third = create_bus(sandbox, SECURITY.id, admit())
    arn = bus_arn(SECURITY.id, third)
    onward, heard = rule_in(SECURITY.id, way.bus), rule_in(SECURITY.id, third)
    queue = Queue(sandbox, SECURITY.id, heard)
    heard.put(sandbox, target(queue.arn))
    dead = Queue(sandbox, SECURITY.id, onward)
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    onward.put(sandbox, target(arn, RoleArn=sending_role(sandbox, onward, arn), **letters))
    send(sandbox, MEMBER)
    second_hop = queue.events()
    send(sandbox, SECURITY.id, EventBusName=way.bus)

    assert second_hop == []
    [letter] = dead.messages()
    code = letter["MessageAttributes"]["ERROR_CODE"]["StringValue"]
    assert code == "THIRD_ACCOUNT_HOP_DETECTED"
    assert len(queue.events()) == 1


def test_what_a_queue_does_not_admit_lies_with_the_dead_letters(sandbox: Sandbox, way: Way) -> None:
    way.queue.admit(rule_in(SECURITY.id, way.bus))
    event_id = send(sandbox, MEMBER)
    [letter] = way.dead_letters.messages()
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}

    assert way.queue.messages() == []
    assert json.loads(letter["Body"])["id"] == event_id
    assert attributes.pop("ERROR_MESSAGE").startswith("The specified queue does not exist or")
    assert attributes == {
        "RULE_ARN": way.receiving.arn,
        "TARGET_ARN": way.queue.arn,
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    assert way.lost() == []


def test_a_queue_that_is_gone_is_like_a_closed_one(sandbox: Sandbox, way: Way) -> None:
    sandbox.client("sqs", SECURITY.id).delete_queue(QueueUrl=way.queue.url)
    send(sandbox, MEMBER)
    [letter] = way.dead_letters.messages()

    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_what_nobody_takes_is_lost_and_known(sandbox: Sandbox, way: Way) -> None:
    way.queue.admit(None)
    way.dead_letters.admit(None)
    event_id = send(sandbox, MEMBER)
    [lost] = way.lost()

    assert lost.event["id"] == event_id
    assert (lost.rule_arn, lost.target_arn) == (way.receiving.arn, way.queue.arn)
    assert "dead-letter queue" in lost.reason


def test_failures_are_counted_as_aws_counts_them(sandbox: Sandbox, way: Way) -> None:
    """With the bus beside the rule, where it is not the default one."""
    way.queue.admit(None)
    send(sandbox, MEMBER)
    way.dead_letters.admit(None)
    send(sandbox, MEMBER)
    statement = {"Sid": "one", **admit({"Bool": {"aws:SecureTransport": "false"}})}
    sandbox.client("events", SECURITY.id).put_permission(
        EventBusName=way.bus, Policy=policy({**statement, "Resource": way.arn})
    )
    send(sandbox, MEMBER)

    on_bus = {"EventBusName": way.bus, "RuleName": way.receiving.name}
    on_default = {"RuleName": way.sending.name}
    assert total(sandbox, SECURITY.id, "FailedInvocations", on_bus) == 2
    assert total(sandbox, SECURITY.id, "InvocationsSentToDlq", on_bus) == 1
    assert total(sandbox, SECURITY.id, "InvocationsFailedToBeSentToDlq", on_bus) == 1
    assert total(sandbox, MEMBER, "FailedInvocations", on_default) == 1


def total(sandbox: Sandbox, account: str, metric: str, dimensions: dict[str, str]) -> float:
    data = sandbox.client("cloudwatch", account).get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Events",
                        "MetricName": metric,
                        "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
                    },
                    "Period": 86_400,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime="2000-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
    )
    return float(sum(data["MetricDataResults"][0]["Values"]))


def test_a_message_that_is_too_long_for_the_queue_is_a_dead_letter(
    sandbox: Sandbox, way: Way
) -> None:
    sandbox.client("sqs", SECURITY.id).set_queue_attributes(
        QueueUrl=way.queue.url, Attributes={"MaximumMessageSize": "1024"}
    )
    send(sandbox, MEMBER, Detail=json.dumps({"text": "x" * 1024}))
    [letter] = way.dead_letters.messages()

    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"


def test_a_target_of_two_rules_gets_the_event_of_each(sandbox: Sandbox) -> None:
    first, second = rule_in(SECURITY.id), rule_in(SECURITY.id)
    queue = Queue(sandbox, SECURITY.id, None)
    sandbox.client("sqs", SECURITY.id).set_queue_attributes(
        QueueUrl=queue.url, Attributes={"Policy": admitting_both(queue, first, second)}
    )
    for rule in (first, second):
        rule.put(sandbox, target(queue.arn))
    send(sandbox, SECURITY.id)

    assert len(queue.events()) == 2


def admitting_both(queue: Queue, *rules: Rule) -> str:
    sources = {"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules]}}
    principal = {"Service": "events.amazonaws.com"}
    return policy(allow("sqs:SendMessage", queue.arn, Principal=principal, Condition=sources))


def test_events_that_come_at_once_all_arrive_once(sandbox: Sandbox, way: Way) -> None:
    ways_in = [way.sending, rule_in(MEMBERS[1].id), rule_in(MEMBERS[2].id)]
    for rule in ways_in[1:]:
        role = sending_role(sandbox, rule, way.arn)
        rule.put(sandbox, target(way.arn, RoleArn=role), EventPattern=json.dumps(OF_THE_SHOP))
    accounts = [rule.account for rule in ways_in] * 20
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda account: send(sandbox, account), accounts))
    received: list[str] = []
    while events := way.queue.events():
        received += [event["id"] for event in events]

    assert sorted(received) == sorted(sent)
    assert way.lost() == []

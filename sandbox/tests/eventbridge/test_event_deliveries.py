"""Deliveries to targets that all policies allow, dead-letter queues and metrics."""

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
    EventRule,
    Queue,
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
    """The id of the event."""
    answer = sandbox.client("events", account).put_events(Entries=[entry(**more)])

    assert answer["FailedEntryCount"] == 0
    return str(answer["Entries"][0]["EventId"])


class Route:
    """From the default bus of a member over a bus of the security account to a queue."""

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
def route(sandbox: Sandbox) -> Any:
    route = Route(sandbox)
    yield route
    route.close()


@pytest.mark.parametrize("region", [REGION, ELSEWHERE])
def test_an_event_is_forwarded_across_accounts_and_regions(sandbox: Sandbox, region: str) -> None:
    route = Route(sandbox, region)
    event_id = send(sandbox, MEMBER, Resources=["arn:aws:shop:::book"], Time=1_700_000_000)
    events = route.queue.events()
    route.close()

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
    assert route.lost() == []


def test_a_rule_ignores_other_events_and_is_inactive_while_disabled(
    sandbox: Sandbox, route: Route
) -> None:
    events = sandbox.client("events", MEMBER)
    send(sandbox, MEMBER, Source="test.other")
    events.disable_rule(Name=route.sending.name)
    send(sandbox, MEMBER)
    disabled = route.queue.events()
    events.enable_rule(Name=route.sending.name)
    send(sandbox, MEMBER)

    assert disabled == []
    assert len(route.queue.events()) == 1
    assert route.lost() == []


def test_a_rule_receives_events_of_its_own_bus_only(sandbox: Sandbox, route: Route) -> None:
    other = create_bus(sandbox, MEMBER)
    send(sandbox, MEMBER, EventBusName=other)

    assert route.queue.events() == []


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:PrincipalOrgID": "o-another00000"}},
        {"StringEquals": {"events:source": "test.other"}},
        {"StringNotEquals": {"events:eventBusInvocation": "true"}},
    ],
    ids=str,
)
def test_a_bus_accepts_only_events_that_its_policy_allows(
    sandbox: Sandbox, route: Route, condition: dict[str, Any]
) -> None:
    statement = {"Sid": "one", **admit(condition), "Resource": route.arn}
    sandbox.client("events", SECURITY.id).put_permission(
        EventBusName=route.bus, Policy=policy(statement)
    )
    send(sandbox, MEMBER)

    assert route.queue.events() == []
    assert [one.reason.split(":")[0] for one in route.lost()] == ["NO_PERMISSIONS"]


def test_an_account_outside_the_organization_is_denied(sandbox: Sandbox) -> None:
    [account] = join_many(1, "Workloads")
    route = Route(sandbox, account=account.id)
    send(sandbox, account.id)
    before = route.queue.events()
    leave(account.id)
    send(sandbox, account.id)
    route.close()

    assert len(before) == 1
    assert route.queue.events() == []
    assert "aws:PrincipalOrgID" in route.lost()[0].reason


def test_a_role_without_permission_to_send_is_denied(sandbox: Sandbox, route: Route) -> None:
    sandbox.client("iam", MEMBER).put_role_policy(
        RoleName=route.role.rpartition("/")[2],
        PolicyName="own",
        PolicyDocument=policy(allow("events:PutEvents", bus_arn(SECURITY.id, "another"))),
    )
    send(sandbox, MEMBER)

    assert route.queue.events() == []
    assert route.lost()[0].reason.startswith("NO_PERMISSIONS")


def test_a_role_that_no_longer_trusts_the_rule_cannot_be_assumed(
    sandbox: Sandbox, route: Route
) -> None:
    send(sandbox, MEMBER)
    trust(sandbox, route.role, f"{route.sending.arn}-another")
    send(sandbox, MEMBER)

    assert len(route.queue.events()) == 1
    assert [one.reason.split(":")[0] for one in route.lost()] == ["FAILED_TO_ASSUME_ROLE"]


def test_an_event_is_forwarded_only_once(sandbox: Sandbox, route: Route) -> None:
    """Neither to a third account nor to a third bus of the same account."""
    third = create_bus(sandbox, SECURITY.id, admit())
    arn = bus_arn(SECURITY.id, third)
    onward, receiving = rule_in(SECURITY.id, route.bus), rule_in(SECURITY.id, third)
    queue = Queue(sandbox, SECURITY.id, receiving)
    receiving.put(sandbox, target(queue.arn))
    dead = Queue(sandbox, SECURITY.id, onward)
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    onward.put(sandbox, target(arn, RoleArn=sending_role(sandbox, onward, arn), **letters))
    send(sandbox, MEMBER)
    second_hop = queue.events()
    send(sandbox, SECURITY.id, EventBusName=route.bus)

    assert second_hop == []
    [message] = dead.messages()
    code = message["MessageAttributes"]["ERROR_CODE"]["StringValue"]
    assert code == "THIRD_ACCOUNT_HOP_DETECTED"
    assert len(queue.events()) == 1


def test_an_event_that_the_queue_denies_is_dead_lettered(sandbox: Sandbox, route: Route) -> None:
    route.queue.admit(rule_in(SECURITY.id, route.bus))
    event_id = send(sandbox, MEMBER)
    [message] = route.dead_letters.messages()
    attributes = {
        name: value["StringValue"] for name, value in message["MessageAttributes"].items()
    }

    assert route.queue.messages() == []
    assert json.loads(message["Body"])["id"] == event_id
    assert attributes.pop("ERROR_MESSAGE").startswith("The specified queue does not exist or")
    assert attributes == {
        "RULE_ARN": route.receiving.arn,
        "TARGET_ARN": route.queue.arn,
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    assert route.lost() == []


def test_an_event_for_a_deleted_queue_is_dead_lettered(sandbox: Sandbox, route: Route) -> None:
    sandbox.client("sqs", SECURITY.id).delete_queue(QueueUrl=route.queue.url)
    send(sandbox, MEMBER)
    [message] = route.dead_letters.messages()

    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_an_event_that_no_queue_accepts_is_recorded_as_lost(sandbox: Sandbox, route: Route) -> None:
    route.queue.admit(None)
    route.dead_letters.admit(None)
    event_id = send(sandbox, MEMBER)
    [lost] = route.lost()

    assert lost.event["id"] == event_id
    assert (lost.rule_arn, lost.target_arn) == (route.receiving.arn, route.queue.arn)
    assert "dead-letter queue" in lost.reason


def test_failures_appear_in_the_metrics_of_aws(sandbox: Sandbox, route: Route) -> None:
    """The metrics of rules on other buses have the dimension EventBusName."""
    route.queue.admit(None)
    send(sandbox, MEMBER)
    route.dead_letters.admit(None)
    send(sandbox, MEMBER)
    statement = {"Sid": "one", **admit({"Bool": {"aws:SecureTransport": "false"}})}
    sandbox.client("events", SECURITY.id).put_permission(
        EventBusName=route.bus, Policy=policy({**statement, "Resource": route.arn})
    )
    send(sandbox, MEMBER)

    on_bus = {"EventBusName": route.bus, "RuleName": route.receiving.name}
    on_default = {"RuleName": route.sending.name}
    assert total(sandbox, SECURITY.id, "Invocations", on_bus) == 2
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


def test_a_message_too_long_for_the_queue_is_dead_lettered(sandbox: Sandbox, route: Route) -> None:
    sandbox.client("sqs", SECURITY.id).set_queue_attributes(
        QueueUrl=route.queue.url, Attributes={"MaximumMessageSize": "1024"}
    )
    send(sandbox, MEMBER, Detail=json.dumps({"text": "x" * 1024}))
    [message] = route.dead_letters.messages()

    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"


def test_a_target_of_two_rules_receives_the_event_twice(sandbox: Sandbox) -> None:
    first, second = rule_in(SECURITY.id), rule_in(SECURITY.id)
    queue = Queue(sandbox, SECURITY.id, None)
    sandbox.client("sqs", SECURITY.id).set_queue_attributes(
        QueueUrl=queue.url, Attributes={"Policy": admitting_both(queue, first, second)}
    )
    for rule in (first, second):
        rule.put(sandbox, target(queue.arn))
    send(sandbox, SECURITY.id)

    assert len(queue.events()) == 2


def admitting_both(queue: Queue, *rules: EventRule) -> str:
    sources = {"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules]}}
    principal = {"Service": "events.amazonaws.com"}
    return policy(allow("sqs:SendMessage", queue.arn, Principal=principal, Condition=sources))


def test_concurrent_events_are_delivered_once_each(sandbox: Sandbox, route: Route) -> None:
    senders = [route.sending, rule_in(MEMBERS[1].id), rule_in(MEMBERS[2].id)]
    for rule in senders[1:]:
        role = sending_role(sandbox, rule, route.arn)
        rule.put(sandbox, target(route.arn, RoleArn=role), EventPattern=json.dumps(OF_THE_SHOP))
    accounts = [rule.account for rule in senders] * 20
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda account: send(sandbox, account), accounts))
    received: list[str] = []
    while events := route.queue.events():
        received += [event["id"] for event in events]

    assert sorted(received) == sorted(sent)
    assert route.lost() == []

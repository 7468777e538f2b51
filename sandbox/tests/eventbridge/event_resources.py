"""Buses, rules, roles and queues for the tests of EventBridge."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import ORGANIZATION_ID
from sandbox.tests.resources import REGION, Statement, allow, create_role, policy, service, unique

EVENTS = service("events")
SOURCE = "test.shop"
OF_THE_SHOP = {"source": [SOURCE]}
IN_THE_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION_ID}}


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule by its ARN, which is known before the rule exists."""

    account: str
    name: str
    bus: str = "default"
    region: str = REGION

    @property
    def arn(self) -> str:
        bus = "" if self.bus == "default" else f"{self.bus}/"
        return f"arn:aws:events:{self.region}:{self.account}:rule/{bus}{self.name}"

    def put(self, sandbox: Sandbox, *targets: Mapping[str, Any], **settings: Any) -> None:
        events = sandbox.client("events", self.account, self.region)
        settings.setdefault("EventPattern", json.dumps(OF_THE_SHOP))
        events.put_rule(Name=self.name, EventBusName=self.bus, **settings)
        if targets:
            self.put_targets(sandbox, *targets)

    def put_targets(self, sandbox: Sandbox, *targets: Mapping[str, Any]) -> None:
        sandbox.client("events", self.account, self.region).put_targets(
            Rule=self.name, EventBusName=self.bus, Targets=list(targets)
        )


def rule_in(account: str, bus: str = "default", region: str = REGION) -> EventRule:
    return EventRule(account, unique("rule"), bus, region)


def create_bus(sandbox: Sandbox, account: str, *statements: Statement, region: str = REGION) -> str:
    """The name of a bus with these policy statements, which apply to the bus itself."""
    events, name = sandbox.client("events", account, region), unique("bus")
    arn = events.create_event_bus(Name=name)["EventBusArn"]
    if statements:
        bound = [
            {"Sid": f"s{n}", **statement, "Resource": arn} for n, statement in enumerate(statements)
        ]
        events.put_permission(EventBusName=name, Policy=policy(*bound))
    return name


def admit(condition: Mapping[str, Any] = IN_THE_ORGANIZATION) -> Statement:
    return allow("events:PutEvents", Principal="*", Condition=condition)


def bus_arn(account: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def sending_role(sandbox: Sandbox, rule: EventRule, *buses: str) -> str:
    """The ARN of a role that EventBridge can assume for this rule to send to these buses."""
    role = create_role(
        sandbox, rule.account, EVENTS, *(allow("events:PutEvents", b) for b in buses)
    )
    trust(sandbox, role, rule.arn)
    return role


def trust(sandbox: Sandbox, role: str, rule_arn: str) -> None:
    """Allow EventBridge to assume the role for this rule only."""
    account = role.split(":")[4]
    conditions = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnEquals": {"aws:SourceArn": rule_arn},
    }
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": EVENTS}
    sandbox.client("iam", account).update_assume_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyDocument=policy({**statement, "Condition": conditions}),
    )


class Queue:
    """Its policy allows EventBridge to send for this rule; None denies all."""

    def __init__(
        self, sandbox: Sandbox, account: str, rule: EventRule | None, region: str = REGION
    ) -> None:
        self._sqs = sandbox.client("sqs", account, region)
        name = unique("queue")
        self.url = str(self._sqs.create_queue(QueueName=name)["QueueUrl"])
        self.arn = f"arn:aws:sqs:{region}:{account}:{name}"
        self.admit(rule)

    def admit(self, rule: EventRule | None) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": self._policy(rule)})

    def _policy(self, rule: EventRule | None) -> str:
        if rule is None:
            return ""
        source = {
            "StringEquals": {"aws:SourceAccount": rule.account},
            "ArnEquals": {"aws:SourceArn": rule.arn},
        }
        return policy(allow("sqs:SendMessage", self.arn, Principal=EVENTS, Condition=source))

    def messages(self) -> list[Any]:
        """All messages, which become invisible."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def events(self) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.messages()]


def target(arn: str, **more: Any) -> dict[str, Any]:
    return {"Id": unique("target"), "Arn": arn, **more}


def entry(bus: str = "default", **more: Any) -> dict[str, Any]:
    sale = {"Source": SOURCE, "DetailType": "Sale", "Detail": json.dumps({"item": "book"})}
    return {**sale, "EventBusName": bus, **more}

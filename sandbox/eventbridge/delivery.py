"""EventBridge's deliveries: PutEvents, rules, targets and dead-letter queues.

A rule sends events to queues and to one further bus.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.events.models import EventsBackend, Rule

from sandbox.activity import Activity
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.conditions import Conditions
from sandbox.eventbridge import buses, rules, targets, templates
from sandbox.eventbridge.buses import BusAddress
from sandbox.eventbridge.entries import Event, check_request, entry_event, failed_entry
from sandbox.eventbridge.rules import triggers
from sandbox.eventbridge.targets import SERVICE, may_send
from sandbox.iam.authorization import ServiceSessions, authorize_service
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import queue_access
from sandbox.overrides import Override, replace
from sandbox.sqs.messages import InvalidMessageError, queue_of, send

LOG = logging.getLogger(__name__)


class UndeliveredError(Exception):
    """The target does not accept an event.

    EventBridge does not retry these errors: missing permissions, missing targets, a second hop.
    `code` is one of the documented codes of dead-letter messages.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEvent:
    """An event that reached neither its target nor a dead-letter queue."""

    rule_arn: str
    target_arn: str
    reason: str
    event: Mapping[str, Any]


class EventBridge:
    def __init__(self, activity: Activity, metrics: ServiceMetrics, conditions: Conditions) -> None:
        self._activity = activity
        self._metrics = metrics
        self._duplicate_rate = conditions.duplicate_rate
        self._random = random.Random(f"events {conditions.seed}")  # noqa: S311  no secret
        self._sessions = ServiceSessions(SERVICE)
        self.lost: list[LostEvent] = []

    def overrides(self) -> list[Override]:
        return [
            *buses.overrides(),
            *rules.overrides(),
            *targets.overrides(),
            *templates.overrides(),
            *replace(EventsBackend, put_events=self._put_events),
        ]

    def _put_events(
        self, backend: EventsBackend, events: list[dict[str, Any]] | None
    ) -> list[dict[str, Any]]:
        caller = backend.account_id, backend.region_name
        check_request(events, *caller)
        return [self._put(entry, *caller) for entry in events or ()]

    def _put(self, entry: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        if failure := failed_entry(entry):
            return failure
        event = entry_event(entry, account, region)
        self.deliver(event, BusAddress.named(entry.get("EventBusName"), account, region))
        return {"EventId": event["id"]}

    def deliver(self, event: Event, address: BusAddress, *, forwarded: bool = False) -> int:
        """Deliver an event to the rules of a bus; the number of triggered rules.

        A forwarded event comes from another bus; EventBridge forwards it only once.
        """
        bus = address.bus()
        rules = list(bus.rules.values()) if bus else []
        with self._activity.work():
            triggered = [rule for rule in rules if triggers(rule, event)]
            for rule in triggered:
                for target in list(rule.targets):
                    for _ in range(1 + self._is_duplicated()):
                        self._send_to_target(rule, target, event, forwarded=forwarded)
        return len(triggered)

    def _is_duplicated(self) -> bool:
        """EventBridge delivers at least once."""
        return self._random.random() < self._duplicate_rate

    def _send_to_target(
        self, rule: Rule, target: Mapping[str, Any], event: Event, *, forwarded: bool
    ) -> None:
        self._metrics.count_of_rule(rule, "Invocations")
        try:
            if bus := BusAddress.of(target["Arn"]):
                self._check_forwarding(rule, target["RoleArn"], event, bus, forwarded=forwarded)
                self.deliver(event, bus, forwarded=True)
            else:
                _send(rule, target["Arn"], event)
        except UndeliveredError as error:
            self._send_to_dead_letter_queue(rule, target, event, error)

    def _check_forwarding(
        self, rule: Rule, role: str, event: Event, address: BusAddress, *, forwarded: bool
    ) -> None:
        if forwarded:
            raise UndeliveredError(
                "THIRD_ACCOUNT_HOP_DETECTED",
                f"Event ingestion rejected for event {event['id']} because an event can be sent "
                "to an event bus target only once.",
            )
        try:
            session = self._sessions.session(role, rule.arn)
        except AccessDeniedError as error:
            raise UndeliveredError("FAILED_TO_ASSUME_ROLE", error.message) from error
        if address.bus() is None:
            raise UndeliveredError("NO_RESOURCE", f"{address.arn} does not exist.")
        decision = may_send(session, rule, address, event)
        if not decision.allowed:
            raise UndeliveredError("NO_PERMISSIONS", decision.reason)

    def _send_to_dead_letter_queue(
        self, rule: Rule, target: Mapping[str, Any], event: Event, error: UndeliveredError
    ) -> None:
        self._metrics.count_of_rule(rule, "FailedInvocations")
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            self._record_loss(rule, target, event, f"{error}; no dead-letter queue")
            return
        try:
            _send(rule, queue, event, _attributes(rule, target["Arn"], error))
        except UndeliveredError as failure:
            self._metrics.count_of_rule(rule, "InvocationsFailedToBeSentToDlq")
            self._record_loss(rule, target, event, f"{error}; dead-letter queue: {failure}")
        else:
            self._metrics.count_of_rule(rule, "InvocationsSentToDlq")

    def _record_loss(
        self, rule: Rule, target: Mapping[str, Any], event: Event, reason: str
    ) -> None:
        LOG.warning("lost an event of %s for %s: %s", rule.arn, target["Arn"], reason)
        self.lost.append(
            LostEvent(rule_arn=rule.arn, target_arn=target["Arn"], reason=reason, event=event)
        )


def _send(
    rule: Rule, queue_arn: str, event: Event, message_attributes: dict[str, Any] | None = None
) -> None:
    """By the policy of the queue; a missing queue and a denied one have the same error code.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    queue = queue_of(queue_arn)
    source = {"aws:SourceArn": rule.arn, "aws:SourceAccount": rule.account_id}
    decision = authorize_service(SERVICE, queue_access("sqs:SendMessage", queue_arn), source)
    if queue is None or not decision.allowed:
        raise UndeliveredError(
            "NO_RESOURCE",
            f"The specified queue does not exist or you do not have access to it: "
            f"{decision.reason}",
        )
    if vars(queue).get("kms_master_key_id"):
        raise UndeliveredError("NO_PERMISSIONS", "the sandbox does not support encrypted queues")
    body = json.dumps(event, separators=(",", ":"))
    try:
        send(queue, body, message_attributes)
    except InvalidMessageError as error:
        raise UndeliveredError("INVALID_PARAMETER", error.message) from error


def _attributes(rule: Rule, target_arn: str, error: UndeliveredError) -> dict[str, Any]:
    """Of the dead-letter message, whose body is the event."""
    texts = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": target_arn,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        "RETRY_ATTEMPTS": "0",
    }
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}

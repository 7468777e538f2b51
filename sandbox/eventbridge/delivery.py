"""EventBridge's deliveries: from a bus by its rules to queues and to one further bus.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from sandbox.eventbridge.addresses import BusAddress
from sandbox.eventbridge.dead_letters import LostEvent, UndeliveredError, attributes, count
from sandbox.eventbridge.rules import triggers
from sandbox.eventbridge.sending import may_send
from sandbox.eventbridge.targets import SERVICE
from sandbox.iam.authority import authorize_service
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import queue_access
from sandbox.iam.service_sessions import ServiceSessions
from sandbox.sqs.message_rules import InvalidMessageError
from sandbox.sqs.messages import queue_of, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.events.models import Rule

    from sandbox.activity import Activity

    type Event = Mapping[str, Any]

LOG = logging.getLogger(__name__)


class Deliveries:
    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._sessions = ServiceSessions(SERVICE)
        self.lost: list[LostEvent] = []  # what neither a target nor a dead-letter queue has

    def bring(self, event: Event, address: BusAddress, *, forwarded: bool = False) -> int:
        """Bring an event to a bus that exists; how many rules it triggered there.

        An event that was forwarded came from another bus already and goes to no further one.
        """
        bus = address.bus()
        rules = list(bus.rules.values()) if bus else []
        with self._activity.going_on():
            triggered = [rule for rule in rules if triggers(rule, event)]
            for rule in triggered:
                for target in list(rule.targets):
                    self._deliver(rule, target, event, forwarded=forwarded)
        return len(triggered)

    def _deliver(
        self, rule: Rule, target: Mapping[str, Any], event: Event, *, forwarded: bool
    ) -> None:
        try:
            if bus := BusAddress.of(target["Arn"]):
                self._forward(rule, target, event, bus, forwarded=forwarded)
            else:
                _send(rule, target["Arn"], event)
        except UndeliveredError as error:
            self._bury(rule, target, event, error)

    def _forward(
        self,
        rule: Rule,
        target: Mapping[str, Any],
        event: Event,
        address: BusAddress,
        *,
        forwarded: bool,
    ) -> None:
        if forwarded:
            raise UndeliveredError(
                "THIRD_ACCOUNT_HOP_DETECTED",
                f"Event ingestion rejected for event {event['id']} because an event can be sent "
                "to an event bus target only once.",
            )
        self._check_right(rule, target["RoleArn"], event, address)
        self.bring(event, address, forwarded=True)

    def _check_right(self, rule: Rule, role: str, event: Event, address: BusAddress) -> None:
        try:
            session = self._sessions.session(role, rule.arn)
        except AccessDeniedError as error:
            raise UndeliveredError("FAILED_TO_ASSUME_ROLE", error.message) from error
        if address.bus() is None:
            raise UndeliveredError("NO_RESOURCE", f"{address.arn} does not exist.")
        decision = may_send(session, rule, address, event)
        if not decision.allowed:
            raise UndeliveredError("NO_PERMISSIONS", decision.reason)

    def _bury(
        self, rule: Rule, target: Mapping[str, Any], event: Event, error: UndeliveredError
    ) -> None:
        count(rule, "FailedInvocations")
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        if dead_letters is None:
            self._lose(rule, target, event, f"{error}; it has no dead-letter queue")
            return
        try:
            _send(rule, dead_letters, event, attributes(rule, target["Arn"], error))
        except UndeliveredError as failure:
            count(rule, "InvocationsFailedToBeSentToDlq")
            self._lose(rule, target, event, f"{error}; of its dead-letter queue {failure}")
        else:
            count(rule, "InvocationsSentToDlq")

    def _lose(self, rule: Rule, target: Mapping[str, Any], event: Event, reason: str) -> None:
        LOG.warning("an event of %s is lost to %s: %s", rule.arn, target["Arn"], reason)
        self.lost.append(
            LostEvent(rule_arn=rule.arn, target_arn=target["Arn"], reason=reason, event=event)
        )


def _send(
    rule: Rule, queue_arn: str, event: Event, with_attributes: dict[str, Any] | None = None
) -> None:
    """By the queue's policy; EventBridge does not tell a closed queue from one that is not there.

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
        raise UndeliveredError("NO_PERMISSIONS", "the sandbox has no queues with keys of KMS")
    body = json.dumps(event, separators=(",", ":"))
    try:
        send(queue, body, with_attributes)
    except InvalidMessageError as error:
        raise UndeliveredError("INVALID_PARAMETER", error.message) from error

"""Targets: what PutTargets takes of event buses and queues, the two kinds that the sandbox has.

Whether PutTargets looks at the bus that it is to send to is not documented. The AWS CDK puts a
bus's policy before the rule, "because EventBridge verifies whether you have permissions to the
targets on rule creation"; other accounts of it know the right to pass the role alone. The sandbox
goes by the stricter reading: a bus is there, and lets the rule's role send, before it is a target.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventsBackend
from moto.sqs.models import sqs_backends

from sandbox.eventbridge.addresses import QUEUE, ROLE, BusAddress
from sandbox.eventbridge.refusals import EventBridgeError, InvalidRequestError
from sandbox.eventbridge.rules import NAME
from sandbox.eventbridge.sending import announced, may_send
from sandbox.iam.authority import new_session, service_may_assume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moto.events.models import Rule

    type Target = Mapping[str, Any]

SERVICE = "events.amazonaws.com"
TARGETS = 5  # a rule
ENTRIES = 10  # a request
RETRIES = {"MaximumRetryAttempts": (0, 185), "MaximumEventAgeInSeconds": (60, 86_400)}
MEMBERS = frozenset({"Id", "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy"})


@contextmanager
def installed() -> Iterator[None]:
    with patch.object(EventsBackend, "put_targets", _putting(EventsBackend.put_targets)):
        yield


def _putting(put_targets: Any) -> Any:
    @functools.wraps(put_targets)
    def putting(
        backend: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        rule = backend.describe_rule(name, event_bus_arn)
        _check_number(rule, targets)
        for target in targets:
            _check_members(target)
            _check(rule, target)
        put_targets(backend, name, event_bus_arn, targets)

    return putting


def _check_number(rule: Rule, targets: Sequence[Target]) -> None:
    if not 1 <= len(targets) <= ENTRIES:
        raise InvalidRequestError(f"A request has 1 to {ENTRIES} targets, not {len(targets)}.")
    if len({target.get("Id") for target in [*rule.targets, *targets]}) > TARGETS:
        raise EventBridgeError(
            "LimitExceededException", "The requested resource exceeds the maximum number allowed."
        )


def _check_members(target: Target) -> None:
    if not NAME.fullmatch(str(target.get("Id", ""))):
        raise InvalidRequestError(f"A target's Id must match {NAME.pattern}: {target.get('Id')!r}")
    if not target.get("Arn"):
        raise InvalidRequestError(f"Target {target['Id']} has no Arn.")
    unknown = sorted(set(target) - MEMBERS)
    if unknown:
        raise InvalidRequestError(
            f"Target {target['Id']}: the sandbox does not support {', '.join(unknown)}."
        )
    _check_retries(target)


def _check_retries(target: Target) -> None:
    for name, value in target.get("RetryPolicy", {}).items():
        if name not in RETRIES:
            raise InvalidRequestError(f"RetryPolicy of target {target['Id']}: unknown {name}")
        least, most = RETRIES[name]
        if not least <= int(value) <= most:
            raise InvalidRequestError(
                f"{name} of target {target['Id']} is from {least} to {most}, not {value}."
            )


def _check(rule: Rule, target: Target) -> None:
    arn = str(target["Arn"])
    if bus := BusAddress.of(arn):
        _check_bus(rule, target, bus)
    elif queue := QUEUE.fullmatch(arn):
        _check_queue(rule, target, region=queue[1], account=queue[2])
    else:
        raise InvalidRequestError(
            f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format, or of "
            "another kind than event buses and standard queues, which the sandbox has."
        )
    if dead_letters := target.get("DeadLetterConfig", {}).get("Arn"):
        _check_dead_letters(rule, target, dead_letters)


def _check_bus(rule: Rule, target: Target, bus: BusAddress) -> None:
    if (bus.account, bus.region, bus.name) == (
        rule.account_id,
        rule.region_name,
        rule.event_bus_name,
    ):
        raise InvalidRequestError(f"Target {target['Id']} is the event bus of the rule itself.")
    if not target.get("RoleArn"):
        raise InvalidRequestError(f"RoleArn is required for target {bus.arn}.")
    role = str(target["RoleArn"])
    _check_role(rule, role)
    if bus.bus() is None:
        raise ResourceNotFoundException(f"Event bus {bus.arn} does not exist.")
    _check_right(rule, role, bus)


def _check_role(rule: Rule, role: str) -> None:
    found = ROLE.fullmatch(role)
    if found is None:
        raise InvalidRequestError(f"Parameter {role} is not valid. Reason: it is no role's ARN.")
    if found[1] != rule.account_id:
        raise EventBridgeError("AccessDeniedException", "Cross-account pass role is not allowed.")
    if not service_may_assume(SERVICE, role, rule.arn).allowed:
        raise InvalidRequestError(
            f"Provided role '{role}' cannot be assumed by principal '{SERVICE}'."
        )


def _check_right(rule: Rule, role: str, bus: BusAddress) -> None:
    """For every event that the rule's pattern names, as at the delivery."""
    session = new_session(role, SERVICE.split(".", maxsplit=1)[0])
    for event in announced(rule):
        decision = may_send(session, rule, bus, event)
        if not decision.allowed:
            raise EventBridgeError(
                "AccessDeniedException",
                f"{role} is not authorized to perform: events:PutEvents on resource: {bus.arn} "
                f"because {decision.reason}",
            )


def _check_queue(rule: Rule, target: Target, *, region: str, account: str) -> None:
    if region != rule.region_name:
        raise InvalidRequestError(f"Target {target['Id']} is in another region than its rule.")
    if account != rule.account_id or target.get("RoleArn"):
        raise InvalidRequestError(
            f"Target {target['Id']}: the sandbox sends to queues of the rule's own account and "
            "without a role only."
        )


def _check_dead_letters(rule: Rule, target: Target, arn: str) -> None:
    queue = QUEUE.fullmatch(arn)
    if queue is None:
        raise InvalidRequestError(f"The dead-letter queue {arn} is no standard queue's ARN.")
    region, account, name = queue.groups()
    if (region, account) != (rule.region_name, rule.account_id):
        raise InvalidRequestError(
            f"The dead-letter queue {arn} of target {target['Id']} is not where its rule is."
        )
    if name not in sqs_backends[account][region].queues:
        raise InvalidRequestError(f"The dead-letter queue {arn} does not exist.")

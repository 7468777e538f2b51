"""Targets: the checks of PutTargets for event buses and queues, which the sandbox supports.

AWS does not document whether PutTargets checks the permission to send to a bus. The AWS CDK
creates the policy of a bus before the rule, "because EventBridge verifies whether you have
permissions to the targets on rule creation"; other sources name only the permission to pass the
role. The sandbox is strict: the bus must exist and allow the role of the rule to send.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventsBackend, Rule
from moto.sqs.models import sqs_backends
from moto.sts.models import AssumedRole

from sandbox.eventbridge import EventBridgeError, InvalidRequestError
from sandbox.eventbridge.buses import BusAddress
from sandbox.eventbridge.rules import NAME
from sandbox.iam.authorization import authorize_session, new_session, service_may_assume
from sandbox.iam.policy import Decision
from sandbox.iam.resources import bus_access
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, wrap

type Target = Mapping[str, Any]

SERVICE = "events.amazonaws.com"
QUEUE = re.compile(rf"arn:{PARTITION}:sqs:([a-z0-9-]+):(\d{{12}}):([-_A-Za-z0-9]{{1,80}})")
ROLE = re.compile(rf"arn:{PARTITION}:iam::(\d{{12}}):role/.+")
MAX_TARGETS = 5  # for each rule
MAX_ENTRIES = 10  # for each request
RETRIES = {"MaximumRetryAttempts": (0, 185), "MaximumEventAgeInSeconds": (60, 86_400)}
MEMBERS = frozenset({"Id", "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy"})
CONDITION_KEYS = ("source", "detail-type")  # members of an event that policies compare


def overrides() -> list[Override]:
    return wrap(EventsBackend, put_targets=_put_targets)


def may_send(
    session: AssumedRole, rule: Rule, address: BusAddress, event: Mapping[str, str]
) -> Decision:
    """By the policies of the role and of the bus, which exists; `event` may lack any member."""
    context = {
        **{f"events:{name}": event[name] for name in CONDITION_KEYS if name in event},
        "events:eventBusInvocation": "true",
        "aws:SourceArn": rule.arn,
        "aws:SourceAccount": rule.account_id,
    }
    access = bus_access("events:PutEvents", address.arn, context)
    return authorize_session(session, access, address.region)


def _pattern_events(rule: Rule) -> list[dict[str, str]]:
    """Events with the members that the pattern names, and only those."""
    pattern = json.loads(rule.event_pattern.dump() or "{}")
    values = {
        name: [value for value in pattern.get(name, ()) if isinstance(value, str)]
        for name in CONDITION_KEYS
    }
    named = {name: found for name, found in values.items() if found}
    return [dict(zip(named, chosen, strict=True)) for chosen in product(*named.values())]


def _put_targets(
    put_targets: Any,
    backend: EventsBackend,
    name: str,
    event_bus_arn: str | None,
    targets: list[dict[str, Any]],
) -> None:
    rule = backend.describe_rule(name, event_bus_arn)
    _check_number(rule, targets)
    for target in targets:
        _check_members(target)
        _check(rule, target)
    put_targets(backend, name, event_bus_arn, targets)


def _check_number(rule: Rule, targets: Sequence[Target]) -> None:
    if not 1 <= len(targets) <= MAX_ENTRIES:
        raise InvalidRequestError(f"Targets: got {len(targets)}, expected 1 to {MAX_ENTRIES}.")
    if len({target.get("Id") for target in [*rule.targets, *targets]}) > MAX_TARGETS:
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
        low, high = RETRIES[name]
        if not low <= int(value) <= high:
            raise InvalidRequestError(
                f"{name} of target {target['Id']}: got {value}, expected {low} to {high}."
            )


def _check(rule: Rule, target: Target) -> None:
    arn = str(target["Arn"])
    if bus := BusAddress.of(arn):
        _check_bus(rule, target, bus)
    elif queue := QUEUE.fullmatch(arn):
        _check_queue(rule, target, region=queue[1], account=queue[2])
    else:
        raise InvalidRequestError(
            f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format. The "
            "sandbox supports event buses and standard queues."
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
    _check_permission(rule, role, bus)


def _check_role(rule: Rule, role: str) -> None:
    found = ROLE.fullmatch(role)
    if found is None:
        raise InvalidRequestError(
            f"Parameter {role} is not valid. Reason: expected the ARN of a role."
        )
    if found[1] != rule.account_id:
        raise EventBridgeError("AccessDeniedException", "Cross-account pass role is not allowed.")
    if not service_may_assume(SERVICE, role, rule.arn).allowed:
        raise InvalidRequestError(
            f"Provided role '{role}' cannot be assumed by principal '{SERVICE}'."
        )


def _check_permission(rule: Rule, role: str, bus: BusAddress) -> None:
    """For each combination of source and detail type in the pattern, as at the delivery."""
    session = new_session(role, SERVICE.split(".", maxsplit=1)[0])
    for event in _pattern_events(rule):
        decision = may_send(session, rule, bus, event)
        if not decision.allowed:
            raise EventBridgeError(
                "AccessDeniedException",
                f"{role} is not authorized to perform: events:PutEvents on resource: {bus.arn} "
                f"{decision.clause}",
            )


def _check_queue(rule: Rule, target: Target, *, region: str, account: str) -> None:
    if region != rule.region_name:
        raise InvalidRequestError(f"Target {target['Id']} is not in the Region of its rule.")
    if account != rule.account_id or target.get("RoleArn"):
        raise InvalidRequestError(
            f"Target {target['Id']}: the sandbox supports only queues in the account of the rule, "
            "without a role."
        )


def _check_dead_letters(rule: Rule, target: Target, arn: str) -> None:
    queue = QUEUE.fullmatch(arn)
    if queue is None:
        raise InvalidRequestError(
            f"DeadLetterConfig: got {arn}, expected the ARN of a standard queue."
        )
    region, account, name = queue.groups()
    if (region, account) != (rule.region_name, rule.account_id):
        raise InvalidRequestError(
            f"The dead-letter queue {arn} of target {target['Id']} must be in the account and "
            "Region of its rule."
        )
    if name not in sqs_backends[account][region].queues:
        raise InvalidRequestError(f"The dead-letter queue {arn} does not exist.")

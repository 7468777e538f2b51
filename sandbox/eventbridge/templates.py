"""AWS::Events::Rule in CloudFormation templates, with its targets.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.cloudformation.exceptions import ValidationError
from moto.core.exceptions import JsonRESTError
from moto.events.models import Rule, events_backends

KNOWN = frozenset(
    {
        *("Description", "EventBusName", "EventPattern", "Name", "RoleArn", "ScheduleExpression"),
        *("State", "Tags", "Targets"),
    }
)


@contextmanager
def installed() -> Iterator[None]:
    replacements = {
        "create_from_cloudformation_json": classmethod(_create),
        "update_from_cloudformation_json": classmethod(_update),
    }
    with ExitStack() as stack:
        for name, replacement in replacements.items():
            stack.enter_context(patch.object(Rule, name, replacement))
        yield


def _create(
    _cls: type[Rule],
    /,
    resource_name: str,
    cloudformation_json: Mapping[str, Any],
    account_id: str,
    region_name: str,
    **_more: Any,
) -> Rule:
    """Moto leaves a rule behind whose targets are refused."""
    properties = cloudformation_json["Properties"]
    if resource_name in _rules(properties, account_id, region_name):
        raise ValidationError(message=f"Rule {resource_name} already exists.")
    rule = _put(resource_name, properties, account_id, region_name)
    try:
        _put_targets(rule, properties)
    except ValidationError:
        rule.delete(account_id, region_name)
        raise
    return rule


def _update(
    cls: type[Rule],
    /,
    original_resource: Rule,
    new_resource_name: str,
    cloudformation_json: Mapping[str, Any],
    account_id: str,
    region_name: str,
) -> Rule:
    """A rule of another name takes the old one's place; moto does so with every rule."""
    properties = cloudformation_json["Properties"]
    bus = properties.get("EventBusName", "default")
    is_named = "Name" in properties
    if (is_named and new_resource_name != original_resource.name) or (
        bus != original_resource.event_bus_name
    ):
        rule = _create(cls, new_resource_name, cloudformation_json, account_id, region_name)
        original_resource.delete(account_id, region_name)
        return rule
    rule = _put(original_resource.name, properties, account_id, region_name)
    _put_targets(rule, properties)
    wanted = {target["Id"] for target in properties.get("Targets", [])}
    rule.remove_targets([one["Id"] for one in rule.targets if one["Id"] not in wanted])
    return rule


def _rules(properties: Mapping[str, Any], account: str, region: str) -> Mapping[str, Rule]:
    bus = events_backends[account][region].event_buses.get(
        properties.get("EventBusName", "default")
    )
    return bus.rules if bus else {}


def _put(name: str, properties: Mapping[str, Any], account: str, region: str) -> Rule:
    unknown = sorted(set(properties) - KNOWN)
    if unknown:
        raise ValidationError(message=f"Rule {name}: unknown properties {', '.join(unknown)}")
    pattern = properties.get("EventPattern")
    with _refused_by_cloudformation():
        rule: Rule = events_backends[account][region].put_rule(
            name,
            description=properties.get("Description"),
            event_bus_arn=properties.get("EventBusName"),
            event_pattern=pattern if isinstance(pattern, str | None) else json.dumps(pattern),
            role_arn=properties.get("RoleArn"),
            scheduled_expression=properties.get("ScheduleExpression"),
            state=properties.get("State"),
            tags=properties.get("Tags"),
        )
    return rule


def _put_targets(rule: Rule, properties: Mapping[str, Any]) -> None:
    if targets := properties.get("Targets"):
        backend = events_backends[rule.account_id][rule.region_name]
        with _refused_by_cloudformation():
            backend.put_targets(name=rule.name, event_bus_arn=rule.event_bus_name, targets=targets)


@contextmanager
def _refused_by_cloudformation() -> Iterator[None]:
    """What EventBridge refuses, in the protocol of the call that made the stack."""
    try:
        yield
    except JsonRESTError as error:
        raise ValidationError(message=f"{error.error_type}: {error.message}") from error

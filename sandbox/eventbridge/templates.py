"""AWS::Events::Rule in CloudFormation templates.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.core.exceptions import JsonRESTError
from moto.events.models import Rule, events_backends

from sandbox.cloudformation.stack_permissions import ResourceDeniedError, require
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, replace

KNOWN = frozenset(
    {
        *("Description", "EventBusName", "EventPattern", "Name", "RoleArn", "ScheduleExpression"),
        *("State", "Tags", "Targets"),
    }
)


def overrides() -> list[Override]:
    return replace(
        Rule,
        create_from_cloudformation_json=classmethod(_create),
        update_from_cloudformation_json=classmethod(_update),
    )


def _create(
    _cls: type[Rule],
    /,
    resource_name: str,
    cloudformation_json: Mapping[str, Any],
    account_id: str,
    region_name: str,
    **_more: Any,
) -> Rule:
    """Moto keeps a rule whose targets fail."""
    properties = cloudformation_json["Properties"]
    if resource_name in _rules(properties, account_id, region_name):
        raise ValidationError(message=f"Rule {resource_name} already exists.")
    rule = _put(resource_name, properties, account_id, region_name)
    try:
        _put_targets(rule, properties)
    except (ValidationError, ResourceDeniedError):
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
    """Only a change of name or bus replaces a rule; moto replaces it always."""
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
    expected = {target["Id"] for target in properties.get("Targets", [])}
    rule.remove_targets([one["Id"] for one in rule.targets if one["Id"] not in expected])
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
    require(account, "events:PutRule", f"arn:{PARTITION}:events:{region}:{account}:rule/{name}")
    with _as_validation_error():
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
        require(rule.account_id, "events:PutTargets", rule.arn)
        with _as_validation_error():
            backend.put_targets(name=rule.name, event_bus_arn=rule.event_bus_name, targets=targets)


@contextmanager
def _as_validation_error() -> Iterator[None]:
    """EventBridge's errors in the protocol of CloudFormation."""
    try:
        yield
    except JsonRESTError as error:
        raise ValidationError(message=f"{error.error_type}: {error.message}") from error

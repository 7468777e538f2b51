"""A template's roles and rules, where moto makes them otherwise than CloudFormation does."""

from __future__ import annotations

import functools
import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.cloudformation.parsing import clean_json
from moto.core.exceptions import ServiceException
from moto.events.models import Rule, events_backends
from moto.iam.models import Role
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from werkzeug.exceptions import HTTPException

from sandbox.organization import iam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from moto.cloudformation.models import Stack

type Properties = Mapping[str, Any]

# What moto's resources raise where AWS's fail; a KeyError is a property that is required.
FAILURES = (ServiceException, HTTPException, KeyError)


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        for kind, making in ((Role, _making_role), (Rule, _making_rule)):
            make: Any = classmethod(making(kind.create_from_cloudformation_json))
            stack.enter_context(patch.object(kind, "create_from_cloudformation_json", make))
        stack.enter_context(patch.object(Role, "put_policy", _putting_text(Role.put_policy)))
        yield


def taken_name(stack: Stack, kind: str, properties: Properties) -> str | None:
    """The name that a resource wants and another of its kind has."""
    find = FINDERS.get(kind)
    return find(stack, properties) if find else None


def forget_missing_roles(stack: Stack) -> None:
    """CloudFormation takes a resource that is gone for deleted; moto's roles cannot be."""
    own = iam(stack.account_id).roles.values()
    made = stack.resource_map._parsed_resources  # noqa: SLF001  moto tells it nowhere else
    for logical_id, resource in list(made.items()):
        if isinstance(resource, Role) and resource not in own:
            del made[logical_id]


def _taken_role(stack: Stack, properties: Properties) -> str | None:
    name = _value(stack, properties, "RoleName")
    taken = {role.name for role in iam(stack.account_id).roles.values()}
    return name if name in taken else None


def _taken_rule(stack: Stack, properties: Properties) -> str | None:
    """Moto would let the new rule take the place of the old one."""
    name = _value(stack, properties, "Name")
    bus = (_value(stack, properties, "EventBusName") or "default").rsplit("/", 1)[-1]
    buses = events_backends[stack.account_id][stack.region_name].event_buses
    return name if bus in buses and name in buses[bus].rules else None


FINDERS: dict[str, Callable[[Stack, Properties], str | None]] = {
    Role.cloudformation_type(): _taken_role,
    Rule.cloudformation_type(): _taken_rule,
}


def _value(stack: Stack, properties: Properties, name: str) -> str | None:
    value: str | None = clean_json(properties.get(name), stack.resource_map)
    return value


def _making_role(make: Any) -> Any:
    """Moto looks at no policy, and ours are looked at before there is a role that has them."""

    @functools.wraps(make)
    def making(_class: type[Role], name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        for policy in resource["Properties"].get("Policies", []):
            IAMPolicyDocumentValidator(_text(policy["PolicyDocument"])).validate()
        return make(name, resource, *args, **kwargs)

    return making


def _making_rule(make: Any) -> Any:
    """Moto keeps a rule whose targets are refused."""

    @functools.wraps(make)
    def making(
        _class: type[Rule], name: str, resource: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        try:
            return make(name, resource, account_id, region_name, **more)
        except FAILURES:
            bus = resource["Properties"].get("EventBusName", "default")
            events_backends[account_id][region_name].delete_rule(name, bus)
            raise

    return making


def _putting_text(put_policy: Any) -> Any:
    """Moto keeps a template's policy as it is: a mapping, which its IAM then answers as no JSON."""

    @functools.wraps(put_policy)
    def putting(role: Role, policy_name: str, policy_json: Any) -> None:
        text = policy_json if isinstance(policy_json, str) else _text(policy_json)
        put_policy(role, policy_name, text)

    return putting


def _text(policy: Any) -> str:
    return json.dumps(policy, default=str)  # YAML has dates

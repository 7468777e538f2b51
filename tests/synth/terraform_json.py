"""Reads synthesized Terraform JSON: resources by type, references and policies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.iam.policy import (
    AccessRequest,
    Decision,
    Principal,
    ResourcePolicyKind,
    decide,
    parse_policy,
)

type Statement = Mapping[str, Any]

REFERENCE = re.compile(r"\$\{(?P<type>aws_\w+?)\.(?P<name>\w+)\.(?P<attribute>\w+)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    type: str
    name: str  # generated, and therefore not used by tests
    arguments: Mapping[str, Any]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


@dataclass(frozen=True, slots=True)
class Stack:
    name: str
    folder: Path
    document: Mapping[str, Any]

    def resources(self, type_: str | None = None) -> list[Resource]:
        return [
            Resource(found, name, arguments)
            for found, named in self.document.get("resource", {}).items()
            for name, arguments in named.items()
            if type_ in (None, found)
        ]

    def only(self, type_: str, **arguments: Any) -> Resource:
        """LookupError unless exactly one resource of the type has these arguments."""
        found = [
            resource
            for resource in self.resources(type_)
            if arguments.items() <= resource.arguments.items()
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} of {type_} with {arguments} in {self.name}, not 1")
        return found[0]

    def follow(self, reference: str, attribute: str) -> Resource:
        """LookupError unless the text is one reference to this attribute of a resource."""
        match = REFERENCE.fullmatch(reference)
        if match is None or match["attribute"] != attribute:
            raise LookupError(f"{reference!r} is not a reference to the {attribute} of a resource")
        arguments = self.document["resource"][match["type"]][match["name"]]
        return Resource(match["type"], match["name"], arguments)

    def pointing_to(self, type_: str, argument: str, target: Resource) -> list[Resource]:
        """Resources whose argument is a reference to any attribute of the target."""
        return [
            resource
            for resource in self.resources(type_)
            if (match := REFERENCE.fullmatch(str(resource[argument])))
            and f"{match['type']}.{match['name']}" == target.address
        ]

    def providers(self) -> list[Mapping[str, Any]]:
        return list(self.document["provider"]["aws"])

    def account(self, resource: Resource) -> str:
        """The ID of the account of the resource."""
        [account] = self._provider(resource)["allowed_account_ids"]
        return str(account)

    def region(self, resource: Resource) -> str:
        return str(self._provider(resource)["region"])

    def _provider(self, resource: Resource) -> Mapping[str, Any]:
        alias = resource["provider"].removeprefix("aws.")
        [provider] = [one for one in self.providers() if one["alias"] == alias]
        return provider

    def outputs(self) -> dict[str, Mapping[str, Any]]:
        return dict(self.document.get("output", {}))


def read_stack(folder: Path) -> Stack:
    return Stack(folder.name, folder, json.loads((folder / "cdk.tf.json").read_text("utf-8")))


def statements(policy: str) -> list[Statement]:
    return list(json.loads(policy)["Statement"])


def statement(policy: str, sid: str) -> Statement:
    [found] = [one for one in statements(policy) if one["Sid"] == sid]
    return found


def allowing(policy: str) -> list[Statement]:
    return [one for one in statements(policy) if one["Effect"] == "Allow"]


def listed(element: str | list[str]) -> list[str]:
    """Action or Resource of a statement, which can be a single string."""
    return [element] if isinstance(element, str) else element


def actions(policy: str) -> set[str]:
    return {action for one in allowing(policy) for action in listed(one["Action"])}


def policy_texts(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Address, argument and JSON text of each policy document of a stack's resources."""
    for resource in stack.resources():
        for argument in ("policy", "assume_role_policy"):
            if argument in resource.arguments:
                yield resource.address, argument, resource[argument]


type Context = Mapping[str, str | bool]

OVER_TLS: dict[str, str | bool] = {"aws:SecureTransport": True}
PLAIN_HTTP: dict[str, str | bool] = {"aws:SecureTransport": False}


def aws_service(name: str) -> Principal:
    return Principal(service=f"{name}.amazonaws.com")


def role_session(partition: str, account: str, role: str) -> Principal:
    return Principal(
        arn=f"arn:{partition}:sts::{account}:assumed-role/{role}/session",
        role_arn=f"arn:{partition}:iam::{account}:role/{role}",
        account=account,
    )


def decided_by_resource(
    policy: str,
    kind: ResourcePolicyKind,
    principal: Principal,
    action: str,
    resource: str,
    context: Context,
) -> Decision:
    """For a resource in the account of the identity; for a service, in any account."""
    asked = AccessRequest(
        principal=principal,
        action=action,
        resource=resource,
        resource_account=principal.account or "999999999999",
        context=context,
    )
    return decide(
        asked,
        identity_policies=[],
        resource_policy=parse_policy(policy, "the resource's policy", kind),
        kind=kind,
    )


def decided_by_identity(
    policy: str, principal: Principal, action: str, resource: str, context: Context
) -> Decision:
    """For a resource without a policy in the identity's own account."""
    asked = AccessRequest(
        principal=principal,
        action=action,
        resource=resource,
        resource_account=principal.account,
        context=context,
    )
    return decide(
        asked,
        identity_policies=[parse_policy(policy, "the role's policy", None)],
        resource_policy=None,
        kind=ResourcePolicyKind.ORDINARY,
    )


def unescaped(template_body: str) -> str:
    """Terraform JSON escapes `${` as `$${`."""
    return template_body.replace("$${", "${")


def rendered(template: str, values: Mapping[str, str]) -> dict[str, Any]:
    """With `!Ref` and `!Sub` replaced; KeyError where a name has no value."""

    class Loader(yaml.SafeLoader):
        """A class for each call, because constructors belong to the class."""

    def ref(loader: Loader, node: yaml.ScalarNode) -> str:
        return values[str(loader.construct_scalar(node))]

    def sub(loader: Loader, node: yaml.ScalarNode) -> str:
        text = str(loader.construct_scalar(node))
        return re.sub(r"\$\{([^}]+)\}", lambda name: values[name[1]], text)

    def get_att(loader: Loader, node: yaml.ScalarNode) -> str:
        return f"{{attribute {loader.construct_scalar(node)}}}"

    Loader.add_constructor("!Ref", ref)
    Loader.add_constructor("!Sub", sub)
    Loader.add_constructor("!GetAtt", get_att)
    document = yaml.load(template, Loader)  # noqa: S506  a SafeLoader
    return dict(document)

"""AWS::IAM::Role in CloudFormation templates, where moto does otherwise than CloudFormation.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
"""

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.iam.models import Role
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from sandbox.organizations.organization import iam

LONGEST_SESSION_SECONDS = 3600  # where the template has none


@contextmanager
def installed() -> Iterator[None]:
    replacements: dict[str, Any] = {
        "create_from_cloudformation_json": classmethod(
            _creating(Role.create_from_cloudformation_json)
        ),
        "update_from_cloudformation_json": classmethod(_update),
        "put_policy": _putting_text(Role.put_policy),
    }
    with ExitStack() as stack:
        for name, replacement in replacements.items():
            stack.enter_context(patch.object(Role, name, replacement))
        yield


def _creating(create: Any) -> Any:
    """Moto looks at no policy; here they are looked at before there is a role that has them."""

    @functools.wraps(create)
    def creating(_class: type[Role], name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        _check_policies(resource["Properties"])
        return create(name, resource, *args, **kwargs)

    return creating


def _update(
    cls: type[Role],
    /,
    original_resource: Role,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Role:
    """Moto changes the description alone. A role of another name or path takes the old one's place.

    Nothing is changed where a policy is refused.
    """
    properties = cloudformation_json["Properties"]
    is_renamed = properties.get("RoleName", original_resource.name) != original_resource.name
    if is_renamed or properties.get("Path", "/") != original_resource.path:
        role: Role = cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )
        cls.delete_from_cloudformation_json(
            original_resource.name, cloudformation_json, account_id, region_name
        )
        return role
    _check_policies(properties)
    _change(original_resource, properties, account_id)
    return original_resource


def _change(role: Role, properties: Mapping[str, Any], account: str) -> None:
    trust = _text(properties["AssumeRolePolicyDocument"])
    iam(account).update_assume_role_policy(role.name, trust)
    role.description = properties.get("Description", "")
    role.max_session_duration = properties.get("MaxSessionDuration", LONGEST_SESSION_SECONDS)
    policies = {one["PolicyName"]: one["PolicyDocument"] for one in properties.get("Policies", [])}
    for name in set(role.policies) - set(policies):
        role.delete_policy(name)
    for name, document in policies.items():
        role.put_policy(name, document)


def _check_policies(properties: Mapping[str, Any]) -> None:
    for policy in properties.get("Policies", []):
        IAMPolicyDocumentValidator(_text(policy["PolicyDocument"])).validate()


def _putting_text(put_policy: Any) -> Any:
    """Moto keeps a template's policy as it is: a mapping, which its IAM then answers as no JSON."""

    @functools.wraps(put_policy)
    def putting(role: Role, policy_name: str, policy_json: Any) -> None:
        put_policy(role, policy_name, _text(policy_json))

    return putting


def _text(document: Any) -> str:
    """YAML reads a version without quotes as a date."""
    return document if isinstance(document, str) else json.dumps(document, default=str)

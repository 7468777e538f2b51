"""AWS::IAM::Role in CloudFormation templates.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import Role
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from sandbox.cloudformation.stack_permissions import require
from sandbox.organizations.organization import PARTITION, iam
from sandbox.overrides import Override, replace, wrap

DEFAULT_SESSION_SECONDS = 3600


def overrides() -> list[Override]:
    return [
        *wrap(
            Role,
            create_from_cloudformation_json=_create,
            delete_from_cloudformation_json=_delete,
            put_policy=_put_policy,
        ),
        *replace(Role, update_from_cloudformation_json=classmethod(_update)),
    ]


def _create(
    create: Any,
    _class: type[Role],
    name: str,
    resource: Any,
    account: str,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Moto does not validate policies."""
    properties = resource["Properties"]
    _check_policies(properties)
    arn = _arn(account, properties.get("RoleName", name), properties)
    require(account, "iam:CreateRole", arn)
    if properties.get("Policies"):
        require(account, "iam:PutRolePolicy", arn)
    return create(name, resource, account, *args, **kwargs)


def _delete(
    delete: Any, _class: type[Role], name: str, resource: Any, account: str, region: str
) -> None:
    require(account, "iam:DeleteRole", _arn(account, name, resource["Properties"]))
    delete(name, resource, account, region)


def _arn(account: str, name: str, properties: Mapping[str, Any]) -> str:
    return f"arn:{PARTITION}:iam::{account}:role{properties.get('Path', '/')}{name}"


def _update(
    cls: type[Role],
    /,
    original_resource: Role,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Role:
    """Moto updates only the description. A change of name or path replaces the role.

    An invalid policy changes nothing.
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
    for action in ("iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy"):
        require(account_id, action, original_resource.arn)
    _apply(original_resource, properties, account_id)
    return original_resource


def _apply(role: Role, properties: Mapping[str, Any], account: str) -> None:
    trust = _text(properties["AssumeRolePolicyDocument"])
    iam(account).update_assume_role_policy(role.name, trust)
    role.description = properties.get("Description", "")
    role.max_session_duration = properties.get("MaxSessionDuration", DEFAULT_SESSION_SECONDS)
    policies = {one["PolicyName"]: one["PolicyDocument"] for one in properties.get("Policies", [])}
    for name in set(role.policies) - set(policies):
        role.delete_policy(name)
    for name, document in policies.items():
        role.put_policy(name, document)


def _check_policies(properties: Mapping[str, Any]) -> None:
    for policy in properties.get("Policies", []):
        IAMPolicyDocumentValidator(_text(policy["PolicyDocument"])).validate()


def _put_policy(put_policy: Any, role: Role, policy_name: str, policy_json: Any) -> None:
    """Moto keeps the mapping of a template, and GetRolePolicy then returns no JSON."""
    put_policy(role, policy_name, _text(policy_json))


def _text(document: Any) -> str:
    """YAML reads a version without quotes as a date."""
    return document if isinstance(document, str) else json.dumps(document, default=str)

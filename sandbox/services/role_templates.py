"""AWS::IAM::Role in CloudFormation templates: moto updates nothing but the description.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.iam.models import Role

from sandbox.organization import iam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_SESSION_SECONDS = 3600  # where the template has none


@contextmanager
def installed() -> Iterator[None]:
    with patch.object(Role, "update_from_cloudformation_json", classmethod(_update)):
        yield


def _update(
    cls: type[Role],
    /,
    original_resource: Role,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Role:
    """A role of another name or path takes the old one's place."""
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
    _change(original_resource, properties, account_id)
    return original_resource


def _change(role: Role, properties: Mapping[str, Any], account: str) -> None:
    role.description = properties.get("Description", "")
    role.max_session_duration = properties.get("MaxSessionDuration", LONGEST_SESSION_SECONDS)
    trust = _text(properties["AssumeRolePolicyDocument"])
    iam(account).update_assume_role_policy(role.name, trust)
    policies = {one["PolicyName"]: one["PolicyDocument"] for one in properties.get("Policies", [])}
    for name in set(role.policies) - set(policies):
        role.delete_policy(name)
    for name, document in policies.items():
        role.put_policy(name, _text(document))


def _text(document: Any) -> str:
    """YAML reads a version without quotes as a date."""
    return document if isinstance(document, str) else json.dumps(document, default=str)

"""IAM policy documents, and the roles and keys that a policy document defines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from modules import aws

type Statement = Mapping[str, Any]


def policy_document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def protection(*, is_protected: bool) -> dict[str, Any] | None:
    """The lifecycle of a resource that Terraform refuses to delete."""
    return {"prevent_destroy": True} if is_protected else None


def deny_insecure_transport(action: str, resources: Sequence[str]) -> Statement:
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def create_service_role(
    scope: Construct,
    id_: str,
    *,
    name: str,
    description: str,
    service: str,
    policy_name: str,
    statements: Sequence[Statement],
    provider: aws.AwsProvider,
) -> tuple[aws.IamRole, aws.IamRolePolicy]:
    """A role that `service` can assume, and its inline policy.

    A resource that uses the role needs both: it depends on the policy.
    """
    trust = {
        "Sid": "AllowService",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    role = aws.IamRole(
        scope,
        id_,
        name=name,
        description=description,
        assume_role_policy=policy_document([trust]),
        provider=provider,
    )
    policy = aws.IamRolePolicy(
        scope,
        f"{id_}_policy",
        name=policy_name,
        role=role.id,
        policy=policy_document(statements),
        provider=provider,
    )
    return role, policy


def create_key(
    scope: Construct,
    id_: str,
    *,
    alias: str,
    description: str,
    owner_arn: str,
    statements: Sequence[Statement],
    provider: aws.AwsProvider,
    is_protected: bool = False,
) -> aws.KmsKey:
    """A customer managed key with an alias. `owner_arn` is the account that administers it by IAM.

    Terraform refuses to delete a protected key.

    Without that statement, nobody can change a key whose policy is wrong.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    administration = {
        "Sid": "AllowAccountAdministration",
        "Effect": "Allow",
        "Principal": {"AWS": owner_arn},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = aws.KmsKey(
        scope,
        id_,
        description=description,
        enable_key_rotation=True,
        policy=policy_document([administration, *statements]),
        lifecycle=protection(is_protected=is_protected),
        provider=provider,
    )
    aws.KmsAlias(scope, f"{id_}_alias", name=alias, target_key_id=key.key_id, provider=provider)
    return key

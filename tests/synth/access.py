"""Requests evaluated against the synthesized policies, as IAM does."""

from collections.abc import Mapping

from sandbox.iam.policy import (
    AccessRequest,
    Decision,
    Principal,
    ResourcePolicyKind,
    decide,
    parse_policy,
)

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

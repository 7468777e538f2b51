"""Callers, policies and requests for the tests of policy evaluation."""

from collections.abc import Mapping
from typing import Any

from sandbox.iam.policy import (
    AccessRequest,
    Decision,
    NamedPolicy,
    Principal,
    ResourcePolicyKind,
    decide,
    parse_policy,
)

type Context = Mapping[str, str | tuple[str, ...] | bool]

ORDINARY, TRUST, KEY = (
    ResourcePolicyKind.ORDINARY,
    ResourcePolicyKind.TRUST,
    ResourcePolicyKind.KEY,
)
HOME, OTHER = "111111111111", "222222222222"
TOPIC = f"arn:aws:sns:us-east-1:{HOME}:alarms"
USER_ARN = f"arn:aws:iam::{HOME}:user/ada"
ROLE_ARN = f"arn:aws:iam::{HOME}:role/service/importer"
SESSION_ARN = f"arn:aws:sts::{HOME}:assumed-role/importer/run"
ROOT_ARN = f"arn:aws:iam::{HOME}:root"

USER = Principal(arn=USER_ARN, account=HOME)
SESSION = Principal(arn=SESSION_ARN, role_arn=ROLE_ARN, account=HOME)
ROOT = Principal(arn=ROOT_ARN, account=HOME)
STRANGER = Principal(arn=f"arn:aws:iam::{OTHER}:user/bob", account=OTHER)
SERVICE = Principal(service="cloudwatch.amazonaws.com")

BY_USER = {"AWS": USER_ARN}
BY_ACCOUNT = {"AWS": ROOT_ARN}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def identity_statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | elements


def resource_statement(kind: ResourcePolicyKind, principal: Any, **elements: Any) -> dict[str, Any]:
    if kind is TRUST:
        return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | elements
    return identity_statement(Principal=principal) | elements


def identity_policy(*statements: dict[str, Any]) -> NamedPolicy:
    return parse_policy(document(*statements), "identity", None)


def resource_policy(kind: ResourcePolicyKind, *statements: dict[str, Any]) -> NamedPolicy:
    return parse_policy(document(*statements), "resource", kind)


def request(
    principal: Principal = USER,
    action: str = "sns:Publish",
    resource: str = TOPIC,
    resource_account: str | None = HOME,
    context: Context | None = None,
) -> AccessRequest:
    return AccessRequest(
        principal=principal,
        action=action,
        resource=resource,
        resource_account=resource_account,
        context=context or {},
    )


def decided_by_identity(asked: AccessRequest, *statements: dict[str, Any]) -> Decision:
    policies = [identity_policy(*statements)]
    return decide(asked, identity_policies=policies, resource_policy=None, kind=ORDINARY)


def is_condition_met(condition: dict[str, Any], context: Context) -> bool:
    asked = request(context=context)
    return decided_by_identity(asked, identity_statement(Condition=condition)).allowed

"""Service control policies (SCPs): the limits of the users and roles in member accounts.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
"""

import functools
from collections.abc import Iterable
from typing import Any

from moto.organizations import utils
from moto.organizations.exceptions import OrganizationsClientError
from moto.organizations.models import (
    FakeAccount,
    FakeOrganizationalUnit,
    OrganizationsBackend,
)

from sandbox.iam.policy import (
    AccessRequest,
    Decision,
    Limits,
    NamedPolicy,
    Principal,
    ResourcePolicyKind,
    decide,
    parse_policy,
)
from sandbox.organizations.organization import MANAGEMENT, ancestors, member, organization
from sandbox.overrides import Override, wrap

KIND = "SERVICE_CONTROL_POLICY"
FULL_ACCESS = parse_policy(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
    "the administrator's policy",
    None,
)

type Levels = tuple[tuple[NamedPolicy, ...], ...]


def overrides() -> list[Override]:
    return wrap(OrganizationsBackend, detach_policy=_detach_policy)


def control_policies(account: str) -> Levels:
    """At each level from the account to the root; empty where no policy limits the account.

    They do not apply to the management account.
    """
    found = member(account)
    if found is None or account == MANAGEMENT.id:
        return ()
    units = {unit.id: unit for unit in organization().ou}
    return levels_of([found, *(units[unit] for unit in ancestors(account))])


def levels_of(nodes: Iterable[FakeAccount | FakeOrganizationalUnit]) -> Levels:
    """The policies of an account and the units above it; empty where none of them limits.

    In AWS, each of them has a policy; moto creates some without.
    """
    attached = (
        [policy for policy in list(node.attached_policies) if policy.type == KIND] for node in nodes
    )
    levels = [level for level in attached if level]
    if all([one.id for one in level] == [utils.DEFAULT_SCP_POLICY_ID] for level in levels):
        return ()
    return tuple(tuple(_parsed(one.content, one.arn) for one in level) for level in levels)


def decide_by(levels: Levels, account: str, principal: str, action: str, resource: str) -> Decision:
    """Whether these policies leave an administrator of the account this permission.

    `principal` is the ARN of the user or of the session.
    """
    request = AccessRequest(
        principal=Principal(arn=principal, account=account),
        action=action,
        resource=resource,
        resource_account=account,
        context={"aws:PrincipalArn": principal, "aws:PrincipalAccount": account},
    )
    return decide(
        request,
        identity_policies=[FULL_ACCESS],
        resource_policy=None,
        kind=ResourcePolicyKind.ORDINARY,
        limits=Limits(control_policies=levels),
    )


@functools.lru_cache(maxsize=256)
def _parsed(document: str, arn: str) -> NamedPolicy:
    return parse_policy(document, arn, None)


def _detach_policy(detach: Any, backend: OrganizationsBackend, **parameters: str) -> None:
    """Each account, unit and root keeps at least one service control policy."""
    policy = backend.get_policy_by_id(parameters["PolicyId"])
    target = parameters["TargetId"]
    nodes: list[Any] = [*backend.accounts, *backend.ou]
    node = next((one for one in nodes if one.id == target), None)
    if node is not None and policy.type == KIND:
        others = [one for one in node.attached_policies if one.type == KIND and one is not policy]
        if not others:
            error = OrganizationsClientError(
                "ConstraintViolationException",
                "You cannot remove the last policy of this type from the target.",
            )
            vars(error)["reason"] = "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
            raise error
    detach(backend, **parameters)

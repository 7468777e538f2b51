"""Service-managed stack sets in the sandbox: whole trees of units, the management account left out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs.html
"""

from __future__ import annotations

import functools
import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.cloudformation.models import StackInstances, StackSet
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.iam.models import Role

from sandbox.organization import MANAGEMENT, organization

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(
                StackInstances, "create_instances", _creating(StackInstances.create_instances)
            )
        )
        for operation, replacement in {
            "create_stack_set": _remembering(CloudFormationResponse.create_stack_set),
            "update_stack_set": _remembering(CloudFormationResponse.update_stack_set),
            "delete_stack_instances": _delete_instances,
        }.items():
            stack.enter_context(patch.object(CloudFormationResponse, operation, replacement))
        stack.enter_context(patch.object(Role, "put_policy", _putting_text(Role.put_policy)))
        yield


def accounts_under(target: str) -> list[str]:
    """The active accounts in a root or unit and all units below it."""
    units = [target, *_units_below(target)]
    return [
        account.id
        for account in organization().accounts
        if account.parent_id in units and account.status == "ACTIVE"
    ]


def _units_below(parent: str) -> list[str]:
    children = [
        unit.id
        for unit in organization().ou
        if unit.type == "ORGANIZATIONAL_UNIT" and unit.parent_id == parent
    ]
    return [*children, *(below for child in children for below in _units_below(child))]


def _targets(units: list[str]) -> list[str]:
    accounts = dict.fromkeys(account for unit in units for account in accounts_under(unit))
    return [account for account in accounts if account != MANAGEMENT.id]


def _creating(create_instances: Any) -> Any:
    @functools.wraps(create_instances)
    def creating(
        instances: StackInstances,
        accounts: list[str],
        regions: list[str],
        parameters: Any,
        deployment_targets: dict[str, Any],
        permission_model: str,
    ) -> Any:
        if permission_model == "SERVICE_MANAGED":
            accounts = _targets(deployment_targets["OrganizationalUnitIds"])
            deployment_targets = {}
        return create_instances(
            instances, accounts, regions, parameters, deployment_targets, permission_model
        )

    return creating


def _remembering(operation: Any) -> Any:
    """Moto forgets these two, which a later plan would show as a change."""

    @functools.wraps(operation)
    def remembering(response: CloudFormationResponse) -> Any:
        answer = operation(response)
        parameters = response._get_params()  # noqa: SLF001  moto's own way
        stack_set = response.cloudformation_backend.describe_stack_set(parameters["StackSetName"])
        automatic = parameters.get("AutoDeployment")
        if automatic is not None:
            enabled = {name: str(value).lower() == "true" for name, value in automatic.items()}
            vars(stack_set)["auto_deployment"] = enabled
        vars(stack_set)["capabilities"] = parameters.get("Capabilities", [])
        return answer

    return remembering


def _putting_text(put_policy: Any) -> Any:
    """Moto keeps a template's policy as a mapping, which its IAM then answers as no JSON."""

    @functools.wraps(put_policy)
    def putting(role: Role, policy_name: str, policy_json: Any) -> None:
        text = policy_json if isinstance(policy_json, str) else json.dumps(policy_json)
        put_policy(role, policy_name, text)

    return putting


def _delete_instances(response: CloudFormationResponse) -> ActionResult:
    """Moto deletes by account only; the provider names units."""
    parameters = response._get_params()  # noqa: SLF001  moto's own way
    backend = response.cloudformation_backend
    stack_set: StackSet = backend.describe_stack_set(parameters["StackSetName"])
    targets = parameters.get("DeploymentTargets") or {}
    accounts = parameters.get("Accounts") or _targets(targets.get("OrganizationalUnitIds", []))
    stack_set.delete_stack_instances(accounts, parameters.get("Regions", []))
    return ActionResult({"OperationId": stack_set.operations[-1]["OperationId"]})

"""Central configuration: policies, and their associations with roots, units and accounts.

https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policies-overview.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult

from sandbox.security_hub.administration import member_organization
from sandbox.security_hub.errors import (
    HubAccessDeniedError,
    HubConflictError,
    InvalidInputError,
    LimitExceededError,
    ResourceNotFoundError,
)
from sandbox.security_hub.organization import HubOrganization
from sandbox.security_hub.registry import SELF_MANAGED, Association, HubPolicy
from sandbox.security_hub.requests import SecurityHubRequest, answer, page
from sandbox.security_hub.timing import timing

MAX_POLICIES = 20

_NAME = re.compile(r"[A-Za-z0-9\-.!*/]{1,128}")
_CONTROL_LISTS = ("EnabledSecurityControlIdentifiers", "DisabledSecurityControlIdentifiers")
_TARGET_TYPES = {
    "AccountId": "ACCOUNT",
    "OrganizationalUnitId": "ORGANIZATIONAL_UNIT",
    "RootId": "ROOT",
}


class ConfigurationPolicyOperations(SecurityHubRequest):
    def create_configuration_policy(self) -> ActionResult:
        organization, parameters = self._organization, self.parameters()
        content, settings = parameters["ConfigurationPolicy"], organization.settings
        _check_name(organization, parameters["Name"])
        _check_content(content)
        if len(settings.policies) >= MAX_POLICIES:
            raise LimitExceededError(f"An organization has at most {MAX_POLICIES} policies")
        policy_id, now = str(uuid4()), datetime.now(UTC)
        prefix = f"arn:{self.partition}:securityhub:{self.region}:{self.current_account}"
        policy = HubPolicy(
            arn=f"{prefix}:configuration-policy/{policy_id}",
            id=policy_id,
            name=parameters["Name"],
            description=parameters.get("Description"),
            content=content,
            created_at=now,
            updated_at=now,
            tags=dict(parameters.get("Tags", {})),
        )
        settings.policies[policy_id] = policy
        return _policy(policy)

    def get_configuration_policy(self) -> ActionResult:
        identifier = self.parameters()["Identifier"]
        return _policy(find_policy(self._organization, identifier))

    def update_configuration_policy(self) -> ActionResult:
        parameters, organization = self.parameters(), self._organization
        policy = find_policy(organization, parameters["Identifier"])
        content = parameters.get("ConfigurationPolicy", policy.content)
        if parameters.get("Name", policy.name) != policy.name:
            _check_name(organization, parameters["Name"])
        _check_content(content)
        policy.name = parameters.get("Name", policy.name)
        policy.description = parameters.get("Description", policy.description)
        policy.content = content
        policy.updated_at = datetime.now(UTC)
        return _policy(policy)

    def delete_configuration_policy(self) -> ActionResult:
        identifier, settings = self.parameters()["Identifier"], self._organization.settings
        policy = find_policy(self._organization, identifier)
        associations = settings.associations.items()
        targets = [target for target, one in associations if one.policy_id == policy.id]
        if targets:
            raise HubConflictError(
                f"Configuration policy {policy.id} is associated with {', '.join(targets)}"
            )
        del settings.policies[policy.id]
        return answer()

    def list_configuration_policies(self) -> ActionResult:
        policies = self._organization.settings.policies.values()
        summaries, more = page([_summary(policy) for policy in policies], self.parameters())
        return answer(ConfigurationPolicySummaries=summaries, **more)

    def start_configuration_policy_association(self) -> ActionResult:
        parameters, organization = self.parameters(), self._organization
        target_id = _target_id(organization, parameters["Target"])
        policy_id = _policy_id(organization, parameters["ConfigurationPolicyIdentifier"])
        associations = organization.settings.associations
        organization.save_hubs()
        association = Association(
            policy_id=policy_id, updated_at=datetime.now(UTC), started_at=timing().now()
        )
        associations[target_id] = association
        _enroll_management_account(organization, target_id)
        failed = frozenset(_failures(organization, target_id))
        associations[target_id] = replace(association, failed=failed)
        summary = _association(organization, target_id)
        return answer(**summary | {"AssociationStatus": "PENDING"})

    def get_configuration_policy_association(self) -> ActionResult:
        organization, target = self._organization, self.parameters()["Target"]
        target_id = _target_id(organization, target)
        association = _association(organization, target_id)
        if not association:
            raise ResourceNotFoundError(f"No configuration policy is associated with {target_id}")
        return answer(**association)

    def start_configuration_policy_disassociation(self) -> ActionResult:
        """Only an association with this target itself can be removed, not an inherited one."""
        parameters, organization = self.parameters(), self._organization
        target_id = _target_id(organization, parameters.get("Target", {}))
        policy_id = _policy_id(organization, parameters["ConfigurationPolicyIdentifier"])
        association = organization.settings.associations.get(target_id)
        if association is None or association.policy_id != policy_id:
            raise ResourceNotFoundError(f"Policy {policy_id} is not associated with {target_id}")
        organization.save_hubs()
        del organization.settings.associations[target_id]
        return answer()

    def list_configuration_policy_associations(self) -> ActionResult:
        parameters, organization = self.parameters(), self._organization
        wanted = parameters.get("Filters", {}).items()
        associations = [_association(organization, one) for one in organization.tree.target_ids]
        found = [one for one in associations if one and wanted <= one.items()]
        summaries, more = page(found, parameters)
        return answer(ConfigurationPolicyAssociationSummaries=summaries, **more)

    @property
    def _organization(self) -> HubOrganization:
        return centrally_configured_organization(*self.where)


def centrally_configured_organization(account_id: str, region: str) -> HubOrganization:
    """AccessDeniedException unless the caller administers it centrally, from the home Region."""
    organization = member_organization(account_id, region)
    aggregator = organization.aggregator
    if not organization.is_central or not organization.is_administrator(account_id, region):
        raise HubAccessDeniedError(
            "Must be a Security Hub delegated administrator with Central Configuration enabled"
        )
    if aggregator is None or aggregator.home_region != region:
        raise HubAccessDeniedError("Central Configuration is managed in the home Region only")
    return organization


def find_policy(organization: HubOrganization, identifier: str) -> HubPolicy:
    """A policy by its UUID or its ARN."""
    for policy in organization.settings.policies.values():
        if identifier in (policy.id, policy.arn):
            return policy
    raise ResourceNotFoundError(f"Configuration policy {identifier} not found")


def _enroll_management_account(organization: HubOrganization, target_id: str) -> None:
    """It becomes a member in Regions where it has enabled Security Hub itself before.

    https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
    """
    management = organization.tree.management_account_id
    effective = organization.effective_association(management)
    if effective and effective[0] == target_id and effective[1].policy_id != SELF_MANAGED:
        for region in organization.covered_regions:
            if organization.registry.is_enabled(management, region):
                organization.enroll(management, region)


def _failures(organization: HubOrganization, target_id: str) -> Iterator[str]:
    """The accounts that the policy of the target cannot be applied to."""
    for account_id in organization.tree.accounts:
        effective = organization.effective_association(account_id)
        if effective and effective[0] == target_id and _failure(organization, account_id):
            yield account_id


def _failure(organization: HubOrganization, account_id: str) -> str | None:
    """Why the policy of the account cannot be applied now."""
    tree, aggregator = organization.tree, organization.aggregator
    effective = organization.effective_association(account_id)
    if effective is None or aggregator is None or effective[1].policy_id == SELF_MANAGED:
        return None
    if not tree.is_active(account_id):
        return f"Account {account_id} is suspended"
    if reason := organization.restriction(account_id, aggregator.home_region):
        return f"Account {account_id} is restricted by a service control policy: {reason}"
    is_management = account_id == tree.management_account_id
    if is_management and not organization.is_member(account_id, aggregator.home_region):
        return (
            f"The organization management account {account_id} must enable Security Hub itself, "
            "before a policy is associated with it"
        )
    return None


def _association(organization: HubOrganization, target_id: str) -> dict[str, Any]:
    """Empty without an association."""
    effective = organization.effective_association(target_id)
    if effective is None:
        return {}
    source, association = effective
    status: dict[str, str] = {"AssociationStatus": "PENDING"}
    if not _is_pending(association):
        failure = _failure_at(organization, target_id, association)
        message = {"AssociationStatusMessage": failure} if failure else {}
        status = {"AssociationStatus": "FAILED" if failure else "SUCCESS", **message}
    return {
        "ConfigurationPolicyId": association.policy_id,
        "TargetId": target_id,
        "TargetType": organization.tree.target_type(target_id),
        "AssociationType": "APPLIED" if source == target_id else "INHERITED",
        "UpdatedAt": association.updated_at,
        **status,
    }


def _is_pending(association: Association) -> bool:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html"""
    chosen = timing()
    return chosen.now() - association.started_at < chosen.association_seconds


def _failure_at(
    organization: HubOrganization, target_id: str, association: Association
) -> str | None:
    """For a unit or root, the accounts below that failed when the policy was associated.

    https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
    """
    if target_id in organization.tree.accounts:
        return _failure(organization, target_id)
    paths = ((account, organization.tree.path_to_root(account)) for account in association.failed)
    failed = sorted(account for account, path in paths if target_id in path)
    return f"The policy could not be associated with {', '.join(failed)}" if failed else None


def _target_id(organization: HubOrganization, target: Mapping[str, str]) -> str:
    if len(target) != 1:
        raise InvalidInputError("Target must have exactly one key")
    ((key, target_id),) = target.items()
    if organization.tree.target_type(target_id) != _TARGET_TYPES[key]:
        raise ResourceNotFoundError(f"The organization has no {key} {target_id}")
    return target_id


def _policy_id(organization: HubOrganization, identifier: str) -> str:
    return identifier if identifier == SELF_MANAGED else find_policy(organization, identifier).id


def _check_name(organization: HubOrganization, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"Invalid parameter 'Name': {name!r}")
    if name in {policy.name for policy in organization.settings.policies.values()}:
        raise HubConflictError(f"A configuration policy named {name} already exists")


def _check_content(content: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_SecurityHubPolicy.html"""
    policy = content.get("SecurityHub", {})
    controls = policy.get("SecurityControlsConfiguration")
    if "ServiceEnabled" not in policy:
        raise InvalidInputError("ConfigurationPolicy.SecurityHub: ServiceEnabled is required")
    if not policy["ServiceEnabled"]:
        if controls is not None or policy.get("EnabledStandardIdentifiers"):
            raise InvalidInputError("Standards and controls require ServiceEnabled true")
    elif "EnabledStandardIdentifiers" not in policy:
        raise InvalidInputError("ServiceEnabled true requires EnabledStandardIdentifiers")
    elif controls is None or sum(name in controls for name in _CONTROL_LISTS) != 1:
        raise InvalidInputError(
            f"ServiceEnabled true requires exactly one of {' and '.join(_CONTROL_LISTS)}"
        )


def _policy(policy: HubPolicy) -> ActionResult:
    return answer(
        Arn=policy.arn,
        Id=policy.id,
        Name=policy.name,
        Description=policy.description,
        CreatedAt=policy.created_at,
        UpdatedAt=policy.updated_at,
        ConfigurationPolicy=policy.content,
    )


def _summary(policy: HubPolicy) -> dict[str, Any]:
    return {
        "Arn": policy.arn,
        "Id": policy.id,
        "Name": policy.name,
        "UpdatedAt": policy.updated_at,
        "ServiceEnabled": policy.service_enabled,
        **({"Description": policy.description} if policy.description else {}),
    }

"""Central configuration: policies, and their associations with roots, units and accounts.

https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policies-overview.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
from sandbox.security_hub.organization import HubOrganization, TargetType
from sandbox.security_hub.registry import SELF_MANAGED, Association, ConfigurationPolicy
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

MAX_POLICIES = 20

_NAME = re.compile(r"[A-Za-z0-9\-.!*/]{1,128}")
_CONTROL_LISTS = ("EnabledSecurityControlIdentifiers", "DisabledSecurityControlIdentifiers")
_TARGET_TYPES_BY_KEY: dict[str, TargetType] = {
    "AccountId": "ACCOUNT",
    "OrganizationalUnitId": "ORGANIZATIONAL_UNIT",
    "RootId": "ROOT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveAssociation:
    policy_id: str
    target_id: str
    target_type: TargetType
    association_type: str
    updated_at: datetime
    failure: str | None


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


def create_policy(
    organization: HubOrganization, arn_prefix: str, parameters: Mapping[str, Any]
) -> ConfigurationPolicy:
    content = parameters["ConfigurationPolicy"]
    _check_name(organization, parameters["Name"])
    _check_content(content)
    if len(organization.settings.policies) >= MAX_POLICIES:
        raise LimitExceededError(f"An organization has at most {MAX_POLICIES} policies")
    policy_id, moment = str(uuid4()), datetime.now(UTC)
    policy = ConfigurationPolicy(
        arn=f"{arn_prefix}:configuration-policy/{policy_id}",
        id=policy_id,
        name=parameters["Name"],
        description=parameters.get("Description"),
        content=content,
        created_at=moment,
        updated_at=moment,
        tags=dict(parameters.get("Tags", {})),
    )
    organization.settings.policies[policy_id] = policy
    return policy


def find_policy(organization: HubOrganization, identifier: str) -> ConfigurationPolicy:
    """A policy by its UUID or its ARN."""
    for policy in organization.settings.policies.values():
        if identifier in (policy.id, policy.arn):
            return policy
    raise ResourceNotFoundError(f"Configuration policy {identifier} not found")


def update_policy(
    organization: HubOrganization, identifier: str, parameters: Mapping[str, Any]
) -> ConfigurationPolicy:
    policy = find_policy(organization, identifier)
    content = parameters.get("ConfigurationPolicy", policy.content)
    if parameters.get("Name", policy.name) != policy.name:
        _check_name(organization, parameters["Name"])
    _check_content(content)
    policy.name = parameters.get("Name", policy.name)
    policy.description = parameters.get("Description", policy.description)
    policy.content = content
    policy.updated_at = datetime.now(UTC)
    return policy


def delete_policy(organization: HubOrganization, identifier: str) -> None:
    policy = find_policy(organization, identifier)
    targets = [
        target
        for target, association in organization.settings.associations.items()
        if association.policy_id == policy.id
    ]
    if targets:
        raise HubConflictError(
            f"Configuration policy {policy.id} is associated with {', '.join(targets)}"
        )
    del organization.settings.policies[policy.id]


def associate(
    organization: HubOrganization, identifier: str, target: Mapping[str, str]
) -> EffectiveAssociation:
    target_id = _target_id(organization, target)
    policy_id = _policy_id(organization, identifier)
    settings = organization.settings
    organization.save_hubs()
    association = Association(policy_id=policy_id, updated_at=datetime.now(UTC))
    settings.associations[target_id] = association
    _enroll_management_account(organization, target_id)
    failed = frozenset(_failures(organization, target_id))
    settings.associations[target_id] = replace(association, failed=failed)
    return find_association(organization, target)


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
    is_management = account_id == tree.management_account_id
    if is_management and not organization.is_member(account_id, aggregator.home_region):
        return (
            f"The organization management account {account_id} must enable Security Hub itself, "
            "before a policy is associated with it"
        )
    return None


def disassociate(organization: HubOrganization, identifier: str, target: Mapping[str, str]) -> None:
    """Only an association with this target itself can be removed, not an inherited one."""
    target_id = _target_id(organization, target)
    policy_id = _policy_id(organization, identifier)
    association = organization.settings.associations.get(target_id)
    if association is None or association.policy_id != policy_id:
        raise ResourceNotFoundError(f"Policy {policy_id} is not associated with {target_id}")
    organization.save_hubs()
    del organization.settings.associations[target_id]


def find_association(
    organization: HubOrganization, target: Mapping[str, str]
) -> EffectiveAssociation:
    target_id = _target_id(organization, target)
    association = _effective_association(organization, target_id)
    if association is None:
        raise ResourceNotFoundError(f"No configuration policy is associated with {target_id}")
    return association


def all_associations(organization: HubOrganization) -> list[EffectiveAssociation]:
    found = (_effective_association(organization, id_) for id_ in organization.tree.target_ids)
    return [association for association in found if association]


def _effective_association(
    organization: HubOrganization, target_id: str
) -> EffectiveAssociation | None:
    effective = organization.effective_association(target_id)
    target_type = organization.tree.target_type(target_id)
    if effective is None or target_type is None:
        return None
    source, association = effective
    return EffectiveAssociation(
        policy_id=association.policy_id,
        target_id=target_id,
        target_type=target_type,
        association_type="APPLIED" if source == target_id else "INHERITED",
        updated_at=association.updated_at,
        failure=_failure_at(organization, target_id, association),
    )


def _failure_at(
    organization: HubOrganization, target_id: str, association: Association
) -> str | None:
    """For a unit or root, the accounts below that failed when the policy was associated.

    https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
    """
    if target_id in organization.tree.accounts:
        return _failure(organization, target_id)
    lineages = ((account, organization.tree.lineage(account)) for account in association.failed)
    failed = sorted(account for account, lineage in lineages if target_id in lineage)
    return f"The policy could not be associated with {', '.join(failed)}" if failed else None


def _target_id(organization: HubOrganization, target: Mapping[str, str]) -> str:
    if len(target) != 1:
        raise InvalidInputError("Target must have exactly one key")
    ((key, target_id),) = target.items()
    if organization.tree.target_type(target_id) != _TARGET_TYPES_BY_KEY[key]:
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


class ConfigurationPolicyOperations(SecurityHubRequest):
    def create_configuration_policy(self) -> ActionResult:
        policy = create_policy(
            self._organization(),
            f"arn:{self.partition}:securityhub:{self.region}:{self.current_account}",
            self.parameters(),
        )
        return _policy(policy)

    def get_configuration_policy(self) -> ActionResult:
        identifier = self.parameters()["Identifier"]
        return _policy(find_policy(self._organization(), identifier))

    def update_configuration_policy(self) -> ActionResult:
        parameters = self.parameters()
        policy = update_policy(self._organization(), parameters["Identifier"], parameters)
        return _policy(policy)

    def delete_configuration_policy(self) -> ActionResult:
        identifier = self.parameters()["Identifier"]
        delete_policy(self._organization(), identifier)
        return answer()

    def list_configuration_policies(self) -> ActionResult:
        policies = self._organization().settings.policies.values()
        summaries, more = page([_summary(policy) for policy in policies], self.parameters())
        return answer(ConfigurationPolicySummaries=summaries, **more)

    def start_configuration_policy_association(self) -> ActionResult:
        parameters = self.parameters()
        association = associate(
            self._organization(), parameters["ConfigurationPolicyIdentifier"], parameters["Target"]
        )
        return answer(**(_association(association) | {"AssociationStatus": "PENDING"}))

    def get_configuration_policy_association(self) -> ActionResult:
        association = find_association(self._organization(), self.parameters()["Target"])
        return answer(**_association(association))

    def start_configuration_policy_disassociation(self) -> ActionResult:
        parameters = self.parameters()
        disassociate(
            self._organization(),
            parameters["ConfigurationPolicyIdentifier"],
            parameters.get("Target", {}),
        )
        return answer()

    def list_configuration_policy_associations(self) -> ActionResult:
        parameters = self.parameters()
        wanted = parameters.get("Filters", {}).items()
        associations = (
            _association(association) for association in all_associations(self._organization())
        )
        found = [one for one in associations if wanted <= one.items()]
        summaries, more = page(found, parameters)
        return answer(ConfigurationPolicyAssociationSummaries=summaries, **more)

    def _organization(self) -> HubOrganization:
        return centrally_configured_organization(*self.where)


def _policy(policy: ConfigurationPolicy) -> ActionResult:
    return answer(
        Arn=policy.arn,
        Id=policy.id,
        Name=policy.name,
        Description=policy.description,
        CreatedAt=policy.created_at,
        UpdatedAt=policy.updated_at,
        ConfigurationPolicy=policy.content,
    )


def _summary(policy: ConfigurationPolicy) -> dict[str, Any]:
    return {
        "Arn": policy.arn,
        "Id": policy.id,
        "Name": policy.name,
        "UpdatedAt": policy.updated_at,
        "ServiceEnabled": policy.service_enabled,
        **({"Description": policy.description} if policy.description else {}),
    }


def _association(association: EffectiveAssociation) -> dict[str, Any]:
    return {
        "ConfigurationPolicyId": association.policy_id,
        "TargetId": association.target_id,
        "TargetType": association.target_type,
        "AssociationType": association.association_type,
        "UpdatedAt": association.updated_at,
        "AssociationStatus": "FAILED" if association.failure else "SUCCESS",
        **({"AssociationStatusMessage": association.failure} if association.failure else {}),
    }

"""Who administers Security Hub, and how hubs are switched on."""

from collections.abc import Mapping
from typing import Any

from moto.utilities.utils import get_partition

from sandbox.security_hub.errors import (
    AccessDeniedError,
    InvalidAccessError,
    InvalidInputError,
    ResourceConflictError,
)
from sandbox.security_hub.organization import Organization, hub_of, organization_for
from sandbox.security_hub.registry import Hub, registry


def subscribed_hub(account_id: str, region: str) -> Hub:
    hub = hub_of(account_id, region)
    if not hub.enabled_at:
        raise InvalidAccessError(f"Account {account_id} is not subscribed to AWS Security Hub")
    return hub


def member_organization(account_id: str, region: str) -> Organization:
    organization = organization_for(account_id, region)
    if organization is None:
        raise AccessDeniedError("Your account is not a member of an organization")
    return organization


def managed_organization(account_id: str, region: str) -> Organization:
    organization = member_organization(account_id, region)
    if organization.tree.management_account_id != account_id:
        raise AccessDeniedError("Only the organization management account can do this")
    return organization


def administered_organization(account_id: str, region: str) -> Organization:
    organization = organization_for(account_id, region)
    if organization is None or not organization.is_administrator(account_id, region):
        raise InvalidAccessError(
            f"Account {account_id} is not an administrator for this organization"
        )
    return organization


def self_managed_hub(account_id: str, region: str) -> Hub:
    organization = organization_for(account_id, region)
    if organization and organization.governing_policy(account_id, region):
        raise AccessDeniedError(
            "This account is currently associated with a central configuration policy, "
            "so only the administrator can access this operation."
        )
    return hub_of(account_id, region)


def enable_hub(account_id: str, region: str, parameters: Mapping[str, Any]) -> None:
    hub = self_managed_hub(account_id, region)
    if hub.enabled_at:
        raise ResourceConflictError("Account is already subscribed to Security Hub")
    registry(get_partition(region)).switch(account_id, region, on=True)
    hub.tags = dict(parameters.get("Tags", {}))
    hub.control_finding_generator = parameters.get("ControlFindingGenerator", "SECURITY_CONTROL")


def disable_hub(account_id: str, region: str) -> None:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-management-type.html"""
    self_managed_hub(account_id, region)
    subscribed_hub(account_id, region)
    organization = organization_for(account_id, region)
    if organization and organization.is_administrator(account_id, region):
        raise InvalidInputError("Cannot disable Security Hub on the Security Hub administrator")
    if organization and organization.is_member(account_id, region):
        raise AccessDeniedError(
            f"Account {account_id} is a member of Security Hub administrator "
            f"{organization.settings.administrator}, which must disassociate it first"
        )
    registry(get_partition(region)).switch(account_id, region, on=False)


def enable_administrator(caller: str, region: str, administrator: str) -> None:
    """Refused, too, where the account is the administrator already.

    https://docs.aws.amazon.com/securityhub/latest/userguide/designate-orgs-admin-account.html
    """
    organization = managed_organization(caller, region)
    settings, tree = organization.settings, organization.tree
    if not tree.is_active(administrator):
        raise InvalidInputError(
            f"Account {administrator} is not an active member of this organization"
        )
    if organization.is_administrator(administrator, region):
        raise ResourceConflictError(f"Account {administrator} is already the administrator")
    # Whom Organizations knows must be taken there from its list; the management account is on none.
    registered = None if administrator == caller else tree.delegated_administrator()
    for known in (settings.administrator, registered):
        if known not in (None, administrator):
            raise ResourceConflictError(f"Account {known} is already the administrator")
    tree.delegate(administrator)
    settings.administrator = administrator
    settings.administrator_regions.add(region)
    organization.enroll(administrator, region)


def disable_administrator(caller: str, region: str, administrator: str) -> None:
    """In this Region alone; AWS Organizations keeps it as a delegated administrator.

    Its members stay as they are, on their own.
    https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html
    """
    organization = managed_organization(caller, region)
    settings = organization.settings
    if not organization.is_administrator(administrator, region):
        raise InvalidInputError(f"Account {administrator} is not the administrator")
    if organization.is_central:
        raise InvalidInputError("The administrator cannot be removed under central configuration")
    organization.settle()
    settings.regions.pop(region, None)
    settings.administrator_regions.discard(region)
    if not settings.administrator_regions:
        settings.administrator = None


def administrators(caller: str, region: str) -> list[str]:
    organization = member_organization(caller, region)
    settings = organization.settings
    if caller not in (organization.tree.management_account_id, settings.administrator):
        raise AccessDeniedError("Only the organization management account can do this")
    known = settings.administrator
    return [known] if known and region in settings.administrator_regions else []

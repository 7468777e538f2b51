"""Who administers Security Hub, how hubs are switched on, and where findings gather."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sandbox.services.security_hub.backend import (
    FindingAggregator,
    Hub,
    Organization,
    aggregator_of,
    hub_of,
    organization_for,
)
from sandbox.services.security_hub.errors import (
    AccessDeniedError,
    InvalidAccessError,
    InvalidInputError,
    ResourceConflictError,
    ResourceNotFoundError,
)

LINKING_MODES = ("ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS")
_MODES_WITH_REGIONS = ("ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS")


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
    hub.switch(on=True)
    hub.tags = dict(parameters.get("Tags", {}))
    hub.control_finding_generator = parameters.get("ControlFindingGenerator", "SECURITY_CONTROL")


def disable_hub(account_id: str, region: str) -> None:
    hub = self_managed_hub(account_id, region)
    subscribed_hub(account_id, region)
    organization = organization_for(account_id, region)
    if organization and organization.is_administrator(account_id, region):
        raise InvalidInputError("Cannot disable Security Hub on the Security Hub administrator")
    hub.switch(on=False)


def enable_administrator(caller: str, region: str, administrator: str) -> None:
    organization = managed_organization(caller, region)
    settings = organization.settings
    if administrator not in organization.tree.account_ids:
        raise InvalidInputError(f"Account {administrator} is not a member of this organization")
    if settings.administrator not in (None, administrator):
        raise ResourceConflictError(
            f"Account {settings.administrator} is already the administrator"
        )
    settings.administrator = administrator
    settings.administrator_regions.add(region)
    hub_of(administrator, region).switch(on=True)


def disable_administrator(caller: str, region: str, administrator: str) -> None:
    organization = managed_organization(caller, region)
    settings = organization.settings
    if settings.administrator != administrator or region not in settings.administrator_regions:
        raise InvalidInputError(f"Account {administrator} is not the administrator")
    if organization.is_central:
        raise InvalidInputError("The administrator cannot be removed under central configuration")
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


def update_organization(caller: str, region: str, parameters: Mapping[str, Any]) -> None:
    organization = administered_organization(caller, region)
    settings = organization.settings
    configuration = parameters.get("OrganizationConfiguration", {})
    kind = configuration.get("ConfigurationType", settings.configuration_type)
    standards = parameters.get("AutoEnableStandards", settings.auto_enable_standards)
    if kind == "CENTRAL":
        _check_central(organization, region, standards, auto_enable=parameters["AutoEnable"])
    else:
        _check_local(organization, auto_enable=parameters["AutoEnable"])
    settings.configuration_type = kind
    settings.auto_enable_standards = standards


def _check_central(
    organization: Organization, region: str, standards: str, *, auto_enable: bool
) -> None:
    if auto_enable or standards != "NONE":
        raise InvalidInputError(
            "Auto Enable and AutoEnableStandards can not be enabled for Central Configuration"
        )
    aggregator = organization.aggregator
    if aggregator is None or aggregator.home_region != region:
        raise InvalidInputError(
            "Central Configuration needs a finding aggregator and is set up in its home Region"
        )


def _check_local(organization: Organization, *, auto_enable: bool) -> None:
    if auto_enable:
        raise InvalidInputError(
            "The sandbox enables accounts by central configuration only: AutoEnable must be false"
        )
    if organization.settings.associations or organization.settings.policies:
        raise ResourceConflictError(
            "Disassociate and delete all configuration policies before disabling "
            "Central Configuration"
        )


def create_aggregator(caller: str, region: str, mode: str, regions: list[str]) -> FindingAggregator:
    hub = subscribed_hub(caller, region)
    organization = organization_for(caller, region)
    if organization and organization.settings.administrator not in (None, caller):
        raise AccessDeniedError("A member account cannot create a finding aggregator")
    if existing := aggregator_of(caller):
        raise InvalidInputError(f"The account already has the finding aggregator {existing.arn}")
    _check_linking(region, mode, regions)
    arn = f"arn:{hub.partition}:securityhub:{region}:{caller}:finding-aggregator/{uuid4()}"
    hub.aggregator = FindingAggregator(
        arn=arn, home_region=region, linking_mode=mode, regions=tuple(regions)
    )
    return hub.aggregator


def own_aggregator(caller: str, region: str, arn: str) -> FindingAggregator:
    subscribed_hub(caller, region)
    aggregator = aggregator_of(caller)
    if aggregator is None or aggregator.arn != arn:
        raise ResourceNotFoundError(f"Finding aggregator {arn} not found")
    return aggregator


def visible_aggregator(caller: str, region: str) -> FindingAggregator | None:
    """The caller's own aggregator, or that of the account that administers it."""
    subscribed_hub(caller, region)
    organization = organization_for(caller, region)
    return aggregator_of(caller) or (organization.aggregator if organization else None)


def update_aggregator(
    caller: str, region: str, arn: str, mode: str, regions: list[str]
) -> FindingAggregator:
    aggregator = _aggregator_at_home(caller, region, arn)
    _check_linking(region, mode, regions)
    if organization := organization_for(caller, region):
        organization.settle()
    aggregator.linking_mode = mode
    aggregator.regions = tuple(regions)
    return aggregator


def delete_aggregator(caller: str, region: str, arn: str) -> None:
    _aggregator_at_home(caller, region, arn)
    organization = organization_for(caller, region)
    if organization and organization.is_central:
        raise InvalidInputError(
            "The finding aggregator cannot be deleted under central configuration"
        )
    hub_of(caller, region).aggregator = None


def _aggregator_at_home(caller: str, region: str, arn: str) -> FindingAggregator:
    aggregator = own_aggregator(caller, region, arn)
    if aggregator.home_region != region:
        raise InvalidInputError(f"The home Region of {arn} is {aggregator.home_region}")
    return aggregator


def _check_linking(home_region: str, mode: str, regions: list[str]) -> None:
    if mode not in LINKING_MODES:
        raise InvalidInputError(f"RegionLinkingMode must be one of {', '.join(LINKING_MODES)}")
    if bool(regions) != (mode in _MODES_WITH_REGIONS):
        raise InvalidInputError(f"Regions do not fit RegionLinkingMode {mode}")
    if home_region in regions:
        raise InvalidInputError(f"The home Region {home_region} cannot be among Regions")

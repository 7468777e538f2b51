"""Local or central configuration of an organization, and the switch between them.

https://docs.aws.amazon.com/securityhub/latest/userguide/local-configuration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html
"""

from collections.abc import Mapping
from typing import Any

from sandbox.security_hub.administration import administered_organization
from sandbox.security_hub.errors import InvalidInputError, ResourceConflictError
from sandbox.security_hub.organization import Organization


def update_organization(caller: str, region: str, parameters: Mapping[str, Any]) -> None:
    organization = administered_organization(caller, region)
    configuration = parameters.get("OrganizationConfiguration", {})
    kind = configuration.get("ConfigurationType", organization.settings.configuration_type)
    organization.settle()
    if kind == "CENTRAL":
        _configure_centrally(organization, region, parameters)
    else:
        _configure_locally(organization, region, parameters)


def _configure_centrally(
    organization: Organization, region: str, parameters: Mapping[str, Any]
) -> None:
    settings, aggregator = organization.settings, organization.aggregator
    if parameters["AutoEnable"] or parameters.get("AutoEnableStandards", "NONE") != "NONE":
        raise InvalidInputError(
            "Auto Enable and AutoEnableStandards can not be enabled for Central Configuration"
        )
    if settings.administrator == organization.tree.management_account_id:
        raise InvalidInputError(
            "Central Configuration is not for the organization management account as administrator"
        )
    if aggregator is None or aggregator.home_region != region:
        raise InvalidInputError(
            "Central Configuration needs a finding aggregator and is set up in its home Region"
        )
    settings.configuration_type = "CENTRAL"
    organization.administer_covered_regions()


def _configure_locally(
    organization: Organization, region: str, parameters: Mapping[str, Any]
) -> None:
    """Auto-enable is for accounts that join from now on: those that are there are left alone."""
    settings, aggregator = organization.settings, organization.aggregator
    if settings.associations or settings.policies:
        raise ResourceConflictError(
            "Disassociate and delete all configuration policies before disabling "
            "Central Configuration"
        )
    if organization.is_central and (aggregator is None or aggregator.home_region != region):
        raise InvalidInputError("Central Configuration is disabled in the home Region")
    own = settings.regions[region]
    if parameters["AutoEnable"] and not own.auto_enable:
        own.seen = dict(organization.tree.accounts)
    own.auto_enable = parameters["AutoEnable"]
    own.auto_enable_standards = parameters.get("AutoEnableStandards", own.auto_enable_standards)
    settings.configuration_type = "LOCAL"

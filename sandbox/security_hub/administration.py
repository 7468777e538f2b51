"""Administrators, members and configuration of an organization in Security Hub.

https://docs.aws.amazon.com/securityhub/latest/userguide/designate-orgs-admin-account.html
https://docs.aws.amazon.com/securityhub/latest/userguide/local-configuration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/orgs-accounts-enable.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-disassociate.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.utilities.utils import get_partition

from sandbox.security_hub.errors import (
    HubAccessDeniedError,
    HubConflictError,
    InvalidAccessError,
    InvalidInputError,
    ResourceNotFoundError,
)
from sandbox.security_hub.organization import HubOrganization, hub_of, organization_for
from sandbox.security_hub.registry import DEFAULT_STANDARDS, Hub, registry
from sandbox.security_hub.requests import SecurityHubRequest, answer, page


def subscribed_hub(account_id: str, region: str) -> Hub:
    hub = hub_of(account_id, region)
    if not hub.enabled_at:
        raise InvalidAccessError(f"Account {account_id} is not subscribed to AWS Security Hub")
    return hub


def member_organization(account_id: str, region: str) -> HubOrganization:
    organization = organization_for(account_id, region)
    if organization is None:
        raise HubAccessDeniedError("Your account is not a member of an organization")
    return organization


def managed_organization(account_id: str, region: str) -> HubOrganization:
    organization = member_organization(account_id, region)
    if organization.tree.management_account_id != account_id:
        raise HubAccessDeniedError("Only the organization management account can do this")
    return organization


def administered_organization(account_id: str, region: str) -> HubOrganization:
    organization = organization_for(account_id, region)
    if organization is None or not organization.is_administrator(account_id, region):
        raise InvalidAccessError(
            f"Account {account_id} is not an administrator for this organization"
        )
    return organization


def self_managed_hub(account_id: str, region: str) -> Hub:
    organization = organization_for(account_id, region)
    if organization and organization.governing_policy(account_id, region):
        raise HubAccessDeniedError(
            "This account is currently associated with a central configuration policy, "
            "so only the administrator can access this operation."
        )
    return hub_of(account_id, region)


def enable_hub(account_id: str, region: str, parameters: Mapping[str, Any]) -> None:
    hub = self_managed_hub(account_id, region)
    if hub.enabled_at:
        raise HubConflictError("Account is already subscribed to Security Hub")
    registry(get_partition(region)).set_enabled(account_id, region, enabled=True)
    hub.tags = dict(parameters.get("Tags", {}))
    hub.control_finding_generator = parameters.get("ControlFindingGenerator", "SECURITY_CONTROL")
    enables_standards = parameters.get("EnableDefaultStandards", True)
    hub.standards = list(DEFAULT_STANDARDS if enables_standards else ())


def disable_hub(account_id: str, region: str) -> None:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-management-type.html"""
    hub = self_managed_hub(account_id, region)
    subscribed_hub(account_id, region)
    organization = organization_for(account_id, region)
    if organization and organization.is_administrator(account_id, region):
        raise InvalidInputError("Cannot disable Security Hub on the Security Hub administrator")
    if organization and organization.is_member(account_id, region):
        raise HubAccessDeniedError(
            f"Account {account_id} is a member of Security Hub administrator "
            f"{organization.settings.administrator}, which must disassociate it first"
        )
    registry(get_partition(region)).set_enabled(account_id, region, enabled=False)
    hub.standards.clear()


def enable_administrator(caller: str, region: str, administrator: str) -> None:
    """ResourceConflictException also where the account is the administrator already."""
    organization = managed_organization(caller, region)
    settings, tree = organization.settings, organization.tree
    if not tree.is_active(administrator):
        raise InvalidInputError(
            f"Account {administrator} is not an active member of this organization"
        )
    if organization.is_administrator(administrator, region):
        raise HubConflictError(f"Account {administrator} is already the administrator")
    # Organizations never registers the management account as a delegated administrator.
    registered = None if administrator == caller else tree.delegated_administrator()
    for known in (settings.administrator, registered):
        if known not in (None, administrator):
            raise HubConflictError(f"Account {known} is already the administrator")
    tree.delegate(administrator)
    settings.administrator = administrator
    settings.administrator_regions.add(region)
    organization.enroll(administrator, region)


def disable_administrator(caller: str, region: str, administrator: str) -> None:
    """Remove it in this Region only. AWS Organizations keeps the delegated administrator.

    The members keep their settings and become standalone accounts.
    https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html
    """
    organization = managed_organization(caller, region)
    settings = organization.settings
    if not organization.is_administrator(administrator, region):
        raise InvalidInputError(f"Account {administrator} is not the administrator")
    if organization.is_central:
        raise InvalidInputError("The administrator cannot be removed under central configuration")
    organization.save_hubs()
    settings.regions.pop(region, None)
    settings.administrator_regions.discard(region)
    if not settings.administrator_regions:
        settings.administrator = None


def administrators(caller: str, region: str) -> list[str]:
    organization = member_organization(caller, region)
    settings = organization.settings
    if caller not in (organization.tree.management_account_id, settings.administrator):
        raise HubAccessDeniedError("Only the organization management account can do this")
    known = settings.administrator
    return [known] if known and region in settings.administrator_regions else []


def update_organization(caller: str, region: str, parameters: Mapping[str, Any]) -> None:
    organization = administered_organization(caller, region)
    configuration = parameters.get("OrganizationConfiguration", {})
    kind = configuration.get("ConfigurationType", organization.settings.configuration_type)
    organization.save_hubs()
    if kind == "CENTRAL":
        _configure_centrally(organization, region, parameters)
    else:
        _configure_locally(organization, region, parameters)


def _configure_centrally(
    organization: HubOrganization, region: str, parameters: Mapping[str, Any]
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
    organization: HubOrganization, region: str, parameters: Mapping[str, Any]
) -> None:
    """Auto-enable applies to accounts that join later, not to existing ones."""
    settings, aggregator = organization.settings, organization.aggregator
    if settings.associations or settings.policies:
        raise HubConflictError(
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


type Refusals = dict[str, str]


def create_members(caller: str, region: str, account_ids: Sequence[str]) -> Refusals:
    """Enable Security Hub in the accounts and add them as members; the failures with reasons."""
    organization = administered_organization(caller, region)
    refused: Refusals = {}
    for account_id in account_ids:
        if reason := _refusal(organization, account_id, region):
            refused[account_id] = reason
        else:
            organization.enroll(account_id, region)
    return refused


def disassociate_members(caller: str, region: str, account_ids: Sequence[str]) -> None:
    """The accounts keep Security Hub enabled as standalone accounts."""
    organization = administered_organization(caller, region)
    for account_id in account_ids:
        organization.bring_up_to_date(account_id, region)
        if not organization.is_member(account_id, region):
            raise ResourceNotFoundError(f"Account {account_id} is not a member")
        if organization.governing_policy(account_id, region):
            raise HubAccessDeniedError(f"Account {account_id} is managed by a configuration policy")
    for account_id in account_ids:
        organization.settings.regions[region].members.pop(account_id, None)


def delete_members(caller: str, region: str, account_ids: Sequence[str]) -> Refusals:
    """DeleteMembers applies to invited accounts only; the sandbox supports no invitations."""
    administered_organization(caller, region)
    return dict.fromkeys(account_ids, "Accounts of an organization cannot be deleted")


def all_members(caller: str, region: str) -> list[str]:
    organization = administered_organization(caller, region)
    accounts = organization.tree.accounts
    for account_id in accounts:
        organization.bring_up_to_date(account_id, region)
    return [account_id for account_id in accounts if organization.is_member(account_id, region)]


def administrator_of(account_id: str, region: str) -> str | None:
    organization = organization_for(account_id, region)
    if organization is None or not organization.is_member(account_id, region):
        return None
    return organization.settings.administrator


def _refusal(organization: HubOrganization, account_id: str, region: str) -> str | None:
    tree = organization.tree
    if account_id not in tree.accounts:
        return "The account is not in the organization; the sandbox supports no invitations"
    if not tree.is_active(account_id):
        return "The account is suspended"
    if organization.is_administrator(account_id, region):
        return "The account is the administrator"
    if organization.governing_policy(account_id, region):
        return "The account is managed by a configuration policy"
    is_off = not organization.registry.is_enabled(account_id, region)
    if is_off and account_id == tree.management_account_id:
        return "The management account must enable Security Hub itself first"
    return None


_FEATURE = "SecurityHub"


class OrganizationOperations(SecurityHubRequest):
    def enable_organization_admin_account(self) -> ActionResult:
        administrator = self._admin_parameters()["AdminAccountId"]
        enable_administrator(*self.where, administrator)
        return answer(AdminAccountId=administrator, Feature=_FEATURE)

    def disable_organization_admin_account(self) -> ActionResult:
        disable_administrator(*self.where, self._admin_parameters()["AdminAccountId"])
        return answer()

    def list_organization_admin_accounts(self) -> ActionResult:
        accounts = administrators(*self.where)
        listed = [{"AccountId": account, "Status": "ENABLED"} for account in accounts]
        listed, more = page(listed, self._admin_parameters())
        return answer(AdminAccounts=listed, Feature=_FEATURE, **more)

    def describe_organization_configuration(self) -> ActionResult:
        settings = administered_organization(*self.where).settings
        own = settings.regions[self.region]
        return answer(
            AutoEnable=own.auto_enable,
            MemberAccountLimitReached=False,
            AutoEnableStandards=own.auto_enable_standards,
            OrganizationConfiguration={
                "ConfigurationType": settings.configuration_type,
                "Status": "ENABLED",
            },
        )

    def update_organization_configuration(self) -> ActionResult:
        update_organization(*self.where, self.parameters())
        return answer()

    def create_members(self) -> ActionResult:
        details = self.parameters()["AccountDetails"]
        refused = create_members(*self.where, [one["AccountId"] for one in details])
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def disassociate_members(self) -> ActionResult:
        disassociate_members(*self.where, self.parameters()["AccountIds"])
        return answer()

    def delete_members(self) -> ActionResult:
        refused = delete_members(*self.where, self.parameters()["AccountIds"])
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def list_members(self) -> ActionResult:
        listed, more = page(all_members(*self.where), self.parameters())
        return answer(Members=[self._member(account) for account in listed], **more)

    def get_members(self) -> ActionResult:
        wanted = self.parameters()["AccountIds"]
        known = set(all_members(*self.where))
        unknown = dict.fromkeys([one for one in wanted if one not in known], "Not a member")
        return answer(
            Members=[self._member(account) for account in wanted if account in known],
            UnprocessedAccounts=_unprocessed(unknown),
        )

    def get_administrator_account(self) -> ActionResult:
        subscribed_hub(*self.where)
        administrator = administrator_of(*self.where)
        relation = {"AccountId": administrator, "MemberStatus": "Enabled"}
        return answer(Administrator=relation if administrator else None)

    def _admin_parameters(self) -> dict[str, Any]:
        parameters = self.parameters()
        if parameters.get("Feature", _FEATURE) != _FEATURE:
            raise InvalidInputError(f"Feature: got {parameters['Feature']}, expected {_FEATURE}")
        return parameters

    def _member(self, account_id: str) -> dict[str, str]:
        return {
            "AccountId": account_id,
            "AdministratorId": self.current_account,
            "MasterId": self.current_account,
            "MemberStatus": "Enabled",
        }


def _unprocessed(refused: Refusals) -> list[dict[str, str]]:
    return [
        {"AccountId": account, "ProcessingResult": reason} for account, reason in refused.items()
    ]

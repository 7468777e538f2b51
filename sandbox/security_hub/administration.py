"""Administrators, members and configuration of an organization in Security Hub.

https://docs.aws.amazon.com/securityhub/latest/userguide/designate-orgs-admin-account.html
https://docs.aws.amazon.com/securityhub/latest/userguide/local-configuration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/orgs-accounts-enable.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-disassociate.html
"""

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.utilities.utils import get_partition

from sandbox.api_errors import UnmodeledError
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
from sandbox.security_hub.timing import timing

_FEATURE = "SecurityHub"


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


def _managed_organization(account_id: str, region: str) -> HubOrganization:
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


class OrganizationOperations(SecurityHubRequest):
    def enable_organization_admin_account(self) -> ActionResult:
        """ResourceConflictException also where the account is the administrator already."""
        administrator = self._admin_parameters()["AdminAccountId"]
        caller, region = self.where
        organization = _managed_organization(caller, region)
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
        if settings.administrator is None:
            settings.delegated_at = timing().now()
        settings.administrator = administrator
        settings.administrator_regions.add(region)
        organization.enroll(administrator, region)
        return answer(AdminAccountId=administrator, Feature=_FEATURE)

    def disable_organization_admin_account(self) -> ActionResult:
        """Remove it in this Region only. AWS Organizations keeps the delegated administrator.

        The members keep their settings and become standalone accounts.
        https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html
        """
        administrator = self._admin_parameters()["AdminAccountId"]
        organization = _managed_organization(*self.where)
        settings = organization.settings
        if not organization.is_administrator(administrator, self.region):
            raise InvalidInputError(f"Account {administrator} is not the administrator")
        if organization.is_central:
            raise InvalidInputError(
                "The administrator cannot be removed under central configuration"
            )
        organization.save_hubs()
        settings.regions.pop(self.region, None)
        settings.administrator_regions.discard(self.region)
        if not settings.administrator_regions:
            settings.administrator = None
        return answer()

    def list_organization_admin_accounts(self) -> ActionResult:
        organization = member_organization(*self.where)
        administrator = organization.settings.administrator
        if self.current_account not in (organization.tree.management_account_id, administrator):
            raise HubAccessDeniedError("Only the organization management account can do this")
        is_here = self.region in organization.settings.administrator_regions
        known = [{"AccountId": administrator, "Status": "ENABLED"}] if is_here else []
        listed, more = page(known, self._admin_parameters())
        return answer(AdminAccounts=listed, Feature=_FEATURE, **more)

    def describe_organization_configuration(self) -> ActionResult:
        settings = self._administered.settings
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
        parameters, organization = self.parameters(), self._administered
        configuration = parameters.get("OrganizationConfiguration", {})
        kind = configuration.get("ConfigurationType", organization.settings.configuration_type)
        organization.save_hubs()
        configure = _configure_centrally if kind == "CENTRAL" else _configure_locally
        configure(organization, self.region, parameters)
        return answer()

    def create_members(self) -> ActionResult:
        details, organization = self.parameters()["AccountDetails"], self._administered
        refused: dict[str, str] = {}
        for account_id in [one["AccountId"] for one in details]:
            if reason := _refusal(organization, account_id, self.region):
                refused[account_id] = reason
            else:
                organization.enroll(account_id, self.region)
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def disassociate_members(self) -> ActionResult:
        """The accounts keep Security Hub enabled as standalone accounts."""
        account_ids, organization = self.parameters()["AccountIds"], self._administered
        for account_id in account_ids:
            organization.bring_up_to_date(account_id, self.region)
            if not organization.is_member(account_id, self.region):
                raise ResourceNotFoundError(f"Account {account_id} is not a member")
            if organization.governing_policy(account_id, self.region):
                raise HubAccessDeniedError(
                    f"Account {account_id} is managed by a configuration policy"
                )
        for account_id in account_ids:
            organization.settings.regions[self.region].members.pop(account_id, None)
        return answer()

    def delete_members(self) -> ActionResult:
        """DeleteMembers applies to invited accounts only; the sandbox supports no invitations."""
        account_ids, _ = self.parameters()["AccountIds"], self._administered
        refused = dict.fromkeys(account_ids, "Accounts of an organization cannot be deleted")
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def list_members(self) -> ActionResult:
        listed, more = page(self._member_ids(), self.parameters())
        return answer(Members=[self._member(account) for account in listed], **more)

    def get_members(self) -> ActionResult:
        wanted = self.parameters()["AccountIds"]
        known = set(self._member_ids())
        unknown = dict.fromkeys([one for one in wanted if one not in known], "Not a member")
        return answer(
            Members=[self._member(account) for account in wanted if account in known],
            UnprocessedAccounts=_unprocessed(unknown),
        )

    def get_administrator_account(self) -> ActionResult:
        subscribed_hub(*self.where)
        organization = organization_for(*self.where)
        if organization is None or not organization.is_member(*self.where):
            return answer()
        administrator = organization.settings.administrator
        return answer(Administrator={"AccountId": administrator, "MemberStatus": "Enabled"})

    @property
    def _administered(self) -> HubOrganization:
        return administered_organization(*self.where)

    def _member_ids(self) -> list[str]:
        organization = self._administered
        accounts = organization.tree.accounts
        for account_id in accounts:
            organization.bring_up_to_date(account_id, self.region)
        return [account for account in accounts if organization.is_member(account, self.region)]

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


def _unprocessed(refused: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"AccountId": account, "ProcessingResult": reason} for account, reason in refused.items()
    ]


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
    _require_synchronized_data(organization)
    settings.configuration_type = "CENTRAL"
    organization.administer_covered_regions()


def _require_synchronized_data(organization: HubOrganization) -> None:
    """Security Hub reads the organization's accounts and units after the delegation."""
    chosen = timing()
    elapsed = chosen.now() - organization.settings.delegated_at
    if elapsed < chosen.sync_seconds:
        is_first_half = elapsed < chosen.sync_seconds / 2
        raise UnmodeledError(
            chosen.sync_codes[0 if is_first_half else 1],
            "Central configuration couldn't be enabled because data from organization "
            f"{organization.tree.id} is still syncing. Retry later.",
        )


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
    return organization.restriction(account_id, region)

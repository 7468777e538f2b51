"""What becomes of an account's hub in an organization: policies, auto-enable, membership.

Nothing needs to run when an account joins or moves: each call looks up what holds at that moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from moto.organizations.models import FakeAccount
from moto.utilities.utils import get_partition

from sandbox.security_hub.organization_tree import OrganizationTree, organization_of
from sandbox.security_hub.registry import (
    Association,
    ConfigurationPolicy,
    FindingAggregator,
    Hub,
    OrganizationSettings,
    Registry,
    regions_of,
    registry,
)


@dataclass(frozen=True, slots=True)
class Organization:
    tree: OrganizationTree
    settings: OrganizationSettings
    registry: Registry

    @property
    def aggregator(self) -> FindingAggregator | None:
        administrator = self.settings.administrator
        return self.registry.aggregators.get(administrator) if administrator else None

    @property
    def is_central(self) -> bool:
        return self.settings.configuration_type == "CENTRAL"

    @property
    def covered_regions(self) -> list[str]:
        """The home Region and those that are linked to it."""
        aggregator = self.aggregator
        if aggregator is None:
            return []
        regions = regions_of(get_partition(aggregator.home_region))
        return [region for region in regions if aggregator.covers(region)]

    def is_administrator(self, account_id: str, region: str) -> bool:
        settings = self.settings
        return settings.administrator == account_id and region in settings.administrator_regions

    def is_member(self, account_id: str, region: str) -> bool:
        """Does the administrator see the account's findings in this Region?"""
        known = self.settings.regions[region].members.get(account_id)
        return known is not None and known is self.tree.accounts.get(account_id)

    def enroll(self, account_id: str, region: str) -> None:
        """Switch the hub on, and make the account a member; its administrator is none."""
        self.registry.switch(account_id, region, on=True)
        account, settings = self.tree.accounts[account_id], self.settings.regions[region]
        settings.seen[account_id] = account
        if not self.is_administrator(account_id, region):
            settings.members[account_id] = account

    def hub(self, account_id: str, region: str) -> Hub:
        self.bring_up_to_date(account_id, region)
        return self.registry.hub(account_id, region)

    def bring_up_to_date(self, account_id: str, region: str) -> None:
        """Switch the hub as policy or auto-enable have it now; a suspended account's is left."""
        if not self.tree.is_active(account_id):
            return
        policy = self.governing_policy(account_id, region)
        if policy is None:
            if self._is_newcomer(self.tree.accounts[account_id], region):
                self.enroll(account_id, region)
        elif policy.service_enabled:
            self.enroll(account_id, region)
        elif not self.is_administrator(account_id, region):
            # A policy that disables the service skips the administrator.
            # https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policies-overview.html
            self.registry.switch(account_id, region, on=False)

    def governing_policy(self, account_id: str, region: str) -> ConfigurationPolicy | None:
        """The policy that decides on an account's hub in a Region; None if self-managed."""
        effective = self.effective_association(account_id)
        if effective is None or self.aggregator is None or not self.aggregator.covers(region):
            return None
        if account_id == self.tree.management_account_id and not self.is_member(account_id, region):
            return None
        return self.settings.policies.get(effective[1].policy_id)

    def effective_association(self, target_id: str) -> tuple[str, Association] | None:
        """The closest association, and the target that it was made on."""
        associations = self.settings.associations
        for ancestor in self.tree.lineage(target_id) if associations else ():
            if ancestor in associations:
                return ancestor, associations[ancestor]
        return None

    def administer_covered_regions(self) -> None:
        """Central configuration appoints the administrator in all Regions that it covers.

        Accounts whose hub is on become its members there, and auto-enable ends.
        https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html
        """
        settings = self.settings
        assert settings.administrator  # noqa: S101  who else would configure centrally
        for region in self.covered_regions:
            settings.administrator_regions.add(region)
            settings.regions[region].auto_enable = False
            settings.regions[region].auto_enable_standards = "NONE"
            self.enroll(settings.administrator, region)
            for account_id in self.tree.accounts:
                if self.registry.is_enabled(account_id, region):
                    self.enroll(account_id, region)

    def settle(self, account_ids: Iterable[str] | None = None) -> None:
        """Write the present state of hubs down, before what decides on it changes.

        An account that loses its policy, or leaves, keeps the settings that it had.
        https://docs.aws.amazon.com/securityhub/latest/userguide/disassociate-policy.html
        https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-data-retention.html
        """
        regions = list(self.settings.regions.items())
        enabling = [region for region, settings in regions if settings.auto_enable]
        deciding = {*self.covered_regions, *enabling} if self.settings.associations else enabling
        for account_id in self.tree.accounts if account_ids is None else account_ids:
            for region in deciding:
                self.bring_up_to_date(account_id, region)

    def _is_newcomer(self, account: FakeAccount, region: str) -> bool:
        """Did the account join after auto-enable was switched on in this Region?"""
        settings = self.settings.regions[region]
        return settings.auto_enable and settings.seen.get(account.id) is not account


def organization_for(account_id: str, region: str) -> Organization | None:
    return organization_in(account_id, get_partition(region))


def organization_in(account_id: str, partition: str) -> Organization | None:
    tree = organization_of(account_id, partition)
    if tree is None:
        return None
    known = registry(partition)
    settings = known.organization(tree.management_account_id, tree.id)
    organization = Organization(tree, settings, known)
    if settings.administrator not in (
        None,
        tree.management_account_id,
        tree.delegated_administrator(),
    ):
        _dismiss_administrator(organization)
    return organization


def hub_of(account_id: str, region: str) -> Hub:
    """The hub as the organization has it at this moment."""
    if organization := organization_for(account_id, region):
        return organization.hub(account_id, region)
    return registry(get_partition(region)).hub(account_id, region)


def _dismiss_administrator(organization: Organization) -> None:
    """Whom Organizations does not register any more is no administrator in any Region.

    https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html
    """
    organization.settle()
    settings = organization.settings
    settings.administrator = None
    settings.configuration_type = "LOCAL"
    for known in (
        settings.administrator_regions,
        settings.associations,
        settings.policies,
        settings.regions,
    ):
        known.clear()

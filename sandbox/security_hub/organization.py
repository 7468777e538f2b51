"""Organizations as Security Hub sees them: accounts, policies, auto-enable and membership.

Nothing runs when an account joins or moves: each call looks up what applies at that moment.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from moto.organizations.models import (
    FakeAccount,
    FakeDelegatedAdministrator,
    FakeOrganizationalUnit,
    OrganizationsBackend,
    organizations_backends,
)
from moto.utilities.utils import get_partition

from sandbox.iam.control_policies import Levels, decide_by, levels_of
from sandbox.security_hub.registry import (
    Association,
    FindingAggregator,
    Hub,
    HubPolicy,
    OrganizationSettings,
    Registry,
    regions_of,
    registry,
)

PRINCIPAL = "securityhub.amazonaws.com"


@dataclass(frozen=True, slots=True)
class AccountTree:
    """Roots, units and accounts at one moment; valid for the duration of one call."""

    id: str
    management_account_id: str
    accounts: Mapping[str, FakeAccount]
    units: Mapping[str, FakeOrganizationalUnit]
    _backend: OrganizationsBackend
    _parents: Mapping[str, str] = field(default_factory=dict)  # in place of the current ones

    @property
    def target_ids(self) -> list[str]:
        return [*self.units, *self.accounts]

    def target_type(self, target_id: str) -> str | None:
        node = self._node(target_id)
        return str(node.type) if node else None

    def path_to_root(self, target_id: str) -> Iterator[str]:
        """The target and its ancestors up to the root."""
        node = self._node(target_id)
        while node is not None:
            yield node.id
            parent = self._parents.get(node.id, node.parent_id)
            node = self.units.get(parent) if parent else None

    def with_account_in(self, account_id: str, unit_id: str) -> Self:
        """The tree before the account moved out of that unit."""
        return replace(self, _parents={account_id: unit_id})

    def is_active(self, account_id: str) -> bool:
        return account_id in self.accounts and self.accounts[account_id].status == "ACTIVE"

    def control_policies(self, account_id: str) -> Levels:
        """From the account to the root; empty where nothing limits the account."""
        if account_id == self.management_account_id:
            return ()
        nodes = (self._node(one) for one in self.path_to_root(account_id))
        return levels_of(node for node in nodes if node is not None)

    def delegated_administrator(self) -> str | None:
        """The delegated administrator for Security Hub."""
        for admin in self._backend.admins:
            if PRINCIPAL in admin.services and admin.account.id in self.accounts:
                return str(admin.account.id)
        return None

    def delegate(self, account_id: str) -> None:
        """Enable trusted access and register the delegated administrator, as Security Hub does.

        Organizations does not register the management account.
        https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-securityhub.html
        """
        self._backend.enable_aws_service_access(ServicePrincipal=PRINCIPAL)
        if account_id in (self.management_account_id, self.delegated_administrator()):
            return
        if PRINCIPAL not in FakeDelegatedAdministrator.SUPPORTED_SERVICES:
            FakeDelegatedAdministrator.SUPPORTED_SERVICES.append(PRINCIPAL)
        self._backend.register_delegated_administrator(
            AccountId=account_id, ServicePrincipal=PRINCIPAL
        )

    def _node(self, target_id: str) -> FakeAccount | FakeOrganizationalUnit | None:
        return self.accounts.get(target_id) or self.units.get(target_id)


def organization_of(account_id: str, partition: str) -> AccountTree | None:
    """None for a standalone account."""
    backend = organizations_backends[account_id][partition]
    if backend.org is None:
        # moto keeps this mapping through a reset, so it may be stale.
        management, _ = organizations_backends.master_accounts.get(
            account_id, (account_id, partition)
        )
        backend = organizations_backends[management][partition]
    accounts = {account.id: account for account in backend.accounts}
    if backend.org is None or account_id not in accounts:
        return None
    units = {unit.id: unit for unit in backend.ou}
    return AccountTree(backend.org.id, backend.org.master_account_id, accounts, units, backend)


@dataclass(frozen=True, slots=True)
class HubOrganization:
    tree: AccountTree
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
        """The home Region and the linked Regions."""
        aggregator = self.aggregator
        if aggregator is None:
            return []
        regions = regions_of(get_partition(aggregator.home_region))
        return [region for region in regions if aggregator.covers(region)]

    def is_administrator(self, account_id: str, region: str) -> bool:
        settings = self.settings
        return settings.administrator == account_id and region in settings.administrator_regions

    def is_member(self, account_id: str, region: str) -> bool:
        """Whether the administrator sees the findings of the account in this Region."""
        known = self.settings.regions[region].members.get(account_id)
        return known is not None and known is self.tree.accounts.get(account_id)

    def enroll(self, account_id: str, region: str) -> None:
        """Enable the hub and add the account as a member, unless it is the administrator."""
        self.registry.set_enabled(account_id, region, enabled=True)
        account, settings = self.tree.accounts[account_id], self.settings.regions[region]
        settings.seen[account_id] = account
        if not self.is_administrator(account_id, region):
            settings.members[account_id] = account

    def restriction(self, account_id: str, region: str) -> str | None:
        """Why service control policies do not let Security Hub be enabled in the account."""
        if self.registry.is_enabled(account_id, region):
            return None
        levels = self.tree.control_policies(account_id)
        if not levels:
            return None
        prefix = f"arn:{get_partition(region)}:securityhub:{region}:{account_id}"
        principal = f"arn:{get_partition(region)}:sts::{account_id}:assumed-role/SecurityHub/hub"
        action = "securityhub:EnableSecurityHub"
        decision = decide_by(levels, account_id, principal, action, f"{prefix}:hub/default")
        return None if decision.allowed else f"{action} {decision.clause}"

    def hub(self, account_id: str, region: str) -> Hub:
        self.bring_up_to_date(account_id, region)
        return self.registry.hub(account_id, region)

    def bring_up_to_date(self, account_id: str, region: str) -> None:
        """Enable or disable the hub by policy or auto-enable; suspended accounts keep theirs."""
        if not self.tree.is_active(account_id):
            return
        if self.restriction(account_id, region):
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
            self.registry.set_enabled(account_id, region, enabled=False)

    def governing_policy(self, account_id: str, region: str) -> HubPolicy | None:
        """The policy for the account's hub in a Region; None if self-managed."""
        effective = self.effective_association(account_id)
        if effective is None or self.aggregator is None or not self.aggregator.covers(region):
            return None
        if account_id == self.tree.management_account_id and not self.is_member(account_id, region):
            return None
        return self.settings.policies.get(effective[1].policy_id)

    def effective_association(self, target_id: str) -> tuple[str, Association] | None:
        """The closest association and its target."""
        associations = self.settings.associations
        for ancestor in self.tree.path_to_root(target_id) if associations else ():
            if ancestor in associations:
                return ancestor, associations[ancestor]
        return None

    def administer_covered_regions(self) -> None:
        """Central configuration applies to the administrator in all Regions that it covers.

        Accounts with an enabled hub become members there, and auto-enable ends.
        https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html
        """
        settings = self.settings
        assert settings.administrator  # noqa: S101  only an administrator configures centrally
        for region in self.covered_regions:
            settings.administrator_regions.add(region)
            settings.regions[region].auto_enable = False
            settings.regions[region].auto_enable_standards = "NONE"
            self.enroll(settings.administrator, region)
            for account_id in self.tree.accounts:
                if self.registry.is_enabled(account_id, region):
                    self.enroll(account_id, region)

    def save_hubs(self, account_ids: Iterable[str] | None = None) -> None:
        """Save the current state of hubs before policies, auto-enable or membership change.

        An account that loses its policy or leaves keeps its settings.
        https://docs.aws.amazon.com/securityhub/latest/userguide/disassociate-policy.html
        https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-data-retention.html
        """
        regions = list(self.settings.regions.items())
        enabling = [region for region, settings in regions if settings.auto_enable]
        affected = {*self.covered_regions, *enabling} if self.settings.associations else enabling
        for account_id in self.tree.accounts if account_ids is None else account_ids:
            for region in affected:
                self.bring_up_to_date(account_id, region)

    def _is_newcomer(self, account: FakeAccount, region: str) -> bool:
        """Whether the account joined after auto-enable was turned on in this Region."""
        settings = self.settings.regions[region]
        return settings.auto_enable and settings.seen.get(account.id) is not account


def organization_for(account_id: str, region: str) -> HubOrganization | None:
    return organization_in(account_id, get_partition(region))


def organization_in(account_id: str, partition: str) -> HubOrganization | None:
    tree = organization_of(account_id, partition)
    if tree is None:
        return None
    known = registry(partition)
    settings = known.organization(tree.management_account_id, tree.id)
    organization = HubOrganization(tree, settings, known)
    if settings.administrator not in (
        None,
        tree.management_account_id,
        tree.delegated_administrator(),
    ):
        _remove_administrator(organization)
    return organization


def hub_of(account_id: str, region: str) -> Hub:
    """The hub in its current state."""
    if organization := organization_for(account_id, region):
        return organization.hub(account_id, region)
    return registry(get_partition(region)).hub(account_id, region)


def _remove_administrator(organization: HubOrganization) -> None:
    """An account that Organizations has deregistered is not the administrator in any Region.

    https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html
    """
    organization.save_hubs()
    settings = organization.settings
    settings.administrator = None
    settings.configuration_type = "LOCAL"
    for stale in (
        settings.administrator_regions,
        settings.associations,
        settings.policies,
        settings.regions,
    ):
        stale.clear()

"""Security Hub's state: one hub an account and Region, and the settings of each organization.

moto's reset clears both, as they are registered like moto's own backends.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from moto.core.base_backend import BackendDict, BaseBackend
from moto.utilities.utils import PARTITION_NAMES, get_partition

from sandbox.services.security_hub.finding_store import FindingStore
from sandbox.services.security_hub.organization_tree import OrganizationTree, organization_of
from sandbox.services.security_hub.timestamps import now

SELF_MANAGED = "SELF_MANAGED_SECURITY_HUB"


@dataclass(slots=True, kw_only=True)
class FindingAggregator:
    arn: str
    home_region: str
    linking_mode: str
    regions: tuple[str, ...]

    def covers(self, region: str) -> bool:
        """Is the Region the home Region, or linked to it?"""
        if region == self.home_region:
            return True
        match self.linking_mode:
            case "ALL_REGIONS":
                return get_partition(region) == get_partition(self.home_region)
            case "ALL_REGIONS_EXCEPT_SPECIFIED":
                return region not in self.regions
            case _:
                return region in self.regions


@dataclass(slots=True, kw_only=True)
class ConfigurationPolicy:
    arn: str
    id: str
    name: str
    description: str | None
    content: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def service_enabled(self) -> bool:
        return bool(self.content["SecurityHub"]["ServiceEnabled"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    policy_id: str
    updated_at: datetime


class Hub(BaseBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.enabled_at: str | None = None
        self.auto_enable_controls = True
        self.control_finding_generator = "SECURITY_CONTROL"
        self.tags: dict[str, str] = {}
        self.aggregator: FindingAggregator | None = None
        self.findings = FindingStore()

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:securityhub:{self.region_name}:{self.account_id}:hub/default"

    def switch(self, *, on: bool) -> None:
        self.enabled_at = (self.enabled_at or now()) if on else None


class OrganizationSettings(BaseBackend):
    """What an organization has set up in Security Hub; kept under its management account."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.organization_id: str | None = None
        self.administrator: str | None = None
        self.administrator_regions: set[str] = set()
        self.configuration_type: Literal["CENTRAL", "LOCAL"] = "LOCAL"
        self.auto_enable_standards = "DEFAULT"
        self.policies: dict[str, ConfigurationPolicy] = {}
        self.associations: dict[str, Association] = {}


hub_backends = BackendDict(Hub, "securityhub")
organization_backends = BackendDict(
    OrganizationSettings,
    "securityhub",
    use_boto3_regions=False,
    additional_regions=PARTITION_NAMES,
)


@dataclass(frozen=True, slots=True)
class Organization:
    tree: OrganizationTree
    settings: OrganizationSettings

    @property
    def aggregator(self) -> FindingAggregator | None:
        administrator = self.settings.administrator
        return aggregator_of(administrator) if administrator else None

    @property
    def is_central(self) -> bool:
        return self.settings.configuration_type == "CENTRAL"

    def is_administrator(self, account_id: str, region: str) -> bool:
        regions = self.settings.administrator_regions
        linked = self.is_central and self.aggregator is not None and self.aggregator.covers(region)
        return self.settings.administrator == account_id and (region in regions or linked)

    def effective_association(self, target_id: str) -> tuple[str, Association] | None:
        """The closest association, and the target that it was made on."""
        for ancestor in self.tree.lineage(target_id):
            if ancestor in self.settings.associations:
                return ancestor, self.settings.associations[ancestor]
        return None

    def governing_policy(self, account_id: str, region: str) -> ConfigurationPolicy | None:
        """The policy that decides on an account's hub in a Region; None if self-managed."""
        effective = self.effective_association(account_id)
        if effective is None or self.aggregator is None or not self.aggregator.covers(region):
            return None
        return self.settings.policies.get(effective[1].policy_id)

    def settle(self) -> None:
        """Write every hub's present state down, before the policy that decides on it goes.

        A target without a policy retains the settings that it had, and becomes self-managed.
        https://docs.aws.amazon.com/securityhub/latest/userguide/disassociate-policy.html
        """
        for account_id in self.tree.account_ids:
            for region in hub_backends[account_id].regions:
                if self.governing_policy(account_id, region):
                    hub_of(account_id, region)


def organization_for(account_id: str, region: str) -> Organization | None:
    tree = organization_of(account_id, get_partition(region))
    if tree is None:
        return None
    settings = organization_backends[tree.management_account_id][get_partition(region)]
    if settings.organization_id != tree.id:
        settings.reset()
        settings.organization_id = tree.id
    return Organization(tree, settings)


def hub_of(account_id: str, region: str) -> Hub:
    """The hub as the organization's policies have it at this moment.

    Nothing needs to run when an account joins or moves: the policy is looked up on each call.
    """
    hub = hub_backends[account_id][region]
    organization = organization_for(account_id, region)
    policy = organization.governing_policy(account_id, region) if organization else None
    if organization and policy:
        # Security Hub stays on in the account that administers it.
        is_administrator = organization.settings.administrator == account_id
        hub.switch(on=policy.service_enabled or is_administrator)
    return hub


def aggregator_of(account_id: str) -> FindingAggregator | None:
    hubs = tuple(hub_backends[account_id].values())
    return next((hub.aggregator for hub in hubs if hub.aggregator), None)


def visible_hubs(account_id: str, region: str) -> Iterator[Hub]:
    """The hubs whose findings an account sees: its own, its members', linked Regions'."""
    organization = organization_for(account_id, region)
    accounts, aggregator = [account_id], aggregator_of(account_id)
    if organization and organization.is_central:
        aggregator = organization.aggregator
        if organization.is_administrator(account_id, region):
            accounts = organization.tree.account_ids
    covered = aggregator if aggregator and aggregator.home_region == region else None
    for account in accounts:
        # A Region whose hub nobody has touched holds no finding.
        for candidate in {region, *hub_backends[account].keys()}:
            if candidate == region or (covered and covered.covers(candidate)):
                hub = hub_of(account, candidate)
                if hub.enabled_at:
                    yield hub

"""Security Hub's state: a hub for each account and Region, and settings for each organization."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

import boto3
from moto.core.base_backend import BackendDict, BaseBackend
from moto.organizations.models import FakeAccount
from moto.utilities.utils import PARTITION_NAMES, get_partition

from sandbox.security_hub.conformance import now
from sandbox.security_hub.findings import FindingStore

# By the part of their ARNs that is the same in each Region.
STANDARDS = (
    "ruleset/cis-aws-foundations-benchmark/v/1.2.0",
    "standards/aws-foundational-security-best-practices/v/1.0.0",
    "standards/cis-aws-foundations-benchmark/v/3.0.0",
    "standards/pci-dss/v/4.0.1",
)
DEFAULT_STANDARDS = STANDARDS[:2]
SELF_MANAGED = "SELF_MANAGED_SECURITY_HUB"
_ALL_ACCOUNTS = "000000000000"  # moto keeps state by account; this state spans accounts


@cache
def regions_of(partition: str) -> frozenset[str]:
    return frozenset(boto3.Session().get_available_regions("securityhub", partition))


@dataclass(slots=True, kw_only=True)
class FindingAggregator:
    arn: str
    home_region: str
    linking_mode: str
    regions: tuple[str, ...]

    def covers(self, region: str) -> bool:
        """Whether the Region is the home Region or linked to it."""
        if region == self.home_region:
            return True
        match self.linking_mode:
            case "ALL_REGIONS":
                return True
            case "ALL_REGIONS_EXCEPT_SPECIFIED":
                return region not in self.regions
            case _:
                return region in self.regions


@dataclass(slots=True, kw_only=True)
class HubPolicy:
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
    started_at: float  # by the clock of Timing
    failed: frozenset[str] = frozenset()  # accounts where the association failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    arn: str
    name: str
    filters: Mapping[str, Any]
    group_by: str


@dataclass(slots=True)
class Hub:
    account_id: str
    region: str
    _enabled: dict[tuple[str, str], str]
    auto_enable_controls: bool = True
    control_finding_generator: str = "SECURITY_CONTROL"
    tags: dict[str, str] = field(default_factory=dict)
    findings: FindingStore = field(default_factory=FindingStore)
    insights: dict[str, Insight] = field(default_factory=dict)
    standards: list[str] = field(default_factory=list)

    @property
    def arn_prefix(self) -> str:
        return f"arn:{get_partition(self.region)}:securityhub:{self.region}:{self.account_id}"

    @property
    def arn(self) -> str:
        return f"{self.arn_prefix}:hub/default"

    @property
    def enabled_at(self) -> str | None:
        return self._enabled.get((self.account_id, self.region))


@dataclass(slots=True)
class RegionSettings:
    """The administrator's settings in one Region.

    The values are the account objects of AWS Organizations, so that an account that left and
    joined again counts as a new one.
    """

    auto_enable: bool = False
    auto_enable_standards: str = "DEFAULT"
    seen: dict[str, FakeAccount] = field(default_factory=dict)  # auto-enable does not apply
    members: dict[str, FakeAccount] = field(default_factory=dict)


@dataclass(slots=True)
class OrganizationSettings:
    organization_id: str
    administrator: str | None = None
    administrator_regions: set[str] = field(default_factory=set)
    delegated_at: float = -math.inf  # by the clock of Timing
    configuration_type: Literal["CENTRAL", "LOCAL"] = "LOCAL"
    policies: dict[str, HubPolicy] = field(default_factory=dict)
    associations: dict[str, Association] = field(default_factory=dict)
    regions: defaultdict[str, RegionSettings] = field(
        default_factory=lambda: defaultdict(RegionSettings)
    )


class Registry(BaseBackend):
    """The state of one partition; moto's reset clears it."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.aggregators: dict[str, FindingAggregator] = {}
        self._organizations: dict[str, OrganizationSettings] = {}
        self._hubs: dict[tuple[str, str], Hub] = {}
        # The times, apart from the hubs, most of which are never read.
        self._enabled: dict[tuple[str, str], str] = {}

    def hub(self, account_id: str, region: str) -> Hub:
        where = account_id, region
        return self._hubs.get(where) or self._hubs.setdefault(where, Hub(*where, self._enabled))

    def hubs_with_findings(self) -> list[Hub]:
        return [hub for hub in list(self._hubs.values()) if len(hub.findings)]

    def is_enabled(self, account_id: str, region: str) -> bool:
        return (account_id, region) in self._enabled

    def set_enabled(self, account_id: str, region: str, *, enabled: bool) -> None:
        if enabled:
            self._enabled.setdefault((account_id, region), now())
        else:
            self._enabled.pop((account_id, region), None)

    def organization(
        self, management_account_id: str, organization_id: str
    ) -> OrganizationSettings:
        """The settings of an organization; a new organization starts with new ones."""
        known = self._organizations.get(management_account_id)
        if known is None or known.organization_id != organization_id:
            known = OrganizationSettings(organization_id)
            self._organizations[management_account_id] = known
        return known


_registries = BackendDict(
    Registry, "securityhub", use_boto3_regions=False, additional_regions=PARTITION_NAMES
)


def registry(partition: str) -> Registry:
    found: Registry = _registries[_ALL_ACCOUNTS][partition]
    return found

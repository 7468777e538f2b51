"""Cross-Region aggregation, and the findings that an account sees through it.

https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation.html
"""

from collections.abc import Iterator
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.utilities.utils import get_partition

from sandbox.security_hub.administration import subscribed_hub
from sandbox.security_hub.errors import InvalidInputError, ResourceNotFoundError
from sandbox.security_hub.findings import AsffFinding
from sandbox.security_hub.organization import HubOrganization, organization_for
from sandbox.security_hub.registry import FindingAggregator, Hub, regions_of, registry
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

LINKING_MODES = ("ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS")
_MODES_WITH_REGIONS = ("ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS")
# Disabled by default in an account; none of them can be the home Region.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
OPT_IN_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)


def create_aggregator(caller: str, region: str, mode: str, regions: list[str]) -> FindingAggregator:
    hub = subscribed_hub(caller, region)
    organization = organization_for(caller, region)
    if organization and organization.is_member(caller, region):
        raise InvalidInputError("A finding aggregator cannot be created by a member account.")
    aggregators = registry(get_partition(region)).aggregators
    if existing := aggregators.get(caller):
        raise InvalidInputError(f"The account already has the finding aggregator {existing.arn}")
    if region in OPT_IN_REGIONS:
        raise InvalidInputError(f"{region} is an opt-in Region and cannot be the home Region")
    _check_linking(region, mode, regions)
    aggregators[caller] = FindingAggregator(
        arn=f"{hub.arn_prefix}:finding-aggregator/{uuid4()}",
        home_region=region,
        linking_mode=mode,
        regions=tuple(regions),
    )
    return aggregators[caller]


def own_aggregator(caller: str, region: str, arn: str) -> FindingAggregator:
    subscribed_hub(caller, region)
    aggregator = registry(get_partition(region)).aggregators.get(caller)
    if aggregator is None or aggregator.arn != arn:
        raise ResourceNotFoundError(f"AsffFinding aggregator {arn} not found")
    return aggregator


def visible_aggregator(caller: str, region: str) -> FindingAggregator | None:
    """The caller's own aggregator, or that of the account that administers it."""
    subscribed_hub(caller, region)
    return _aggregator_for(organization_for(caller, region), caller, region)


def update_aggregator(
    caller: str, region: str, arn: str, mode: str, regions: list[str]
) -> FindingAggregator:
    aggregator = _aggregator_at_home(caller, region, arn)
    _check_linking(region, mode, regions)
    organization = organization_for(caller, region)
    if organization:
        organization.save_hubs()
    aggregator.linking_mode = mode
    aggregator.regions = tuple(regions)
    if organization and organization.is_central:
        organization.administer_covered_regions()
    return aggregator


def delete_aggregator(caller: str, region: str, arn: str) -> None:
    _aggregator_at_home(caller, region, arn)
    organization = organization_for(caller, region)
    if organization and organization.is_central:
        raise InvalidInputError(
            "The finding aggregator cannot be deleted under central configuration"
        )
    del registry(get_partition(region)).aggregators[caller]


def visible_findings(caller: str, region: str) -> Iterator[AsffFinding]:
    """The findings of the account and its members, in the home Region also of linked Regions."""
    organization, known = organization_for(caller, region), registry(get_partition(region))
    aggregator = _aggregator_for(organization, caller, region)
    is_home = aggregator is not None and aggregator.home_region == region
    for hub in known.hubs_with_findings():
        where = hub.account_id, hub.region
        is_linked = aggregator is not None and is_home and aggregator.covers(hub.region)
        if hub.region != region and not is_linked:
            continue
        if _sees(organization, caller, region, hub):
            if organization:
                organization.bring_up_to_date(*where)
            if known.is_enabled(*where):
                yield from hub.findings


def _sees(organization: HubOrganization | None, caller: str, region: str, hub: Hub) -> bool:
    """An administrator sees its members. A member sees itself in Regions where it is a member."""
    if organization is None:
        return hub.account_id == caller
    if hub.account_id == caller:
        is_member = organization.is_member(caller, region)
        return not is_member or organization.is_member(caller, hub.region)
    is_administrator = organization.is_administrator(caller, hub.region)
    return is_administrator and organization.is_member(hub.account_id, hub.region)


def _aggregator_for(
    organization: HubOrganization | None, caller: str, region: str
) -> FindingAggregator | None:
    if organization and organization.is_member(caller, region):
        return organization.aggregator
    return registry(get_partition(region)).aggregators.get(caller)


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
    if unknown := sorted(set(regions) - regions_of(get_partition(home_region))):
        raise InvalidInputError(f"Regions without Security Hub: {', '.join(unknown)}")


class AggregatorOperations(SecurityHubRequest):
    def create_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = create_aggregator(
            *self.where, parameters["RegionLinkingMode"], parameters.get("Regions", [])
        )
        return _aggregator(aggregator)

    def get_finding_aggregator(self) -> ActionResult:
        arn = self.parameters()["FindingAggregatorArn"]
        return _aggregator(own_aggregator(*self.where, arn))

    def update_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = update_aggregator(
            *self.where,
            parameters["FindingAggregatorArn"],
            parameters["RegionLinkingMode"],
            parameters.get("Regions", []),
        )
        return _aggregator(aggregator)

    def delete_finding_aggregator(self) -> ActionResult:
        delete_aggregator(*self.where, self.parameters()["FindingAggregatorArn"])
        return answer()

    def list_finding_aggregators(self) -> ActionResult:
        aggregator = visible_aggregator(*self.where)
        known = [{"FindingAggregatorArn": aggregator.arn}] if aggregator else []
        listed, more = page(known, self.parameters())
        return answer(FindingAggregators=listed, **more)


def _aggregator(aggregator: FindingAggregator) -> ActionResult:
    return answer(
        FindingAggregatorArn=aggregator.arn,
        FindingAggregationRegion=aggregator.home_region,
        RegionLinkingMode=aggregator.linking_mode,
        Regions=list(aggregator.regions),
    )

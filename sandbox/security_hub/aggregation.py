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
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3"),
        *("ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1"),
        *("eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1"),
        *("me-south-1", "mx-central-1"),
    }
)


class AggregatorOperations(SecurityHubRequest):
    def create_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        mode, regions = parameters["RegionLinkingMode"], parameters.get("Regions", [])
        hub, organization = subscribed_hub(*self.where), organization_for(*self.where)
        if organization and organization.is_member(*self.where):
            raise InvalidInputError("A finding aggregator cannot be created by a member account.")
        aggregators = registry(self.partition).aggregators
        if existing := aggregators.get(self.current_account):
            raise InvalidInputError(
                f"The account already has the finding aggregator {existing.arn}"
            )
        if self.region in OPT_IN_REGIONS:
            raise InvalidInputError(
                f"{self.region} is an opt-in Region and cannot be the home Region"
            )
        _check_linking(self.region, mode, regions)
        aggregator = FindingAggregator(
            arn=f"{hub.arn_prefix}:finding-aggregator/{uuid4()}",
            home_region=self.region,
            linking_mode=mode,
            regions=tuple(regions),
        )
        aggregators[self.current_account] = aggregator
        return _aggregator(aggregator)

    def get_finding_aggregator(self) -> ActionResult:
        return _aggregator(self._own_aggregator())

    def update_finding_aggregator(self) -> ActionResult:
        aggregator, parameters = self._aggregator_at_home(), self.parameters()
        mode, regions = parameters["RegionLinkingMode"], parameters.get("Regions", [])
        _check_linking(self.region, mode, regions)
        organization = organization_for(*self.where)
        if organization:
            organization.save_hubs()
        aggregator.linking_mode = mode
        aggregator.regions = tuple(regions)
        if organization and organization.is_central:
            organization.administer_covered_regions()
        return _aggregator(aggregator)

    def delete_finding_aggregator(self) -> ActionResult:
        self._aggregator_at_home()
        organization = organization_for(*self.where)
        if organization and organization.is_central:
            raise InvalidInputError(
                "The finding aggregator cannot be deleted under central configuration"
            )
        del registry(self.partition).aggregators[self.current_account]
        return answer()

    def list_finding_aggregators(self) -> ActionResult:
        """The aggregator of the caller, or of the administrator of a member."""
        subscribed_hub(*self.where)
        aggregator = _aggregator_for(organization_for(*self.where), *self.where)
        known = [{"FindingAggregatorArn": aggregator.arn}] if aggregator else []
        listed, more = page(known, self.parameters())
        return answer(FindingAggregators=listed, **more)

    def _own_aggregator(self) -> FindingAggregator:
        arn = self.parameters()["FindingAggregatorArn"]
        subscribed_hub(*self.where)
        aggregator = registry(self.partition).aggregators.get(self.current_account)
        if aggregator is None or aggregator.arn != arn:
            raise ResourceNotFoundError(f"Finding aggregator {arn} not found")
        return aggregator

    def _aggregator_at_home(self) -> FindingAggregator:
        aggregator = self._own_aggregator()
        if aggregator.home_region != self.region:
            raise InvalidInputError(
                f"The home Region of {aggregator.arn} is {aggregator.home_region}"
            )
        return aggregator


def _aggregator(aggregator: FindingAggregator) -> ActionResult:
    return answer(
        FindingAggregatorArn=aggregator.arn,
        FindingAggregationRegion=aggregator.home_region,
        RegionLinkingMode=aggregator.linking_mode,
        Regions=list(aggregator.regions),
    )


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


def _check_linking(home_region: str, mode: str, regions: list[str]) -> None:
    if mode not in LINKING_MODES:
        raise InvalidInputError(f"RegionLinkingMode must be one of {', '.join(LINKING_MODES)}")
    if bool(regions) != (mode in _MODES_WITH_REGIONS):
        raise InvalidInputError(f"Regions do not fit RegionLinkingMode {mode}")
    if home_region in regions:
        raise InvalidInputError(f"The home Region {home_region} cannot be among Regions")
    if unknown := sorted(set(regions) - regions_of(get_partition(home_region))):
        raise InvalidInputError(f"Regions without Security Hub: {', '.join(unknown)}")

"""Security Hub's operations on the organization: administrator, configuration, aggregation."""

from typing import Any

from moto.core.responses import ActionResult

from sandbox.security_hub import administration, aggregation, members, organization_configuration
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.registry import FindingAggregator
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

_FEATURE = "SecurityHub"


class OrganizationOperations(SecurityHubRequest):
    def enable_organization_admin_account(self) -> ActionResult:
        administrator = self._admin_parameters()["AdminAccountId"]
        administration.enable_administrator(*self.where, administrator)
        return answer(AdminAccountId=administrator, Feature=_FEATURE)

    def disable_organization_admin_account(self) -> ActionResult:
        administration.disable_administrator(
            *self.where, self._admin_parameters()["AdminAccountId"]
        )
        return answer()

    def list_organization_admin_accounts(self) -> ActionResult:
        accounts = administration.administrators(*self.where)
        listed = [{"AccountId": account, "Status": "ENABLED"} for account in accounts]
        administrators, more = page(listed, self._admin_parameters())
        return answer(AdminAccounts=administrators, Feature=_FEATURE, **more)

    def describe_organization_configuration(self) -> ActionResult:
        settings = administration.administered_organization(*self.where).settings
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
        organization_configuration.update_organization(*self.where, self.parameters())
        return answer()

    def create_members(self) -> ActionResult:
        details = self.parameters()["AccountDetails"]
        refused = members.create_members(*self.where, [one["AccountId"] for one in details])
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def disassociate_members(self) -> ActionResult:
        members.disassociate_members(*self.where, self.parameters()["AccountIds"])
        return answer()

    def delete_members(self) -> ActionResult:
        refused = members.undeletable(*self.where, self.parameters()["AccountIds"])
        return answer(UnprocessedAccounts=_unprocessed(refused))

    def list_members(self) -> ActionResult:
        listed, more = page(members.all_members(*self.where), self.parameters())
        return answer(Members=[self._member(account) for account in listed], **more)

    def get_members(self) -> ActionResult:
        wanted = self.parameters()["AccountIds"]
        known = set(members.all_members(*self.where))
        unknown = dict.fromkeys([one for one in wanted if one not in known], "Not a member")
        return answer(
            Members=[self._member(account) for account in wanted if account in known],
            UnprocessedAccounts=_unprocessed(unknown),
        )

    def get_administrator_account(self) -> ActionResult:
        administration.subscribed_hub(*self.where)
        administrator = members.administrator_of(*self.where)
        relation = {"AccountId": administrator, "MemberStatus": "Enabled"}
        return answer(Administrator=relation if administrator else None)

    def create_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = aggregation.create_aggregator(
            *self.where, parameters["RegionLinkingMode"], parameters.get("Regions", [])
        )
        return _aggregator(aggregator)

    def get_finding_aggregator(self) -> ActionResult:
        arn = self.parameters()["FindingAggregatorArn"]
        return _aggregator(aggregation.own_aggregator(*self.where, arn))

    def update_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = aggregation.update_aggregator(
            *self.where,
            parameters["FindingAggregatorArn"],
            parameters["RegionLinkingMode"],
            parameters.get("Regions", []),
        )
        return _aggregator(aggregator)

    def delete_finding_aggregator(self) -> ActionResult:
        aggregation.delete_aggregator(*self.where, self.parameters()["FindingAggregatorArn"])
        return answer()

    def list_finding_aggregators(self) -> ActionResult:
        aggregator = aggregation.visible_aggregator(*self.where)
        known = [{"FindingAggregatorArn": aggregator.arn}] if aggregator else []
        listed, more = page(known, self.parameters())
        return answer(FindingAggregators=listed, **more)

    def _admin_parameters(self) -> dict[str, Any]:
        parameters = self.parameters()
        if parameters.get("Feature", _FEATURE) != _FEATURE:
            raise InvalidInputError(f"The sandbox knows no Feature but {_FEATURE}")
        return parameters

    def _member(self, account_id: str) -> dict[str, str]:
        return {
            "AccountId": account_id,
            "AdministratorId": self.current_account,
            "MasterId": self.current_account,
            "MemberStatus": "Enabled",
        }


def _unprocessed(refused: members.Refusals) -> list[dict[str, str]]:
    return [
        {"AccountId": account, "ProcessingResult": reason} for account, reason in refused.items()
    ]


def _aggregator(aggregator: FindingAggregator) -> ActionResult:
    return answer(
        FindingAggregatorArn=aggregator.arn,
        FindingAggregationRegion=aggregator.home_region,
        RegionLinkingMode=aggregator.linking_mode,
        Regions=list(aggregator.regions),
    )

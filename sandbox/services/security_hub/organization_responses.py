"""Security Hub's operations on the organization: administrator, configuration, aggregation."""

from moto.core.responses import ActionResult

from sandbox.services.security_hub import administration
from sandbox.services.security_hub.backend import FindingAggregator, hub_of, organization_for
from sandbox.services.security_hub.requests import SecurityHubRequest, answer, page


class OrganizationOperations(SecurityHubRequest):
    def enable_organization_admin_account(self) -> ActionResult:
        administrator = self.parameters()["AdminAccountId"]
        administration.enable_administrator(*self.where, administrator)
        return answer(AdminAccountId=administrator)

    def disable_organization_admin_account(self) -> ActionResult:
        administration.disable_administrator(*self.where, self.parameters()["AdminAccountId"])
        return answer()

    def list_organization_admin_accounts(self) -> ActionResult:
        accounts = administration.administrators(*self.where)
        listed = [{"AccountId": account, "Status": "ENABLED"} for account in accounts]
        administrators, more = page(listed, self.parameters())
        return answer(AdminAccounts=administrators, **more)

    def describe_organization_configuration(self) -> ActionResult:
        settings = administration.administered_organization(*self.where).settings
        return answer(
            AutoEnable=False,
            MemberAccountLimitReached=False,
            AutoEnableStandards=settings.auto_enable_standards,
            OrganizationConfiguration={
                "ConfigurationType": settings.configuration_type,
                "Status": "ENABLED",
            },
        )

    def update_organization_configuration(self) -> ActionResult:
        administration.update_organization(*self.where, self.parameters())
        return answer()

    def get_administrator_account(self) -> ActionResult:
        administration.subscribed_hub(*self.where)
        organization = organization_for(*self.where)
        administrator = organization.settings.administrator if organization else None
        is_member = organization and organization.is_central and administrator != self.where[0]
        relation = {"AccountId": administrator, "MemberStatus": "Enabled"} if is_member else None
        return answer(Administrator=relation)

    def list_members(self) -> ActionResult:
        parameters = self.parameters()
        organization = administration.administered_organization(*self.where)
        administrator, region = self.where
        accounts = organization.tree.account_ids if organization.is_central else []
        members = [
            {"AccountId": account, "AdministratorId": administrator, "MemberStatus": "Enabled"}
            for account in accounts
            if account != administrator and hub_of(account, region).enabled_at
        ]
        listed, more = page(members, parameters)
        return answer(Members=listed, **more)

    def create_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = administration.create_aggregator(
            *self.where, parameters["RegionLinkingMode"], parameters.get("Regions", [])
        )
        return _aggregator(aggregator)

    def get_finding_aggregator(self) -> ActionResult:
        arn = self.parameters()["FindingAggregatorArn"]
        return _aggregator(administration.own_aggregator(*self.where, arn))

    def update_finding_aggregator(self) -> ActionResult:
        parameters = self.parameters()
        aggregator = administration.update_aggregator(
            *self.where,
            parameters["FindingAggregatorArn"],
            parameters["RegionLinkingMode"],
            parameters.get("Regions", []),
        )
        return _aggregator(aggregator)

    def delete_finding_aggregator(self) -> ActionResult:
        administration.delete_aggregator(*self.where, self.parameters()["FindingAggregatorArn"])
        return answer()

    def list_finding_aggregators(self) -> ActionResult:
        aggregator = administration.visible_aggregator(*self.where)
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

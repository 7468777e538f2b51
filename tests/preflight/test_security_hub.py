"""`check --before`: Security Hub as it is before Rootwatch manages it, or reads with it only."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    MANAGEMENT,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    reinstate,
    suspend,
)
from tests.preflight.operator import Operator, config_of, lines, only
from tests.unit.operations.answers import write_state, write_synthesized

ADMINISTRATOR = "aws_securityhub_organization_admin_account"
HUB, AGGREGATOR = "aws_securityhub_account", "aws_securityhub_finding_aggregator"
NO_STANDARDS = {
    "SecurityHub": {
        "ServiceEnabled": True,
        "EnabledStandardIdentifiers": [],
        "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
    }
}
CIS = "cis-aws-foundations-benchmark/v/1.2.0"
BEST_PRACTICES = "aws-foundational-security-best-practices/v/1.0.0"


def turn_off(sandbox: Sandbox, account: str) -> None:
    sandbox.client("securityhub", account).disable_security_hub()


def turn_on(sandbox: Sandbox, account: str, *, standards: bool = False) -> None:
    hub = sandbox.client("securityhub", account)
    hub.enable_security_hub(EnableDefaultStandards=standards)


class TestHubs:
    def test_the_management_accounts_is_imported_and_then_ok(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        turn_on(sandbox, MANAGEMENT.id)
        found = only(operator.not_ok(), "security_hub.management")
        write_state(operator.root, "detection", [(HUB, MANAGEMENT.id)])
        mended = operator.not_ok()
        turn_off(sandbox, MANAGEMENT.id)

        assert found.detail.startswith(f"is on in {MANAGEMENT.id}, but not by Rootwatch")
        assert lines(found) == ["make synth"]
        assert found.remedy
        assert "`make destroy` will turn it off then" in found.remedy.right
        assert "`terraform state rm`" in found.remedy.right
        assert mended == {}

    def test_where_it_is_managed_elsewhere_it_has_to_be_on_in_the_security_account(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        unmanaged = operator.of(security_hub={"managed": False})
        found = unmanaged.not_ok()
        for result in found.values():
            unmanaged.do(result)
        mended = unmanaged.report()
        for account in (MANAGEMENT, SECURITY):
            turn_off(sandbox, account.id)

        assert {id_: result.status for id_, result in found.items()} == {
            "security_hub.security": Status.MISSING,
            "security_hub.management": Status.WARNING,
        }
        assert mended.is_ok
        told = {row.check.id: row.result for row in mended.rows}["security_hub.security"]
        assert told.detail.endswith("whether it is in the members was not looked at")


class TestStandards:
    def test_those_that_are_on_are_told_until_they_are_off(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        turn_on(sandbox, SECURITY.id, standards=True)
        found = only(operator.not_ok(), "security_hub.standards")
        local = operator.taking(found)
        left_alone = local.not_ok()
        operator.do(found)
        mended = operator.not_ok()
        turn_off(sandbox, SECURITY.id)

        assert found.detail == f"{BEST_PRACTICES} in {SECURITY.id}, {CIS} in {SECURITY.id}"
        assert local.settings.security_hub.configuration == "local"
        assert left_alone == mended == {}

    def test_a_hub_without_any_is_ok(self, operator: Operator, sandbox: Sandbox) -> None:
        turn_on(sandbox, SECURITY.id)
        found = operator.not_ok()
        turn_off(sandbox, SECURITY.id)

        assert found == {}


class TestSuspended:
    def test_accounts_below_the_targets_are_a_warning(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        suspend(MEMBERS[0].id)
        found = operator.look("security_hub.suspended")
        elsewhere = operator.of(organization={"targets": (units["Security"],)})
        not_below = elsewhere.look("security_hub.suspended")
        local = operator.taking(found)
        left_alone = local.not_ok()
        reinstate(MEMBERS[0].id)

        assert found.status == Status.WARNING
        assert found.detail == f"below the targets: {MEMBERS[0].id}"
        assert not_below.status == Status.OK
        assert left_alone == {}
        assert operator.look("security_hub.suspended").detail == "none below the targets"


class TestAggregator:
    @pytest.fixture
    def made(self, sandbox: Sandbox, region: str) -> Iterator[str]:
        """Its ARN."""
        turn_on(sandbox, SECURITY.id)
        hub = sandbox.client("securityhub", SECURITY.id, region)
        if region != "us-east-1":
            hub.enable_security_hub(EnableDefaultStandards=False)
        arn = hub.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")["FindingAggregatorArn"]
        yield arn
        for one in hub.list_finding_aggregators()["FindingAggregators"]:
            hub.delete_finding_aggregator(FindingAggregatorArn=one["FindingAggregatorArn"])
        hub.disable_security_hub()
        if region != "us-east-1":
            turn_off(sandbox, SECURITY.id)

    @pytest.mark.parametrize("region", ["us-east-1"])
    def test_one_in_the_home_region_is_imported(self, operator: Operator, made: str) -> None:
        stack = f'{{"resource": {{"{AGGREGATOR}": {{"hub_aggregator_1A": {{}}}}}}}}'
        write_synthesized(operator.root, "detection", stack)
        found = only(operator.not_ok(), "security_hub.aggregator")

        assert lines(found)[-1] == (
            f"terraform -chdir=cdktf.out/stacks/detection import {AGGREGATOR}.hub_aggregator_1A"
            f" {made}"
        )
        write_state(operator.root, "detection", [(AGGREGATOR, made)])
        assert operator.not_ok() == {}

    @pytest.mark.usefixtures("made")
    @pytest.mark.parametrize("region", ["eu-west-1"])
    def test_one_in_another_region_is_deleted(self, operator: Operator) -> None:
        found = only(operator.not_ok(), "security_hub.aggregator")
        operator.do(found)

        assert found.detail.startswith("one in eu-west-1, not by Rootwatch")
        assert operator.not_ok() == {}

    @pytest.mark.usefixtures("made")
    @pytest.mark.parametrize("region", ["eu-west-1"])
    def test_it_is_in_the_way_of_who_links_no_region_too(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        alone = operator.of(security_hub={"configuration": "local", "linked_regions": "none"})
        hub = sandbox.client("securityhub", SECURITY.id)
        with pytest.raises(ClientError, match="already has the finding aggregator"):
            hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
        found = only(alone.not_ok(), "security_hub.aggregator")
        alone.do(found)
        mended = alone.not_ok()
        own = hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
        hub.delete_finding_aggregator(FindingAggregatorArn=own["FindingAggregatorArn"])

        assert found.detail.startswith("one in eu-west-1, not by Rootwatch")
        assert mended == {}


class TestPolicies:
    @pytest.fixture
    def policy(self, sandbox: Sandbox, operator: Operator) -> str:
        """The name of one in an organization that the security account configures centrally."""
        sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=SECURITY.id)
        hub = sandbox.client("securityhub", SECURITY.id)
        if not hub.list_finding_aggregators()["FindingAggregators"]:
            hub.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
        (aggregator,) = hub.list_finding_aggregators()["FindingAggregators"]
        held = [(ADMINISTRATOR, SECURITY.id), (AGGREGATOR, aggregator["FindingAggregatorArn"])]
        write_state(operator.root, "detection", held)
        hub.update_organization_configuration(
            AutoEnable=False,
            AutoEnableStandards="NONE",
            OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
        )
        return str(
            hub.create_configuration_policy(Name="baseline", ConfigurationPolicy=NO_STANDARDS)["Id"]
        )

    def test_those_of_others_are_named_until_they_are_gone(
        self, operator: Operator, sandbox: Sandbox, policy: str
    ) -> None:
        hub = sandbox.client("securityhub", SECURITY.id)
        not_in_use = operator.not_ok()
        in_the_way = operator.of(security_hub={"configuration": "local"}).not_ok()
        units = sandbox.client("organizations").list_organizational_units_for_parent(
            ParentId=ROOT_ID
        )["OrganizationalUnits"]
        (unit,) = (one["Id"] for one in units if one["Name"] == "Workloads")
        for target in ({"OrganizationalUnitId": unit}, {"AccountId": SECURITY.id}):
            hub.start_configuration_policy_association(
                ConfigurationPolicyIdentifier=policy, Target=target
            )
        found = only(operator.not_ok(), "security_hub.policies")
        operator.do(found)

        assert not_in_use == {}
        assert (
            only(in_the_way, "security_hub.policies").detail == "of others: baseline (not in use)"
        )
        targets = found.detail.removeprefix("of others: baseline (").rstrip(")").split(", ")
        assert set(targets) == {unit, SECURITY.id}
        assert config_of(found) == ("security_hub:", "  managed: false")
        assert operator.not_ok() == {}
        assert hub.list_configuration_policies()["ConfigurationPolicySummaries"] == []

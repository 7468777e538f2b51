"""The preflight: delegated administrators, and Security Hub.

The delegations come first: a policy needs an administrator, which the last tests leave.
"""

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
from tests.preflight.operators import Operator, only
from tests.unit.operations.fake_aws import config_of, lines, write_state, write_synthesized

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


CLOUDTRAIL = "cloudtrail.amazonaws.com"
SECURITY_HUB = "securityhub.amazonaws.com"
CLOUDTRAIL_ADMINISTRATOR = "aws_cloudtrail_organization_delegated_admin_account"


@pytest.fixture
def delegated(sandbox: Sandbox) -> Iterator[None]:
    """Removes the administrators of CloudTrail after the test."""
    yield
    listed = sandbox.client("organizations").list_delegated_administrators(
        ServicePrincipal=CLOUDTRAIL
    )["DelegatedAdministrators"]
    cloudtrail = sandbox.client("cloudtrail")
    for admin in listed:
        cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=admin["Id"])


def delegate(sandbox: Sandbox, *accounts: str) -> None:
    for account in accounts:
        sandbox.client("cloudtrail").register_organization_delegated_admin(MemberAccountId=account)


@pytest.mark.usefixtures("delegated")
def test_two_other_administrators_pass_and_three_fail(operator: Operator, sandbox: Sandbox) -> None:
    others = [member.id for member in MEMBERS]
    delegate(sandbox, *others[:2])
    assert operator.problems() == {}

    delegate(sandbox, others[2])
    found = only(operator.problems(), "delegation.cloudtrail")
    assert found.detail == f"3 other administrators: {', '.join(sorted(others))}"
    assert lines(found) == []
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=others[2]
    )
    assert operator.problems() == {}


@pytest.mark.usefixtures("delegated")
def test_an_existing_delegation_to_the_security_account_is_imported(
    operator: Operator, sandbox: Sandbox
) -> None:
    delegate(sandbox, SECURITY.id)
    found = only(operator.problems(), "delegation.cloudtrail")

    assert found.detail.startswith(f"{SECURITY.id} is delegated, but not by Rootwatch")
    assert lines(found) == ["make synth"]
    write_state(operator.root, "trail", [(CLOUDTRAIL_ADMINISTRATOR, SECURITY.id)])
    assert operator.problems() == {}


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_another_administrator_of_security_hub_fails(
    operator: Operator, sandbox: Sandbox, region: str
) -> None:
    """In any Region, unless Rootwatch does not manage Security Hub. It keeps its delegation."""
    hub = sandbox.client("securityhub", MANAGEMENT.id, region)
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.problems(), "delegation.security_hub")
    unmanaged = operator.with_config_of(found)
    unmanaged_problems = unmanaged.problems()
    hub.disable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    organizations = sandbox.client("organizations")
    delegates = organizations.list_delegated_administrators(ServicePrincipal=SECURITY_HUB)
    for one in delegates["DelegatedAdministrators"]:
        organizations.deregister_delegated_administrator(
            AccountId=one["Id"], ServicePrincipal=SECURITY_HUB
        )

    assert found.detail == f"other administrators: {MEMBERS[0].id}"
    assert lines(found) == []
    assert "delegation.security_hub" not in unmanaged_problems
    assert operator.problems() == {}


class TestHubs:
    def test_the_hub_of_the_management_account_is_imported(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        turn_on(sandbox, MANAGEMENT.id)
        found = only(operator.problems(), "security_hub.management")
        write_state(operator.root, "detection", [(HUB, MANAGEMENT.id)])
        after = operator.problems()
        turn_off(sandbox, MANAGEMENT.id)

        assert found.detail.startswith(f"enabled in {MANAGEMENT.id}, not by Rootwatch")
        assert lines(found) == ["make synth"]
        assert found.remedy
        assert "`make destroy` then disables Security Hub in this account" in found.remedy.expected
        assert "`terraform state rm`" in found.remedy.expected
        assert after == {}

    def test_without_management_it_has_to_be_enabled_in_the_security_account(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        unmanaged = operator.configured(security_hub={"managed": False})
        found = unmanaged.problems()
        for result in found.values():
            unmanaged.follow(result)
        after = unmanaged.report()
        for account in (MANAGEMENT, SECURITY):
            turn_off(sandbox, account.id)

        assert {id_: result.status for id_, result in found.items()} == {
            "security_hub.security": Status.FAIL,
            "security_hub.management": Status.WARN,
        }
        assert after.is_ok
        security = {row.id: row.result for row in after.rows}["security_hub.security"]
        assert security.detail.endswith("member accounts are not checked")


class TestStandards:
    def test_enabled_standards_fail_unless_the_configuration_is_local(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        turn_on(sandbox, SECURITY.id, standards=True)
        found = only(operator.problems(), "security_hub.standards")
        local = operator.with_config_of(found)
        unchanged = local.problems()
        turn_off(sandbox, SECURITY.id)

        assert found.detail == f"{BEST_PRACTICES} in {SECURITY.id}, {CIS} in {SECURITY.id}"
        assert local.settings.security_hub.configuration == "local"
        assert unchanged == operator.problems() == {}

    def test_a_hub_without_standards_passes(self, operator: Operator, sandbox: Sandbox) -> None:
        turn_on(sandbox, SECURITY.id)
        found = operator.problems()
        turn_off(sandbox, SECURITY.id)

        assert found == {}


class TestSuspended:
    def test_accounts_below_the_targets_are_a_warning(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        suspend(MEMBERS[0].id)
        found = operator.check("security_hub.suspended")
        elsewhere = operator.configured(organization={"targets": (units["Security"],)})
        not_below = elsewhere.check("security_hub.suspended")
        local = operator.with_config_of(found)
        unchanged = local.problems()
        reinstate(MEMBERS[0].id)

        assert found.status == Status.WARN
        assert found.detail == f"below the targets: {MEMBERS[0].id}"
        assert not_below.status == Status.PASS
        assert unchanged == {}
        assert operator.check("security_hub.suspended").detail == "none below the targets"


class TestAggregator:
    @pytest.fixture
    def aggregator(self, sandbox: Sandbox, region: str) -> Iterator[str]:
        """The ARN of an aggregator in the security account."""
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
    def test_an_aggregator_in_the_home_region_is_imported(
        self, operator: Operator, aggregator: str
    ) -> None:
        stack = f'{{"resource": {{"{AGGREGATOR}": {{"hub_aggregator_1A": {{}}}}}}}}'
        write_synthesized(operator.root, "detection", stack)
        found = only(operator.problems(), "security_hub.aggregator")

        assert lines(found)[-1] == (
            f"terraform -chdir=cdktf.out/stacks/detection import {AGGREGATOR}.hub_aggregator_1A"
            f" {aggregator}"
        )
        write_state(operator.root, "detection", [(AGGREGATOR, aggregator)])
        assert operator.problems() == {}

    @pytest.mark.usefixtures("aggregator")
    @pytest.mark.parametrize("region", ["eu-west-1"])
    def test_an_aggregator_in_another_region_is_a_conflict(self, operator: Operator) -> None:
        found = only(operator.problems(), "security_hub.aggregator")

        assert found.detail.startswith("aggregator in eu-west-1, not created by Rootwatch")
        assert lines(found) == []
        assert config_of(found) == ("home_region: eu-west-1",)

    @pytest.mark.parametrize("region", ["eu-west-1"])
    def test_an_aggregator_is_also_a_conflict_without_linked_regions(
        self, operator: Operator, sandbox: Sandbox, aggregator: str
    ) -> None:
        alone = operator.configured(
            security_hub={"configuration": "local", "linked_regions": "none"}
        )
        hub = sandbox.client("securityhub", SECURITY.id)
        with pytest.raises(ClientError, match="already has the finding aggregator"):
            hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
        found = only(alone.problems(), "security_hub.aggregator")
        sandbox.client("securityhub", SECURITY.id, "eu-west-1").delete_finding_aggregator(
            FindingAggregatorArn=aggregator
        )
        after = alone.problems()
        own = hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
        hub.delete_finding_aggregator(FindingAggregatorArn=own["FindingAggregatorArn"])

        assert found.detail.startswith("aggregator in eu-west-1, not created by Rootwatch")
        assert after == {}


class TestPolicies:
    @pytest.fixture
    def policy(self, sandbox: Sandbox, operator: Operator) -> str:
        """The ID of a policy. The security account configures the organization centrally."""
        sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=SECURITY.id)
        hub = sandbox.client("securityhub", SECURITY.id)
        if not hub.list_finding_aggregators()["FindingAggregators"]:
            hub.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
        (aggregator,) = hub.list_finding_aggregators()["FindingAggregators"]
        in_state = [(ADMINISTRATOR, SECURITY.id), (AGGREGATOR, aggregator["FindingAggregatorArn"])]
        write_state(operator.root, "detection", in_state)
        hub.update_organization_configuration(
            AutoEnable=False,
            AutoEnableStandards="NONE",
            OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
        )
        return str(
            hub.create_configuration_policy(Name="baseline", ConfigurationPolicy=NO_STANDARDS)["Id"]
        )

    def test_policies_of_others_fail(
        self, operator: Operator, sandbox: Sandbox, policy: str
    ) -> None:
        hub = sandbox.client("securityhub", SECURITY.id)
        not_associated = operator.problems()
        with_local_configuration = operator.configured(
            security_hub={"configuration": "local"}
        ).problems()
        units = sandbox.client("organizations").list_organizational_units_for_parent(
            ParentId=ROOT_ID
        )["OrganizationalUnits"]
        (unit,) = (one["Id"] for one in units if one["Name"] == "Workloads")
        for target in ({"OrganizationalUnitId": unit}, {"AccountId": SECURITY.id}):
            hub.start_configuration_policy_association(
                ConfigurationPolicyIdentifier=policy, Target=target
            )
        found = only(operator.problems(), "security_hub.policies")
        for target in ({"OrganizationalUnitId": unit}, {"AccountId": SECURITY.id}):
            hub.start_configuration_policy_disassociation(
                ConfigurationPolicyIdentifier=policy, Target=target
            )
        hub.delete_configuration_policy(Identifier=policy)

        assert not_associated == {}
        conflict = only(with_local_configuration, "security_hub.policies")
        assert conflict.detail == "not created by Rootwatch: baseline (not associated)"
        targets = (
            found.detail.removeprefix("not created by Rootwatch: baseline (")
            .rstrip(")")
            .split(", ")
        )
        assert set(targets) == {unit, SECURITY.id}
        assert lines(found) == []
        assert config_of(found) == ("security_hub:", "  managed: false")
        assert operator.problems() == {}

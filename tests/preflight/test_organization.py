"""The preflight: credentials, organization, targets and trusted access."""

from collections.abc import Iterator

import pytest
from moto.iam.models import AWSManagedPolicy

from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    ADMINISTRATOR,
    LOG_ARCHIVE,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    iam,
    reinstate,
    suspend,
)
from sandbox.tests.resources import unique
from tests.preflight.operators import Operator, clients_of, only
from tests.unit.operations.fake_aws import config_of, lines

CLOUDTRAIL = "cloudtrail.amazonaws.com"
SECURITY_HUB = "securityhub.amazonaws.com"
DELEGATED = "aws_cloudtrail_organization_delegated_admin_account"


@pytest.fixture
def empty_unit(sandbox: Sandbox, units: dict[str, str]) -> Iterator[str]:
    organizations = sandbox.client("organizations")
    made = organizations.create_organizational_unit(
        ParentId=units["Workloads"], Name=unique("unit")
    )
    yield made["OrganizationalUnit"]["Id"]
    organizations.delete_organizational_unit(OrganizationalUnitId=made["OrganizationalUnit"]["Id"])


def test_all_checks_pass_in_a_new_organization(operator: Operator) -> None:
    assert operator.problems() == {}


def add_administrator_access(account: str) -> None:
    """Moto has the managed policies of AWS only if it loads all of them, about a thousand."""
    name, today = "AdministratorAccess", "2026-01-01T00:00:00+00:00"
    policy = AWSManagedPolicy.from_data(
        name,
        account,
        "us-east-1",
        {"Path": "/", "Document": ADMINISTRATOR, "CreateDate": today, "UpdateDate": today},
    )
    iam(account).managed_policies[policy.arn] = policy


class TestAccess:
    def test_with_credentials_of_a_member_account_one_check_runs(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        iam = sandbox.client("iam", MEMBERS[0].id)
        iam.create_user(UserName="somebody")
        key = iam.create_access_key(UserName="somebody")["AccessKey"]
        environment = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        report = operator.report(clients_of(environment))

        (row,) = report.rows
        assert row.id == "access.credentials"
        assert row.result.status == Status.FAIL
        assert report.calls == 1

    def test_a_role_that_does_not_exist_fails_until_it_is_created(self, operator: Operator) -> None:
        other = operator.configured(deployment_role=unique("deployer"))
        found = other.problems()

        for id_, account in {
            "access.log_archive": LOG_ARCHIVE,
            "access.security": SECURITY,
        }.items():
            assert found[id_].status == Status.FAIL
            assert "is not authorized to perform: sts:AssumeRole" in found[id_].detail
            remedy = found[id_].remedy
            assert remedy
            assert [one.account for one in remedy.commands] == [account.id, account.id]
            add_administrator_access(account.id)
            other.follow(found[id_])
        assert {found[id_].status for id_ in found if not id_.startswith("access")} == {
            Status.ERROR
        }
        assert other.problems() == {}


class TestOrganization:
    def test_another_organization_id_fails(self, operator: Operator) -> None:
        other = operator.configured(organization={"id": "o-anotherorgid"})
        found = other.problems()

        identity = found.pop("organization.identity")
        assert identity.status == Status.FAIL
        assert config_of(identity) == ("organization:", "  id: o-exampleorgid")
        assert {result.status for result in found.values()} == {Status.ERROR}
        assert all("the organization is o-exampleorgid" in one.detail for one in found.values())

    def test_a_security_account_outside_of_the_organization_fails(self, operator: Operator) -> None:
        stranger = operator.configured(accounts={"security": "999999999999"})

        accounts = stranger.check("organization.accounts")
        assert accounts.status == Status.FAIL
        assert accounts.detail == "999999999999 is not in the organization"

    def test_a_suspended_designated_account_fails(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        suspend(LOG_ARCHIVE.id)
        found = operator.problems(clients_of(sandbox.environment()))
        reinstate(LOG_ARCHIVE.id)

        assert found["organization.accounts"].detail == f"{LOG_ARCHIVE.id} is SUSPENDED"
        assert found["access.log_archive"].status == Status.FAIL
        assert operator.problems() == {}


class TestTargets:
    @pytest.mark.usefixtures("units")
    def test_a_target_that_does_not_exist_fails(self, operator: Operator) -> None:
        lost = operator.configured(organization={"targets": (ROOT_ID, "ou-exam-12345678")})
        found = only(lost.problems(), "organization.targets")

        assert found.detail == "ou-exam-12345678 does not exist"
        assert config_of(found) == ("organization:", f"  targets: [{ROOT_ID}]")

    def test_a_target_below_another_target_fails(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        nested = operator.configured(organization={"targets": (ROOT_ID, units["Workloads"])})
        found = only(nested.problems(), "organization.targets")

        assert found.detail == f"{units['Workloads']} is below {ROOT_ID}"
        assert operator.configured(organization={"targets": tuple(units.values())}).problems() == {}

    def test_an_empty_target_fails_until_an_account_is_moved_there(
        self, operator: Operator, sandbox: Sandbox, units: dict[str, str], empty_unit: str
    ) -> None:
        targets = (empty_unit, units["Security"])
        emptied = operator.configured(organization={"targets": targets})
        found = only(emptied.problems(), "organization.targets")
        organizations, where = sandbox.client("organizations"), units["Workloads"]
        move = {"AccountId": MEMBERS[0].id}
        organizations.move_account(**move, SourceParentId=where, DestinationParentId=empty_unit)

        assert found.detail == f"{empty_unit} contains no active member account"
        assert config_of(found) == ("organization:", f"  targets: [{units['Security']}]")
        assert emptied.check("organization.targets").status == Status.PASS
        suspend(MEMBERS[0].id)
        assert emptied.check("organization.targets").status == Status.FAIL
        reinstate(MEMBERS[0].id)
        excluding = emptied.configured(organization={"excluded_accounts": (MEMBERS[0].id,)})
        assert excluding.check("organization.targets").status == Status.FAIL
        organizations.move_account(**move, SourceParentId=empty_unit, DestinationParentId=where)

    def test_excluded_accounts_have_to_be_below_the_targets(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        excluded = (LOG_ARCHIVE.id, MEMBERS[0].id, "999999999999")
        workloads = {"targets": (units["Workloads"],), "excluded_accounts": excluded}
        found = operator.configured(organization=workloads).check("organization.exclusions")

        assert found.status == Status.FAIL
        assert found.detail == f"not below the targets: {LOG_ARCHIVE.id}, 999999999999"
        assert config_of(found) == (
            "organization:",
            f'  excluded_accounts: ["{MEMBERS[0].id}"]',
        )

    def test_designated_accounts_outside_of_the_targets_are_a_warning(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        workloads = operator.configured(organization={"targets": (units["Workloads"],)})
        found = only(workloads.problems(), "organization.coverage", Status.WARN)

        assert found.detail == (
            f"without member access: log archive {LOG_ARCHIVE.id}, security {SECURITY.id}"
        )
        assert config_of(found) == ("organization:", f"  targets: [{ROOT_ID}]")
        assert workloads.report().is_ok

    def test_an_excluded_security_account_is_a_warning(self, operator: Operator) -> None:
        excluding = operator.configured(organization={"excluded_accounts": (SECURITY.id,)})
        found = only(excluding.problems(), "organization.coverage", Status.WARN)

        assert "  excluded_accounts: []" in config_of(found)


class TestTrustedAccess:
    def test_cloudtrail_fails_until_it_is_enabled(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        sandbox.client("organizations").disable_aws_service_access(ServicePrincipal=CLOUDTRAIL)
        found = only(operator.problems(), "trusted_access.cloudtrail")
        operator.follow(found)

        assert lines(found) == [
            f"aws organizations enable-aws-service-access --service-principal {CLOUDTRAIL}"
        ]
        assert operator.problems() == {}

    def test_stack_sets_fail_until_both_services_enable_them(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        sandbox.client("cloudformation").deactivate_organizations_access()
        found = only(operator.problems(), "trusted_access.stack_sets")
        service = "member.org.stacksets.cloudformation.amazonaws.com"
        sandbox.client("organizations").enable_aws_service_access(ServicePrincipal=service)
        halfway = operator.check("trusted_access.stack_sets")
        operator.follow(found)

        assert found.detail == "not enabled in AWS Organizations, DISABLED in CloudFormation"
        assert halfway.detail == "DISABLED in CloudFormation"
        assert operator.problems() == {}

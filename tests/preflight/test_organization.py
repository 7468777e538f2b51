"""`check --before`: credentials, organization, targets, trusted access and delegations."""

from collections.abc import Iterator

import pytest
from moto.iam.models import AWSManagedPolicy

from operations.preflight.cloud import Cloud
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
from tests.preflight.operator import Operator, config_of, lines, only, session_of

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


def test_nothing_is_missing_in_a_fresh_organization(operator: Operator) -> None:
    assert operator.not_ok() == {}


def know_administrator_access(account: str) -> None:
    """Moto has AWS's own policies only where it was told to load a thousand of them."""
    name, today = "AdministratorAccess", "2026-01-01T00:00:00+00:00"
    policy = AWSManagedPolicy.from_data(
        name,
        account,
        "us-east-1",
        {"Path": "/", "Document": ADMINISTRATOR, "CreateDate": today, "UpdateDate": today},
    )
    iam(account).managed_policies[policy.arn] = policy


class TestAccess:
    def test_a_members_credentials_are_told_and_nothing_else_is_looked_at(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        iam = sandbox.client("iam", MEMBERS[0].id)
        iam.create_user(UserName="somebody")
        key = iam.create_access_key(UserName="somebody")["AccessKey"]
        given = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        report = operator.report(Cloud(session_of(given)))

        (row,) = report.rows
        assert row.check.id == "access.credentials"
        assert row.result.status == Status.MISSING
        assert report.calls == 1

    def test_a_role_that_is_not_there_is_missing_until_it_is_made(self, operator: Operator) -> None:
        other = operator.of(deployment_role=unique("deployer"))
        found = other.not_ok()

        for id_, account in {
            "access.log_archive": LOG_ARCHIVE,
            "access.security": SECURITY,
        }.items():
            assert found[id_].status == Status.MISSING
            assert "is not authorized to perform: sts:AssumeRole" in found[id_].detail
            assert all(account.id == one.account for one in found[id_].remedy.commands)
            know_administrator_access(account.id)
            other.do(found[id_])
        assert {found[id_].status for id_ in found if not id_.startswith("access")} == {
            Status.UNKNOWN
        }
        assert other.not_ok() == {}


class TestOrganization:
    def test_another_id_is_told(self, operator: Operator) -> None:
        other = operator.of(organization={"id": "o-anotherorgid"})
        found = other.not_ok()

        identity = found.pop("organization.identity")
        assert identity.status == Status.MISSING
        assert config_of(identity) == ("organization:", "  id: o-exampleorgid")
        assert {result.status for result in found.values()} == {Status.UNKNOWN}
        assert all("the organization is o-exampleorgid" in one.detail for one in found.values())

    def test_a_security_account_that_is_no_member_is_told(self, operator: Operator) -> None:
        stranger = operator.of(accounts={"security": "999999999999"})

        accounts = stranger.look("organization.accounts")
        assert accounts.status == Status.MISSING
        assert accounts.detail == "999999999999 is not in the organization"

    def test_a_suspended_account_plays_no_part(self, operator: Operator, sandbox: Sandbox) -> None:
        suspend(LOG_ARCHIVE.id)
        found = operator.not_ok(Cloud(session_of(sandbox.environment())))
        reinstate(LOG_ARCHIVE.id)

        assert found["organization.accounts"].detail == f"{LOG_ARCHIVE.id} is SUSPENDED"
        assert found["access.log_archive"].status == Status.MISSING
        assert operator.not_ok() == {}


class TestTargets:
    @pytest.mark.usefixtures("units")
    def test_a_unit_that_does_not_exist_is_told(self, operator: Operator) -> None:
        lost = operator.of(organization={"targets": (ROOT_ID, "ou-exam-12345678")})
        found = only(lost.not_ok(), "organization.targets")

        assert found.detail == "ou-exam-12345678 does not exist"
        assert config_of(found) == ("organization:", f"  targets: [{ROOT_ID}]")

    def test_a_unit_below_another_target_is_told(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        nested = operator.of(organization={"targets": (ROOT_ID, units["Workloads"])})
        found = only(nested.not_ok(), "organization.targets")

        assert found.detail == f"{units['Workloads']} is below {ROOT_ID}"
        assert operator.of(organization={"targets": tuple(units.values())}).not_ok() == {}

    def test_an_empty_unit_is_told_until_an_account_moves_there(
        self, operator: Operator, sandbox: Sandbox, units: dict[str, str], empty_unit: str
    ) -> None:
        targets = (empty_unit, units["Security"])
        emptied = operator.of(organization={"targets": targets})
        found = only(emptied.not_ok(), "organization.targets")
        organizations, where = sandbox.client("organizations"), units["Workloads"]
        move = {"AccountId": MEMBERS[0].id}
        organizations.move_account(**move, SourceParentId=where, DestinationParentId=empty_unit)

        assert found.detail == f"{empty_unit} holds no active member account"
        assert config_of(found) == ("organization:", f"  targets: [{units['Security']}]")
        assert emptied.look("organization.targets").status == Status.OK
        suspend(MEMBERS[0].id)
        assert emptied.look("organization.targets").status == Status.MISSING
        reinstate(MEMBERS[0].id)
        excluding = emptied.of(organization={"excluded_accounts": (MEMBERS[0].id,)})
        assert excluding.look("organization.targets").status == Status.MISSING
        organizations.move_account(**move, SourceParentId=empty_unit, DestinationParentId=where)

    def test_excluded_accounts_have_to_be_below_the_targets(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        excluded = (LOG_ARCHIVE.id, MEMBERS[0].id, "999999999999")
        workloads = {"targets": (units["Workloads"],), "excluded_accounts": excluded}
        found = operator.of(organization=workloads).look("organization.exclusions")

        assert found.status == Status.MISSING
        assert found.detail == f"not below the targets: {LOG_ARCHIVE.id}, 999999999999"
        assert config_of(found) == (
            "organization:",
            f'  excluded_accounts: ["{MEMBERS[0].id}"]',
        )

    def test_accounts_that_play_a_part_outside_of_the_targets_are_a_warning(
        self, operator: Operator, units: dict[str, str]
    ) -> None:
        workloads = operator.of(organization={"targets": (units["Workloads"],)})
        found = only(workloads.not_ok(), "organization.coverage", Status.WARNING)

        assert found.detail == (
            f"without member access: log archive {LOG_ARCHIVE.id}, security {SECURITY.id}"
        )
        assert config_of(found) == ("organization:", f"  targets: [{ROOT_ID}]")
        assert workloads.report().is_ok

    def test_an_excluded_security_account_is_a_warning(self, operator: Operator) -> None:
        excluding = operator.of(organization={"excluded_accounts": (SECURITY.id,)})
        found = only(excluding.not_ok(), "organization.coverage", Status.WARNING)

        assert "  excluded_accounts: []" in config_of(found)


class TestTrustedAccess:
    def test_cloudtrails_is_missing_until_it_is_given(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        sandbox.client("organizations").disable_aws_service_access(ServicePrincipal=CLOUDTRAIL)
        found = only(operator.not_ok(), "trusted_access.cloudtrail")
        operator.do(found)

        assert lines(found) == [
            f"aws organizations enable-aws-service-access --service-principal {CLOUDTRAIL}"
        ]
        assert operator.not_ok() == {}

    def test_stack_sets_is_missing_until_cloudformation_takes_it(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        sandbox.client("cloudformation").deactivate_organizations_access()
        found = only(operator.not_ok(), "trusted_access.stack_sets")
        service = "member.org.stacksets.cloudformation.amazonaws.com"
        sandbox.client("organizations").enable_aws_service_access(ServicePrincipal=service)
        halfway = operator.look("trusted_access.stack_sets")
        operator.do(found)

        assert found.detail == "is off, CloudFormation says DISABLED"
        assert halfway.detail == "CloudFormation says DISABLED"
        assert operator.not_ok() == {}

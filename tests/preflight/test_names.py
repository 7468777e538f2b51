"""The preflight: conflicts of names, and the requirements of the organization."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto.iam.models import AWSManagedPolicy

from operations.preflight import access
from operations.preflight.check import CheckContext
from operations.preflight.names import (
    ACTIVE_KINDS,
    NamedResource,
    in_log_archive,
    in_management,
    in_security,
)
from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    ADMINISTRATOR,
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    iam,
    reinstate,
    suspend,
)
from sandbox.tests.resources import unique
from tests.preflight.operators import Operator, clients_of, only
from tests.preflight.resources import (
    NAMES,
    OTHERS,
    OWN,
    Create,
    create_alias,
    create_bucket,
    create_bus,
    create_function,
    create_log_group,
    create_named_role,
    create_queue,
    create_rule,
    create_stack,
    create_stack_set,
    create_table,
    create_topic,
    create_trail,
)
from tests.unit.operations.fake_aws import config_of, lines, write_state

LISTS: dict[str, Callable[[CheckContext], Iterator[NamedResource]]] = {
    "management": in_management,
    "log_archive": in_log_archive,
    "security": in_security,
}
READ = {
    "management": access.management_account,
    "log_archive": access.log_archive_account,
    "security": access.security_account,
}
ACCOUNTS = {"management": MANAGEMENT, "log_archive": LOG_ARCHIVE, "security": SECURITY}


@dataclass(frozen=True, slots=True)
class NameCase:
    part: str
    shown: str  # in the detail of the check
    create: Create

    def resource(self, operator: Operator) -> NamedResource:
        listed = LISTS[self.part](operator.context())
        return next(one for one in listed if str(one) == self.shown)

    @property
    def account(self) -> str:
        return ACCOUNTS[self.part].id

    def delete(self, operator: Operator) -> None:
        """Also what the preflight never deletes."""
        resource, client = self.resource(operator), operator.sandbox.client
        if delete := DELETIONS.get(resource.kind):
            delete(client, self.account)
            return
        existing = resource.find(READ[self.part](operator.context()), resource.name)
        assert existing
        operator.run(self.account, existing.deletion)

    def __str__(self) -> str:
        return f"{self.part}: {self.shown}"


DELETIONS: dict[str, Callable[..., Any]] = {
    "trail": lambda client, id_: client("cloudtrail", id_).delete_trail(Name=NAMES.trail),
    "stack": lambda client, id_: client("cloudformation", id_).delete_stack(
        StackName=NAMES.member_stack_set
    ),
    "stack set": lambda client, id_: client("cloudformation", id_).delete_stack_set(
        StackSetName=NAMES.member_stack_set
    ),
    "function": lambda client, id_: client("lambda", id_).delete_function(
        FunctionName=NAMES.importer
    ),
}
MEMBER_ACCESS = [
    NameCase(part, f"role {role}", create_named_role(role))
    for part in ("management", "security")
    for role in (NAMES.member_role, NAMES.event_role)
] + [
    NameCase(part, f"event rule {NAMES.event_rule}", create_rule)
    for part in ("management", "security")
]
IN_MANAGEMENT = [
    NameCase("management", f"trail {NAMES.trail}", create_trail),
    NameCase("management", f"stack {NAMES.member_stack_set}", create_stack),
    NameCase("management", f"stack set {NAMES.member_stack_set}", create_stack_set),
]
IN_LOG_ARCHIVE = [
    NameCase("log_archive", f"bucket {NAMES.trail_bucket}", create_bucket),
    NameCase("log_archive", f"key {NAMES.trail_key_alias}", create_alias(NAMES.trail_key_alias)),
]
IN_SECURITY = [
    *(
        NameCase("security", f"log group {name}", create_log_group(name))
        for name in (NAMES.trail_log_group, NAMES.importer_log_group)
    ),
    *(
        NameCase("security", f"role {name}", create_named_role(name))
        for name in (NAMES.trail_log_role, NAMES.importer_role)
    ),
    *(
        NameCase("security", f"queue {name}", create_queue(name))
        for name in (NAMES.importer_queue, NAMES.dead_letter_queue)
    ),
    *(
        NameCase("security", f"topic {NAMES.topic(priority)}", create_topic(NAMES.topic(priority)))
        for priority in ("high", "low")
    ),
    NameCase("security", f"function {NAMES.importer}", create_function),
    NameCase("security", f"table {NAMES.idempotency_table}", create_table),
    NameCase("security", f"event bus {NAMES.event_bus}", create_bus),
    NameCase("security", f"key {NAMES.alerts_key_alias}", create_alias(NAMES.alerts_key_alias)),
]
CASES = [*IN_MANAGEMENT, *IN_LOG_ARCHIVE, *IN_SECURITY, *MEMBER_ACCESS]


def test_every_name_has_a_case(operator: Operator) -> None:
    counted = [operator.check(f"names.{part}").detail for part in ("management", "security")]

    parts = [case.part for case in CASES]
    assert counted == [f"{parts.count(part)} available" for part in ("management", "security")]
    assert operator.check("names.log_archive").detail == f"{parts.count('log_archive')} available"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_resource_of_others_is_a_conflict_and_never_deleted(
    case: NameCase, operator: Operator, sandbox: Sandbox
) -> None:
    check = f"names.{case.part}"
    case.create(sandbox, case.account, OTHERS)
    conflict = operator.check(check)
    case.delete(operator)

    assert conflict.status == Status.FAIL
    assert conflict.detail == f"{case.shown} exists, not created by Rootwatch"
    assert lines(conflict) == []
    assert config_of(conflict) == ("name_prefix: rootwatch-2",)
    assert operator.check(check).status == Status.PASS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_resource_of_rootwatch_passes_if_it_is_in_the_state_of_its_stack(
    case: NameCase, operator: Operator, sandbox: Sandbox
) -> None:
    check, resource = f"names.{case.part}", case.resource(operator)
    case.create(sandbox, case.account, OWN)
    lost = operator.check(check)
    write_state(operator.root, resource.stack, [resource.in_state])
    own = operator.check(check)
    write_state(operator.root, resource.stack, [(resource.in_state[0], "another")])
    orphaned = operator.check(check)
    if resource.kind in ACTIVE_KINDS:
        assert lines(orphaned) == []
        case.delete(operator)
    else:
        operator.follow(orphaned)

    assert own.status == Status.PASS
    assert own.detail.endswith(", 1 created by this deployment")
    assert lost.status == orphaned.status == Status.FAIL
    detail = f"{case.shown} exists, tagged by Rootwatch, but in no Terraform state"
    assert lost.detail == orphaned.detail == detail
    assert lines(lost) == lines(orphaned)
    assert operator.check(check).status == Status.PASS


def test_a_resource_without_tags_is_a_conflict(operator: Operator, sandbox: Sandbox) -> None:
    (queue,) = (one for one in IN_SECURITY if one.shown == f"queue {NAMES.importer_queue}")
    queue.create(sandbox, SECURITY.id, {})
    found = operator.check("names.security")
    queue.delete(operator)

    assert found.status == Status.FAIL


def test_nothing_is_deleted_while_the_function_exists(operator: Operator, sandbox: Sandbox) -> None:
    """The states of the deployment are in another clone."""
    parts = [one for one in IN_SECURITY if one.shown.startswith(("function", "queue", "table"))]
    for case in parts:
        case.create(sandbox, SECURITY.id, OWN)
    found = operator.check("names.security")
    for case in parts:
        case.delete(operator)

    assert found.detail.count("tagged by Rootwatch, but in no Terraform state") == len(parts) == 4
    assert lines(found) == []


def test_all_conflicts_are_reported_at_once_and_only_by_these_checks(
    operator: Operator, sandbox: Sandbox
) -> None:
    for case in CASES:
        case.create(sandbox, case.account, OTHERS)
    found = operator.problems()
    for case in CASES:
        case.delete(operator)

    assert {
        id_: result.detail.count("exists, not created by Rootwatch")
        for id_, result in found.items()
    } == {
        f"names.{part}": [case.part for case in CASES].count(part)
        for part in ("management", "log_archive", "security")
    }
    assert operator.problems() == {}


def test_a_bucket_in_another_account_requires_another_prefix(
    operator: Operator, sandbox: Sandbox
) -> None:
    create_bucket(sandbox, MEMBERS[0].id, OWN)
    found = only(operator.problems(), "names.log_archive")
    sandbox.client("s3", MEMBERS[0].id).delete_bucket(Bucket=NAMES.trail_bucket)

    assert found.detail == f"bucket {NAMES.trail_bucket} exists, in another account"
    assert lines(found) == []
    assert config_of(found) == ("name_prefix: rootwatch-2",)


def test_another_prefix_is_available(operator: Operator, sandbox: Sandbox) -> None:
    (queue,) = (one for one in IN_SECURITY if one.shown == f"queue {NAMES.importer_queue}")
    queue.create(sandbox, SECURITY.id, OTHERS)
    other = operator.configured(name_prefix="rootwatch-2")

    assert other.check("names.security").status == Status.PASS
    queue.delete(operator)


class TestDeployed:
    def test_the_member_access_is_known_by_the_state_of_the_stack_set(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        (role,) = (
            one
            for one in MEMBER_ACCESS
            if (one.part, one.shown) == ("security", f"role {NAMES.member_role}")
        )
        role.create(sandbox, SECURITY.id, {})
        found = operator.check("names.security")
        write_state(operator.root, "organization", [])
        conflict = operator.check("names.security")
        role.delete(operator)

        assert found.status == Status.PASS
        assert conflict.status == Status.FAIL

    def test_a_deployment_without_its_state_fails(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        create_stack_set(sandbox, MANAGEMENT.id, OWN)
        found = operator.problems()
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        after = operator.problems()
        sandbox.client("cloudformation").delete_stack_set(StackSetName=NAMES.member_stack_set)

        assert set(found) == {"deployment.state", "names.management"}
        assert found["deployment.state"].detail.startswith(
            "deployed, but no state in the project folder: organization"
        )
        assert after == {}


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

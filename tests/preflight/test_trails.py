"""`check --before`: an organization trail that would be paid for twice is read instead."""

import pytest

from operations.preflight.result import Status
from sandbox.cloudtrail import sign_ins
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.resources import REGION
from tests.preflight.operator import MINIMAL, Operator, config_of, lines, only
from tests.preflight.trails import DATA, DELEGATED, GROUP, READ_ONLY, Trails, arn_of
from tests.unit.operations.answers import write_state


@pytest.mark.usefixtures("delegated")
def test_one_with_a_log_group_in_the_security_account_is_read_instead(
    operator: Operator, trails: Trails
) -> None:
    name = trails(SECURITY.id)
    write_state(operator.root, "trail", [(DELEGATED, SECURITY.id)])
    found = only(operator.not_ok(), "trail.second")
    write_state(operator.root, "trail", [])

    assert found.detail == f"there is {name} (log group {GROUP} in {SECURITY.id}, {REGION})"
    assert config_of(found) == (
        "trail:",
        "  managed: false",
        f"  name: {name}",
        f"  log_group: {GROUP}",
        f"  bucket: {trails.bucket}",
    )
    assert operator.taking(found).not_ok() == {}


def test_the_account_of_its_log_group_becomes_the_security_account(
    operator: Operator, trails: Trails
) -> None:
    """As with Control Tower's, whose log group the management account has."""
    trails(MANAGEMENT.id)
    found = only(operator.not_ok(), "trail.second")
    reading = operator.taking(found)

    assert config_of(found)[-4:] == (
        "accounts:",
        f'  security: "{MANAGEMENT.id}"',
        "security_hub:",
        "  managed: false",
    )
    assert reading.settings.accounts.security == MANAGEMENT.id
    off = only(reading.not_ok(), "security_hub.security")
    reading.do(off)
    assert reading.not_ok() == {}
    operator.sandbox.client("securityhub").disable_security_hub()


def test_one_without_a_log_group_gets_one_that_it_delivers_to(
    operator: Operator, trails: Trails, sandbox: Sandbox
) -> None:
    name = trails()
    found = only(operator.not_ok(), "trail.second")
    operator.do(found)
    reading = operator.taking(found)
    sandbox.record(sign_ins.root_without_mfa(MEMBERS[0].id))
    logs = sandbox.client("logs", SECURITY.id)
    group = f"cloudtrail/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=SECURITY.id
    )

    assert found.detail == f"there is {name} (no log group)"
    assert [line.split()[1:3] for line in lines(found)] == [
        ["cloudtrail", "register-organization-delegated-admin"],
        ["logs", "create-log-group"],
        ["iam", "create-role"],
        ["iam", "put-role-policy"],
        ["cloudtrail", "update-trail"],
    ]
    assert reading.settings.trail.log_group == group
    assert reading.not_ok() == {}
    assert streams


def test_one_that_is_stopped_costs_nothing(operator: Operator, trails: Trails) -> None:
    trails(starts=False)

    assert operator.not_ok() == {}


def test_one_of_data_events_is_another_matter(operator: Operator, trails: Trails) -> None:
    name = trails()
    trails.client.put_event_selectors(TrailName=name, AdvancedEventSelectors=[DATA])

    assert operator.not_ok() == {}


def test_one_that_records_what_is_read_only_is_paid_for_all_the_same(
    operator: Operator, trails: Trails
) -> None:
    name = trails()
    trails.client.put_event_selectors(TrailName=name, EventSelectors=[READ_ONLY])

    only(operator.not_ok(), "trail.second")


def test_a_trail_of_one_account_is_none_of_the_organizations(
    operator: Operator, trails: Trails
) -> None:
    trails(IsOrganizationTrail=False)

    assert operator.not_ok() == {}


def test_rootwatchs_own_is_not_paid_for_twice(operator: Operator, trails: Trails) -> None:
    name = trails()
    own = operator.of(trail={"name": name})
    by_others = own.look("trail.second")
    give_to_rootwatch(trails, name)
    write_state(operator.root, "trail", [("aws_cloudtrail", arn_of(name))])

    assert by_others.status == Status.MISSING
    assert own.not_ok() == {}


def give_to_rootwatch(trails: Trails, name: str) -> None:
    tags = [{"Key": "project", "Value": MINIMAL.name_prefix}]
    trails.client.add_tags(ResourceId=arn_of(name), TagsList=tags)


class TestAnotherTrailIsRead:
    @pytest.fixture
    def reading(self, operator: Operator, trails: Trails, delegated: None) -> Operator:  # noqa: ARG002
        trail = {"managed": False, "name": trails(SECURITY.id), "log_group": GROUP}
        return operator.of(trail={**trail, "bucket": trails.bucket})

    def test_a_second_one_of_others_is_a_warning_until_it_is_stopped(
        self, reading: Operator, trails: Trails
    ) -> None:
        name = trails.beside()
        found = only(reading.not_ok(), "trail.second", Status.WARNING)
        reading.do(found)

        read = reading.settings.trail.name
        assert found.detail == f"besides {read} there is {name} (no log group)"
        assert reading.not_ok() == {}

    @pytest.mark.parametrize("starts", [True, False])
    def test_one_of_rootwatchs_own_is_destroyed_first(
        self, reading: Operator, trails: Trails, *, starts: bool
    ) -> None:
        name = trails.beside(starts=starts)
        give_to_rootwatch(trails, name)
        found = only(reading.not_ok(), "trail.former")
        trails.client.delete_trail(Name=arn_of(name))

        assert found.detail == f"{name} is there"
        (line,) = lines(found)
        assert line == "ROOTWATCH_CONFIG=former.yaml make destroy STACK=trail"
        assert reading.not_ok() == {}

    def test_what_is_left_of_the_stack_is_told_by_its_state(self, reading: Operator) -> None:
        write_state(reading.root, "trail", [("aws_s3_bucket", "left")])
        found = only(reading.not_ok(), "trail.former")
        write_state(reading.root, "trail", [])

        assert found.detail == "the stack trail is deployed"
        assert reading.not_ok() == {}

    def test_one_of_rootwatchs_own_that_is_read_on_is_no_matter(
        self, reading: Operator, trails: Trails
    ) -> None:
        name = reading.settings.trail.name
        give_to_rootwatch(trails, name)
        write_state(reading.root, "trail", [("aws_cloudtrail", name)])

        assert reading.not_ok() == {}

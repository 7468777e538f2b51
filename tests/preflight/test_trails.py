"""The preflight: duplicate organization trails, and former trails of Rootwatch."""

from typing import Any

import pytest

from modules.naming import Names
from operations.preflight.result import Status
from sandbox.cloudtrail import sign_ins
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.resources import REGION, create_function
from tests.preflight.operators import MINIMAL, Operator, only
from tests.preflight.resources import DATA, DELEGATED, GROUP, READ_ONLY, TrailCreator, arn_of
from tests.unit.operations.fake_aws import config_of, lines, write_state


@pytest.mark.usefixtures("delegated")
def test_a_duplicate_with_a_log_group_in_the_security_account_is_used(
    operator: Operator, trails: TrailCreator
) -> None:
    name = trails(SECURITY.id)
    write_state(operator.root, "trail", [(DELEGATED, SECURITY.id)])
    found = only(operator.problems(), "trail.duplicate")
    write_state(operator.root, "trail", [])

    assert found.detail == f"{name} (log group {GROUP} in {SECURITY.id}, {REGION})"
    assert config_of(found) == (
        "trail:",
        "  managed: false",
        f"  name: {name}",
        f"  log_group: {GROUP}",
        f"  bucket: {trails.bucket}",
    )
    assert operator.with_config_of(found).problems() == {}


def test_the_account_of_the_log_group_becomes_the_security_account(
    operator: Operator, trails: TrailCreator
) -> None:
    """As for the trail of AWS Control Tower: its log group is in the management account."""
    trails(MANAGEMENT.id)
    found = only(operator.problems(), "trail.duplicate")
    existing = operator.with_config_of(found)

    assert config_of(found)[-4:] == (
        "accounts:",
        f'  security: "{MANAGEMENT.id}"',
        "security_hub:",
        "  managed: false",
    )
    assert existing.settings.accounts.security == MANAGEMENT.id
    off = only(existing.problems(), "security_hub.security")
    existing.follow(off)
    assert existing.problems() == {}
    operator.sandbox.client("securityhub").disable_security_hub()


def test_a_duplicate_without_a_log_group_gets_one_and_delivers_to_it(
    operator: Operator, trails: TrailCreator, sandbox: Sandbox
) -> None:
    name = trails()
    found = only(operator.problems(), "trail.duplicate")
    operator.follow(found)
    existing = operator.with_config_of(found)
    sandbox.record(sign_ins.root_without_mfa(MEMBERS[0].id))
    logs = sandbox.client("logs", SECURITY.id)
    group = f"cloudtrail/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=SECURITY.id
    )

    assert found.detail == f"{name} (no log group)"
    assert [line.split()[1:3] for line in lines(found)] == [
        ["cloudtrail", "register-organization-delegated-admin"],
        ["logs", "create-log-group"],
        ["iam", "create-role"],
        ["iam", "put-role-policy"],
        ["cloudtrail", "update-trail"],
    ]
    assert existing.settings.trail.log_group == group
    assert existing.problems() == {}
    assert streams


def test_a_stopped_trail_is_not_a_duplicate(operator: Operator, trails: TrailCreator) -> None:
    trails(starts=False)

    assert operator.problems() == {}


def test_a_trail_for_data_events_is_not_a_duplicate(
    operator: Operator, trails: TrailCreator
) -> None:
    name = trails()
    trails.client.put_event_selectors(TrailName=name, AdvancedEventSelectors=[DATA])

    assert operator.problems() == {}


def test_a_trail_for_read_events_is_a_duplicate(operator: Operator, trails: TrailCreator) -> None:
    name = trails()
    trails.client.put_event_selectors(TrailName=name, EventSelectors=[READ_ONLY])

    only(operator.problems(), "trail.duplicate")


def test_a_trail_of_one_account_is_not_a_duplicate(
    operator: Operator, trails: TrailCreator
) -> None:
    trails(IsOrganizationTrail=False)

    assert operator.problems() == {}


def test_the_trail_of_rootwatch_is_not_a_duplicate(
    operator: Operator, trails: TrailCreator
) -> None:
    name = trails()
    own = operator.configured(trail={"name": name})
    before = own.check("trail.duplicate")
    tag_as_rootwatch(trails, name)
    write_state(operator.root, "trail", [("aws_cloudtrail", arn_of(name))])

    assert before.status == Status.FAIL
    assert own.problems() == {}


def tag_as_rootwatch(trails: TrailCreator, name: str) -> None:
    tags = [{"Key": "rootwatch:deployment", "Value": MINIMAL.deployment}]
    trails.client.add_tags(ResourceId=arn_of(name), TagsList=tags)


class TestExistingTrail:
    @pytest.fixture
    def existing(self, operator: Operator, trails: TrailCreator, delegated: None) -> Operator:  # noqa: ARG002
        trail = {"managed": False, "name": trails(SECURITY.id), "log_group": GROUP}
        return operator.configured(trail={**trail, "bucket": trails.bucket})

    def test_a_duplicate_is_a_warning(self, existing: Operator, trails: TrailCreator) -> None:
        name = trails.second()
        found = only(existing.problems(), "trail.duplicate", Status.WARN)
        trails.client.stop_logging(Name=arn_of(name))

        used = existing.settings.trail.name
        assert found.detail == f"{name} (no log group), in addition to {used}"
        assert existing.problems() == {}

    @pytest.mark.parametrize("starts", [True, False])
    def test_a_former_trail_of_rootwatch_is_destroyed_first(
        self, existing: Operator, trails: TrailCreator, *, starts: bool
    ) -> None:
        name = trails.second(starts=starts)
        tag_as_rootwatch(trails, name)
        found = only(existing.problems(), "trail.former")
        trails.client.delete_trail(Name=arn_of(name))

        assert found.detail == f"{name} still exists"
        (line,) = lines(found)
        assert line == "ROOTWATCH_CONFIG=former.yaml make destroy STACK=trail"
        assert existing.problems() == {}

    def test_a_former_stack_is_known_by_its_state(self, existing: Operator) -> None:
        write_state(existing.root, "trail", [("aws_s3_bucket", "left")])
        found = only(existing.problems(), "trail.former")
        write_state(existing.root, "trail", [])

        assert found.detail == "the stack trail is still deployed"
        assert existing.problems() == {}

    def test_a_trail_that_rootwatch_created_and_still_uses_passes(
        self, existing: Operator, trails: TrailCreator
    ) -> None:
        name = existing.settings.trail.name
        tag_as_rootwatch(trails, name)
        write_state(existing.root, "trail", [("aws_cloudtrail", name)])

        assert existing.problems() == {}


class Subscriptions:
    def __init__(self, sandbox: Sandbox) -> None:
        self._logs = sandbox.client("logs", SECURITY.id)
        name = create_function(sandbox, SECURITY.id, "handler = print")
        functions = sandbox.client("lambda", SECURITY.id)
        functions.add_permission(
            FunctionName=name,
            StatementId="logs",
            Action="lambda:InvokeFunction",
            Principal="logs.amazonaws.com",
        )
        self._function = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    def __call__(self, *names: str) -> None:
        for name in names:
            self._logs.put_subscription_filter(
                logGroupName=GROUP,
                filterName=name,
                filterPattern="",
                destinationArn=self._function,
            )


@pytest.fixture
def subscriptions(sandbox: Sandbox) -> Subscriptions:
    return Subscriptions(sandbox)


@pytest.fixture
def name(trails: TrailCreator, delegated: None) -> str:  # noqa: ARG001  created before it
    return trails(SECURITY.id)


@pytest.fixture
def existing(operator: Operator, trails: TrailCreator, name: str) -> Operator:
    return operator.configured(
        trail={"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
    )


def test_a_trail_that_logs_and_delivers_passes(existing: Operator) -> None:
    assert existing.problems() == {}


def test_a_trail_that_does_not_exist_fails_with_the_name_of_one_that_does(
    existing: Operator, name: str
) -> None:
    lost = existing.configured(trail={"name": "nowhere"})
    found = lost.problems()
    coverage = found.pop("trail.coverage")

    assert coverage.detail == "trail nowhere does not exist"
    assert f"  name: {name}" in config_of(coverage)
    assert set(found) == {"trail.events", "trail.delivery", "trail.destination", "trail.duplicate"}
    skipped = (Status.ERROR, "skipped: trail nowhere does not exist")
    assert {(one.status, one.detail) for one in found.values()} == {skipped}


@pytest.mark.parametrize(
    ("setting", "detail"),
    [
        ("IsOrganizationTrail", "not an organization trail"),
        ("IsMultiRegionTrail", "not a multi-Region trail"),
    ],
)
def test_the_coverage_of_a_trail_is_extended(
    existing: Operator, trails: TrailCreator, name: str, setting: str, detail: str
) -> None:
    trails.client.update_trail(Name=name, **{setting: False})
    found = only(existing.problems(), "trail.coverage")
    existing.follow(found)

    assert found.detail == detail
    assert existing.problems() == {}


@pytest.mark.parametrize(
    "selectors", [{"EventSelectors": [READ_ONLY]}, {"AdvancedEventSelectors": [DATA]}]
)
def test_a_trail_that_does_not_log_sign_ins_is_changed(
    existing: Operator, trails: TrailCreator, name: str, selectors: dict[str, Any]
) -> None:
    trails.client.put_event_selectors(TrailName=name, **selectors)
    found = only(existing.problems(), "trail.events")
    existing.follow(found)

    assert existing.problems() == {}
    kept = trails.client.get_event_selectors(TrailName=name)
    advanced = selectors.get("AdvancedEventSelectors", [])
    assert kept.get("AdvancedEventSelectors", [])[: len(advanced)] == advanced


def test_a_trail_that_is_stopped_is_started(
    existing: Operator, trails: TrailCreator, name: str
) -> None:
    trails.client.stop_logging(Name=name)
    found = only(existing.problems(), "trail.delivery")
    existing.follow(found)

    assert found.detail == "stopped"
    assert existing.problems() == {}


@pytest.mark.parametrize("key", ["log_group", "bucket"])
def test_the_remedy_of_another_destination_is_the_destination_of_the_trail(
    existing: Operator, operator: Operator, key: str
) -> None:
    found = existing.configured(trail={key: "another"}).check("trail.destination")

    assert found.status == Status.FAIL
    assert operator.with_config_of(found).settings.trail == existing.settings.trail


def test_the_remedy_of_another_region_is_the_home_region(existing: Operator) -> None:
    found = existing.configured(home_region="eu-west-1").check("trail.destination")

    assert found.status == Status.FAIL
    assert config_of(found)[0] == f"home_region: {REGION}"


def test_a_trail_without_a_log_group_gets_that_of_the_configuration(
    operator: Operator, trails: TrailCreator, sandbox: Sandbox
) -> None:
    name = trails()
    wanted = {"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
    existing = operator.configured(trail=wanted)
    found = existing.problems()
    existing.follow(found["trail.destination"])
    after = existing.problems()
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=SECURITY.id
    )

    assert set(found) == {"trail.destination", "trail.log_group"}
    assert found["trail.log_group"].detail == f"log group {GROUP} does not exist"
    assert after == {}


def test_two_other_subscription_filters_are_a_warning(
    existing: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", "two")
    found = only(existing.problems(), "trail.log_group", Status.WARN)

    assert found.detail.startswith("2 other subscription filters of an unknown quota")
    assert lines(found) == []


def test_the_subscription_filter_of_rootwatch_is_not_counted(
    existing: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", Names(MINIMAL).importer)
    found = existing.check("trail.log_group")

    assert found.status == Status.PASS
    assert found.detail.startswith("1 other subscription filters of an unknown quota")

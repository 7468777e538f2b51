"""The preflight: whether Rootwatch can use an existing trail."""

from typing import Any

import pytest

from modules.naming import Names
from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import REGION, create_function
from tests.preflight.operators import MINIMAL, Operator, only
from tests.preflight.trails import DATA, GROUP, READ_ONLY, Trails
from tests.unit.operations.fake_aws import config_of, lines


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
def name(trails: Trails, delegated: None) -> str:  # noqa: ARG001  created before it
    return trails(SECURITY.id)


@pytest.fixture
def existing(operator: Operator, trails: Trails, name: str) -> Operator:
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
    existing: Operator, trails: Trails, name: str, setting: str, detail: str
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
    existing: Operator, trails: Trails, name: str, selectors: dict[str, Any]
) -> None:
    trails.client.put_event_selectors(TrailName=name, **selectors)
    found = only(existing.problems(), "trail.events")
    existing.follow(found)

    assert existing.problems() == {}
    kept = trails.client.get_event_selectors(TrailName=name)
    advanced = selectors.get("AdvancedEventSelectors", [])
    assert kept.get("AdvancedEventSelectors", [])[: len(advanced)] == advanced


def test_a_trail_that_is_stopped_is_started(existing: Operator, trails: Trails, name: str) -> None:
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
    operator: Operator, trails: Trails, sandbox: Sandbox
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


def test_subscription_filters_are_deleted_for_capacity(
    existing: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", "two")
    found = only(existing.problems(), "trail.log_group")
    existing.follow(found)

    assert found.detail.startswith("2 other subscription filters of at most 2")
    assert len(lines(found)) == 2
    assert existing.problems() == {}


def test_the_subscription_filter_of_rootwatch_is_not_counted(
    existing: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", Names(MINIMAL).importer)
    found = existing.check("trail.log_group")

    assert found.status == Status.PASS
    assert found.detail.startswith("1 other subscription filters of at most 2")

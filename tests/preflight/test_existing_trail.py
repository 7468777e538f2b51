"""`check --before`: the trail that exists already records, delivers, and can be read."""

from typing import Any

import pytest

from modules.naming import Names
from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import REGION, create_function
from tests.preflight.operator import MINIMAL, Operator, config_of, lines, only
from tests.preflight.trails import DATA, GROUP, READ_ONLY, Trails


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
def name(trails: Trails, delegated: None) -> str:  # noqa: ARG001  made before it
    return trails(SECURITY.id)


@pytest.fixture
def reading(operator: Operator, trails: Trails, name: str) -> Operator:
    return operator.of(
        trail={"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
    )


def test_nothing_is_missing_where_it_records_and_delivers(reading: Operator) -> None:
    assert reading.not_ok() == {}


def test_a_trail_that_is_not_there_is_told_with_one_that_is(reading: Operator, name: str) -> None:
    lost = reading.of(trail={"name": "nowhere"})
    found = lost.not_ok()
    coverage = found.pop("trail.coverage")

    assert coverage.detail == "there is no trail nowhere"
    assert f"  name: {name}" in config_of(coverage)
    unknown = {"trail.recording", "trail.delivery", "trail.destination", "trail.second"}
    assert set(found) == unknown
    told = {(one.status, one.detail) for one in found.values()}
    because = "not looked at, because there is no trail nowhere"
    assert told == {(Status.UNKNOWN, because)}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("IsOrganizationTrail", "no organization trail"),
        ("IsMultiRegionTrail", "of one region only"),
    ],
)
def test_a_trail_that_covers_less_is_widened(
    reading: Operator, trails: Trails, name: str, setting: str, told: str
) -> None:
    trails.client.update_trail(Name=name, **{setting: False})
    found = only(reading.not_ok(), "trail.coverage")
    reading.do(found)

    assert found.detail == told
    assert reading.not_ok() == {}


@pytest.mark.parametrize(
    "selectors", [{"EventSelectors": [READ_ONLY]}, {"AdvancedEventSelectors": [DATA]}]
)
def test_a_trail_that_records_no_sign_ins_is_made_to(
    reading: Operator, trails: Trails, name: str, selectors: dict[str, Any]
) -> None:
    trails.client.put_event_selectors(TrailName=name, **selectors)
    found = only(reading.not_ok(), "trail.recording")
    reading.do(found)

    assert reading.not_ok() == {}
    kept = trails.client.get_event_selectors(TrailName=name)
    advanced = selectors.get("AdvancedEventSelectors", [])
    assert kept.get("AdvancedEventSelectors", [])[: len(advanced)] == advanced


def test_a_trail_that_is_stopped_is_started(reading: Operator, trails: Trails, name: str) -> None:
    trails.client.stop_logging(Name=name)
    found = only(reading.not_ok(), "trail.delivery")
    reading.do(found)

    assert found.detail == "is stopped"
    assert reading.not_ok() == {}


@pytest.mark.parametrize("key", ["log_group", "bucket"])
def test_names_that_are_not_the_trails_are_told_as_they_are(
    reading: Operator, operator: Operator, key: str
) -> None:
    found = reading.of(trail={key: "another"}).look("trail.destination")

    assert found.status == Status.MISSING
    assert operator.taking(found).settings.trail == reading.settings.trail


def test_another_region_is_told(reading: Operator) -> None:
    found = reading.of(home_region="eu-west-1").look("trail.destination")

    assert found.status == Status.MISSING
    assert config_of(found)[0] == f"home_region: {REGION}"


def test_a_trail_without_a_log_group_gets_the_one_of_the_configuration(
    operator: Operator, trails: Trails, sandbox: Sandbox
) -> None:
    name = trails()
    wanted = {"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
    reading = operator.of(trail=wanted)
    found = reading.not_ok()
    reading.do(found["trail.destination"])
    mended = reading.not_ok()
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=SECURITY.id
    )

    assert set(found) == {"trail.destination", "trail.log_group"}
    assert found["trail.log_group"].detail == f"{GROUP} does not exist"
    assert mended == {}


def test_a_log_group_without_room_for_a_subscription_gets_it(
    reading: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", "two")
    found = only(reading.not_ok(), "trail.log_group")
    reading.do(found)

    assert found.detail.startswith("2 of 2 subscription filters")
    assert len(lines(found)) == 2
    assert reading.not_ok() == {}


def test_rootwatchs_own_subscription_takes_no_room_away(
    reading: Operator, subscriptions: Subscriptions
) -> None:
    subscriptions("one", Names(MINIMAL).importer)
    found = reading.look("trail.log_group")

    assert found.status == Status.OK
    assert found.detail.startswith("1 of 2 subscription filters")

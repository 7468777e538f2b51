"""Trails under the worst conditions: events are minutes late, in another order, and duplicated."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from moto.cloudtrail.models import Trail

from sandbox.clock import Clock
from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.late_deliveries import LateDeliveries, LateDelivery
from sandbox.conditions import LogTimestamp, ideal
from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY
from sandbox.tests.cloudtrail.trail_resources import (
    CLOUDTRAIL,
    WRITE_LOG,
    TrailCreator,
    create_bucket,
    log_delivery,
    trail_arn,
)
from sandbox.tests.resources import create_role, unique

MEMBER = MEMBERS[0].id
MINUTE = timedelta(minutes=1)
NUMBER = 200
LATE = replace(
    ideal(),
    seed=1,
    trail_delay_minutes=15,
    log_timestamp=LogTimestamp.OF_EVENT,
    duplicate_rate=0.25,
)
TRAIL = cast("Trail", None)  # whichever it is


def deliveries(seed: int = 1, **changes: Any) -> tuple[datetime, list[LateDelivery]]:
    """Of many events, in the order of their deliveries, and when they were recorded."""
    clock = Clock()
    late = LateDeliveries(clock, replace(LATE, seed=seed, **changes))
    recorded = clock.now()
    for number in range(NUMBER):
        late.add(TRAIL, sign_ins.root_without_mfa(MEMBER) | {"eventID": str(number)})
    delivered: list[LateDelivery] = []
    clock.each_minute(lambda minute: delivered.extend(late.take_due(minute)))
    while late:
        clock.advance_to_next_minute()
    return recorded, delivered


def ids(delivered: list[LateDelivery]) -> list[str]:
    return [one.event["eventID"] for one in delivered]


def test_an_event_is_one_to_fifteen_minutes_late() -> None:
    recorded, delivered = deliveries()

    delays = [(one.due - recorded) / MINUTE for one in delivered]
    assert 1 <= min(delays) < 3
    assert 13 < max(delays) <= 15


def test_events_are_delivered_in_another_order() -> None:
    _, delivered = deliveries(duplicate_rate=0.0)

    assert len(delivered) == NUMBER
    assert ids(delivered) != sorted(ids(delivered), key=int)


def test_some_events_are_delivered_twice_and_none_is_lost() -> None:
    _, delivered = deliveries()
    times = Counter(Counter(ids(delivered)).values())

    assert set(times) == {1, 2}
    assert times.total() == NUMBER
    assert NUMBER / 8 < times[2] < NUMBER / 2


def test_the_seed_decides_the_deliveries() -> None:
    first, again, other = (ids(deliveries(seed)[1]) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_timestamp_is_that_of_the_event_or_of_the_delivery() -> None:
    recorded, of_event = deliveries()
    _, of_delivery = deliveries(log_timestamp=LogTimestamp.OF_DELIVERY)

    times = [one.timestamp for one in of_event if one.timestamp]
    assert len(times) == len(of_event)
    assert all(abs(time - recorded) < MINUTE for time in times)
    assert {one.timestamp for one in of_delivery} == {None}


def test_the_timestamp_of_an_event_is_by_the_sandbox_s_clock() -> None:
    clock = Clock()
    clock.advance(24 * 3600)
    late = LateDeliveries(clock, LATE)
    late.add(TRAIL, sign_ins.root_without_mfa(MEMBER))
    clock.advance(3600)
    delivery, *_ = late.take_due(clock.now())

    assert delivery.timestamp is not None
    assert 59 < (clock.now() - delivery.timestamp) / MINUTE < 62


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conditions=replace(LATE, duplicate_rate=0.0)) as running:
        yield running


class LateTrail:
    """An organization trail with a log group of the security account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        sandbox.client("cloudtrail").register_organization_delegated_admin(
            MemberAccountId=SECURITY.id
        )
        name = unique("trail")
        role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
        delivery = log_delivery(sandbox, CloudWatchLogsRoleArn=role)
        self.role = role.rpartition("/")[2]
        self.group = delivery["CloudWatchLogsLogGroupArn"].split(":")[6]
        TrailCreator(sandbox)(name, create_bucket(sandbox, trail_arn(name)), **delivery)
        sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=trail_arn(name))

    def ids(self) -> set[str]:
        """Of all events in the log group."""
        return {json.loads(one["message"])["eventID"] for one in self.log_events()}

    def log_events(self) -> list[dict[str, Any]]:
        logs = self._sandbox.client("logs", SECURITY.id)
        return list(logs.filter_log_events(logGroupName=self.group)["events"])


@pytest.fixture(scope="module")
def trail(sandbox: Sandbox) -> LateTrail:
    return LateTrail(sandbox)


def test_settle_advances_the_clock_until_the_events_are_delivered(
    sandbox: Sandbox, trail: LateTrail
) -> None:
    event = sign_ins.root_without_mfa(MEMBER)
    recorded = sandbox.clock.now()
    sandbox.services.trails.log(event)
    before = trail.ids()
    sandbox.settle()

    assert event["eventID"] not in before
    assert event["eventID"] in trail.ids()
    assert MINUTE <= sandbox.clock.now() - recorded < 16 * MINUTE


def test_a_late_event_has_its_own_time(sandbox: Sandbox, trail: LateTrail) -> None:
    sandbox.clock.advance(6 * 3600)
    recorded = sandbox.clock.now().replace(tzinfo=UTC)
    event = sign_ins.root_without_mfa(MEMBER)
    sandbox.record(event)

    (logged,) = [one for one in trail.log_events() if event["eventID"] in one["message"]]
    assert abs(logged["timestamp"] / 1000 - recorded.timestamp()) < MINUTE.total_seconds()


def test_an_event_is_undelivered_if_the_role_loses_its_permission_meanwhile(
    sandbox: Sandbox, trail: LateTrail
) -> None:
    event, iam = sign_ins.root_without_mfa(MEMBER), sandbox.client("iam", SECURITY.id)
    sandbox.services.trails.log(event)
    own = iam.get_role_policy(RoleName=trail.role, PolicyName="own")["PolicyDocument"]
    iam.delete_role_policy(RoleName=trail.role, PolicyName="own")
    sandbox.settle()
    iam.put_role_policy(RoleName=trail.role, PolicyName="own", PolicyDocument=json.dumps(own))

    (reason,) = sandbox.services.trails.undelivered
    assert "not authorized to perform: logs:CreateLogStream" in reason
    assert event["eventID"] not in trail.ids()

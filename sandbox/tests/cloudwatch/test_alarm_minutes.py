"""Alarms wait for the whole minute and for late datapoints; missing data decides their state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cloudwatch.evaluation import decided
from sandbox.conditions import ideal
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    create_topic,
    mails,
    service,
    subscribe,
    unique,
)

NAMESPACE = "Tests"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conditions=replace(ideal(), alarms_wait=True, alarm_range_periods=2)) as running:
        yield running


class WaitingAlarm:
    """An alarm on one of the last three minutes of its own metric."""

    def __init__(self, sandbox: Sandbox, **changes: Any) -> None:
        self.name = unique("alarm")
        self._sandbox = sandbox
        self._client = sandbox.client("cloudwatch", SECURITY.id)
        properties = {
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        }
        self._client.put_metric_alarm(
            AlarmName=self.name,
            Namespace=NAMESPACE,
            MetricName=self.name,
            **{**properties, **changes},
        )
        sandbox.clock.advance_to_next_minute()

    def put(self, *values: float, minutes_ago: float = 0) -> None:
        when = self._sandbox.clock.now().replace(tzinfo=UTC) - minutes_ago * MINUTE
        data = [{"MetricName": self.name, "Value": one, "Timestamp": when} for one in values]
        self._client.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def after(self, minutes: int) -> str:
        for _ in range(minutes):
            self._sandbox.clock.advance_to_next_minute()
        return self.state

    @property
    def state(self) -> str:
        (alarm,) = self._client.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return str(alarm["StateValue"])


def test_a_datapoint_counts_when_its_minute_has_ended(sandbox: Sandbox) -> None:
    alarm = WaitingAlarm(sandbox)

    alarm.put(1)

    assert alarm.state == "OK"
    assert alarm.after(minutes=1) == "ALARM"


def test_a_late_datapoint_counts_within_the_evaluation_range(sandbox: Sandbox) -> None:
    """Three periods and two more."""
    for minutes_ago, state in ((2, "ALARM"), (4, "ALARM"), (6, "OK")):
        alarm = WaitingAlarm(sandbox)

        alarm.put(1, minutes_ago=minutes_ago)

        assert alarm.after(minutes=1) == state, minutes_ago


def test_a_late_datapoint_does_not_count_behind_newer_ones(sandbox: Sandbox) -> None:
    alarm = WaitingAlarm(sandbox)

    for minutes_ago in range(3):
        alarm.put(0, minutes_ago=minutes_ago)
    alarm.put(1, minutes_ago=3)

    assert alarm.after(minutes=1) == "OK"


def test_an_alarm_ends_when_its_datapoint_leaves_the_range(sandbox: Sandbox) -> None:
    alarm = WaitingAlarm(sandbox)
    alarm.put(1)

    assert [alarm.after(minutes=5), alarm.after(minutes=1)] == ["ALARM", "OK"]


def test_a_negative_value_cancels_a_sum_and_no_maximum(sandbox: Sandbox) -> None:
    for statistic, state in (("Sum", "OK"), ("Maximum", "ALARM")):
        alarm = WaitingAlarm(sandbox, Statistic=statistic)

        alarm.put(1, -1)

        assert alarm.after(minutes=1) == state, statistic


def test_each_statistic_is_evaluated(sandbox: Sandbox) -> None:
    for statistic, value in (
        ("Sum", 12),
        ("Maximum", 8),
        ("Minimum", 1),
        ("Average", 4),
        ("SampleCount", 3),
    ):
        for threshold, state in ((value, "ALARM"), (value + 0.5, "OK")):
            alarm = WaitingAlarm(sandbox, Statistic=statistic, Threshold=threshold)

            alarm.put(1, 3, 8)

            assert alarm.after(minutes=1) == state, (statistic, threshold)


def test_actions_follow_a_change_of_the_state_only(sandbox: Sandbox) -> None:
    publishes = allow("sns:Publish", Principal=service("cloudwatch"))
    topics = [create_topic(sandbox, SECURITY.id, publishes) for _ in range(3)]
    for topic in topics:
        subscribe(sandbox, topic, "on-call@example.com")
    alarm = WaitingAlarm(
        sandbox,
        TreatMissingData="missing",
        AlarmActions=topics[:1],
        OKActions=topics[1:2],
        InsufficientDataActions=topics[2:],
    )
    alarm.put(1)
    alarm.after(minutes=5)
    alarm.put(0, 0)
    for minutes_ago in (1, 2):
        alarm.put(0, minutes_ago=minutes_ago)
    alarm.after(minutes=6)

    subjects = [[mail.subject for mail in mails(sandbox, topic)] for topic in topics]
    ended = f'"{alarm.name}" in {REGION}'
    assert subjects == [[f"ALARM: {ended}"], [f"OK: {ended}"], [f"INSUFFICIENT_DATA: {ended}"]]


TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
DATAPOINTS = {"0": False, "X": True, "-": None}
OK, ALARM, NO_DATA, KEPT = "OK", "ALARM", "INSUFFICIENT_DATA", None


def states(needed: int, datapoints: str) -> list[str | None]:
    """Of an alarm that evaluates three datapoints, by treatment; the latest is the last."""
    retrieved = [DATAPOINTS[one] for one in reversed(datapoints.split())]
    return [
        decided(retrieved, evaluated=3, needed=needed, treatment=treatment)
        for treatment in TREATMENTS
    ]


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("0 - X - X", [OK, OK, OK, OK]),
        ("- - - - 0", [OK, OK, OK, OK]),
        ("- - - - -", [NO_DATA, KEPT, ALARM, OK]),
        ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("- - X - -", [ALARM, KEPT, ALARM, OK]),
    ],
)
def test_three_of_three_datapoints(datapoints: str, expected: list[str | None]) -> None:
    assert states(3, datapoints) == expected


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 - X - -", [OK, OK, ALARM, OK]),
        ("- - - - 0", [OK, OK, ALARM, OK]),
        ("- - - X -", [ALARM, KEPT, ALARM, OK]),
    ],
)
def test_two_of_three_datapoints(datapoints: str, expected: list[str | None]) -> None:
    assert states(2, datapoints) == expected


@pytest.mark.parametrize("datapoints", ["- - - - X", "- - - X -"])
def test_an_alarm_is_not_raised_prematurely(datapoints: str) -> None:
    """The next datapoint may not be breaching."""
    missing, ignore, *_ = states(3, datapoints)

    assert ALARM not in {missing, ignore}


@given(
    retrieved=st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=8),
    needed=st.integers(1, 8),
    treatment=st.sampled_from(TREATMENTS),
)
def test_enough_datapoints_leave_nothing_to_the_treatment(
    retrieved: list[bool | None], needed: int, treatment: str
) -> None:
    existing = [one for one in retrieved if one is not None]
    evaluated = max(1, len(existing))
    needed = min(needed, evaluated)

    state = decided(retrieved, evaluated=evaluated, needed=needed, treatment=treatment)

    if existing:
        assert state == (ALARM if sum(existing) >= needed else OK)

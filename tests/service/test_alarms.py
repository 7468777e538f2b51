"""An alarm acts when its state changes, and tells only whom topic and key let it tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends

from sandbox.organization import SECURITY
from tests.service.sandbox_resources import (
    REGION,
    allow,
    create_key,
    create_topic,
    mails,
    service,
    subscribe,
    unique,
)

if TYPE_CHECKING:
    from moto.cloudwatch.models import CloudWatchBackend

    from sandbox.local import Sandbox

NAMESPACE = "Tests"
CLOUDWATCH_PUBLISHES = allow(
    "sns:Publish",
    Principal=service("cloudwatch"),
    Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{SECURITY.id}:alarm:*"}},
)
CLOUDWATCH_ENCRYPTS = allow(
    ["kms:Decrypt", "kms:GenerateDataKey*"],
    Principal=service("cloudwatch"),
    Condition={"StringEquals": {"aws:SourceAccount": SECURITY.id}},
)


class AlarmUnderTest:
    """An alarm over the five-minute sum of a metric of its own."""

    def __init__(self, sandbox: Sandbox, topic: str | None = None, **changes: Any) -> None:
        self.name = unique("alarm")
        self._sandbox = sandbox
        self._client = sandbox.client("cloudwatch", SECURITY.id)
        actions = [] if topic is None else [topic]
        self._client.put_metric_alarm(
            **{
                "AlarmName": self.name,
                "Namespace": NAMESPACE,
                "MetricName": self.name,
                "Statistic": "Sum",
                "Period": 300,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": actions,
                "OKActions": actions,
                **changes,
            }
        )

    def put(self, value: float, minutes_ago: int = 0) -> None:
        when = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        datum = {"MetricName": self.name, "Value": value, "Timestamp": when}
        self._client.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    def let_the_window_pass(self) -> None:
        for datum in self._backend.metric_data:
            if datum.name == self.name:
                datum.timestamp -= timedelta(minutes=6)
        self.evaluate()

    def evaluate(self) -> None:
        self._sandbox.services.alarms.evaluate(self._backend)

    @property
    def state(self) -> str:
        (alarm,) = self._client.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return str(alarm["StateValue"])

    @property
    def _backend(self) -> CloudWatchBackend:
        return cloudwatch_backends[SECURITY.id][REGION]


def subscribed_topic(sandbox: Sandbox, *statements: Any, key: str = "") -> str:
    topic = create_topic(sandbox, SECURITY.id, *statements, key=key)
    subscribe(sandbox, topic, "on-call@example.com")
    return topic


@pytest.fixture
def topic(sandbox: Sandbox) -> str:
    return subscribed_topic(sandbox, CLOUDWATCH_PUBLISHES)


def test_a_match_raises_the_alarm_and_tells_the_topic(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])

    alarm.put(1)

    (mail,) = mails(sandbox, topic)
    message = json.loads(mail.body)
    assert alarm.state == "ALARM"
    assert mail.subject == f'ALARM: "{alarm.name}" in {REGION}'
    assert (message["AlarmName"], message["NewStateValue"]) == (alarm.name, "ALARM")
    assert (message["AWSAccountId"], message["Trigger"]["Period"]) == (SECURITY.id, 300)


def test_no_match_raises_nothing(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])

    alarm.put(0)

    assert alarm.state == "OK"
    assert mails(sandbox, topic) == []


def test_a_second_event_while_the_alarm_is_up_tells_nobody(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    alarm.put(1)

    alarm.put(1)

    assert len(mails(sandbox, topic)) == 1


def test_the_alarm_ends_when_the_window_has_passed(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic)
    alarm.put(1)

    alarm.let_the_window_pass()

    told = [json.loads(mail.body)["NewStateValue"] for mail in mails(sandbox, topic)]
    assert alarm.state == "OK"
    assert told[-2:] == ["ALARM", "OK"]


def test_an_event_after_the_window_raises_the_alarm_again(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    alarm.put(1)
    alarm.let_the_window_pass()

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert len(mails(sandbox, topic)) == 2


def test_a_value_from_before_the_window_does_not_count(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox)

    alarm.put(1, minutes_ago=6)

    assert alarm.state == "OK"


def test_the_values_of_the_window_are_summed(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Threshold=3)

    alarm.put(1, minutes_ago=4)
    alarm.put(1)
    below = alarm.state
    alarm.put(1)

    assert (below, alarm.state) == ("OK", "ALARM")


def test_an_encrypted_topic_needs_its_key_to_admit_cloudwatch(sandbox: Sandbox) -> None:
    closed = create_key(sandbox, SECURITY.id)
    topic = subscribed_topic(sandbox, CLOUDWATCH_PUBLISHES, key=closed)
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    before = len(sandbox.services.alarms.undelivered)

    alarm.put(1)

    (reason,) = sandbox.services.alarms.undelivered[before:]
    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []
    assert "kms:" in reason


def test_a_key_that_admits_cloudwatch_lets_the_message_through(sandbox: Sandbox) -> None:
    key = create_key(sandbox, SECURITY.id, CLOUDWATCH_ENCRYPTS)
    topic = subscribed_topic(sandbox, CLOUDWATCH_PUBLISHES, key=key)

    AlarmUnderTest(sandbox, topic, OKActions=[]).put(1)

    assert len(mails(sandbox, topic)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        allow("sns:Publish", Principal=service("events")),
        allow(
            "sns:Publish",
            Principal=service("cloudwatch"),
            Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}},
        ),
    ],
    ids=["for another service", "for another account"],
)
def test_a_topic_whose_policy_is_not_for_cloudwatch_is_told_nothing(
    sandbox: Sandbox, statement: Any
) -> None:
    topic = subscribed_topic(sandbox, statement)
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    before = len(sandbox.services.alarms.undelivered)

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []
    assert len(sandbox.services.alarms.undelivered) == before + 1


def test_a_topic_that_does_not_exist_is_told_nothing(sandbox: Sandbox) -> None:
    gone = f"arn:aws:sns:{REGION}:{SECURITY.id}:{unique('gone')}"

    AlarmUnderTest(sandbox, gone, OKActions=[]).put(1)

    assert sandbox.services.alarms.undelivered[-1] == f"{gone} does not exist"


def test_disabled_actions_tell_nobody(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, ActionsEnabled=False)

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []


@pytest.mark.parametrize(
    ("treatment", "value", "state"),
    [
        ("notBreaching", 1, "OK"),
        ("breaching", 0, "ALARM"),
        ("missing", 1, "INSUFFICIENT_DATA"),
        ("ignore", 0, "OK"),
        ("ignore", 1, "ALARM"),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    sandbox: Sandbox, treatment: str, value: int, state: str
) -> None:
    alarm = AlarmUnderTest(sandbox, TreatMissingData=treatment)
    alarm.put(value)

    alarm.let_the_window_pass()

    assert alarm.state == state


@pytest.mark.parametrize(
    ("operator", "states"),
    [
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
    ],
)
def test_the_sum_is_compared_with_the_threshold(
    sandbox: Sandbox, operator: str, states: list[str]
) -> None:
    reached = []
    for value in (1, 2, 3):
        alarm = AlarmUnderTest(sandbox, Threshold=2, ComparisonOperator=operator)
        alarm.put(value)
        reached.append(alarm.state)

    assert reached == states


def test_an_alarm_that_the_sandbox_cannot_evaluate_keeps_its_state(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Statistic="Average")
    before = alarm.state

    alarm.put(5)

    assert alarm.state == before


@pytest.mark.parametrize(
    "feature",
    [
        {"Dimensions": [{"Name": "account", "Value": "444444444444"}]},
        {"Unit": "Bytes"},
        {"EvaluationPeriods": 5, "DatapointsToAlarm": 5},
        {"EvaluationPeriods": 2},
        {"Statistic": "Average"},
    ],
    ids=str,
)
def test_an_alarm_of_an_unknown_kind_is_left_as_it_is(
    sandbox: Sandbox, feature: dict[str, Any]
) -> None:
    alarm = AlarmUnderTest(sandbox, **feature)

    alarm.put(1)

    assert alarm.state == "OK"

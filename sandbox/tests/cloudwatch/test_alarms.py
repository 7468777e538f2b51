"""Alarms publish when their state changes, if topic and key allow it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    create_key,
    create_topic,
    mails,
    service,
    subscribe,
    unique,
)

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


class AlarmClock:
    """The time of the sandbox, which a test advances."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now.replace(tzinfo=None)  # as moto's

    def advance(self, minutes: int) -> None:
        self._now += timedelta(minutes=minutes)

    def advance_to_a_minute_before_a_period_of_five(self) -> None:
        while self._now.minute % 5 != 4:
            self.advance(minutes=1)


CLOCK = AlarmClock()


@pytest.fixture(scope="module", autouse=True)
def _clock(sandbox: Sandbox) -> Iterator[None]:
    with patch.object(sandbox.clock, "now", CLOCK.now):
        yield


class AlarmUnderTest:
    """An alarm on the five-minute sum of its own metric."""

    def __init__(self, sandbox: Sandbox, topic: str | None = None, **changes: Any) -> None:
        self.name = unique("alarm")
        self._sandbox = sandbox
        self._client = sandbox.client("cloudwatch", SECURITY.id)
        actions = [] if topic is None else [topic]
        self._properties = {
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
        }
        self.update(**changes)

    def update(self, **changes: Any) -> None:
        self._properties |= changes
        self._client.put_metric_alarm(**self._properties)

    def put(self, value: float, minutes_ago: int = 0) -> None:
        self.put_datum(minutes_ago, Value=value)

    def put_datum(self, minutes_ago: int = 0, **content: Any) -> None:
        when = CLOCK.now().replace(tzinfo=UTC) - timedelta(minutes=minutes_ago)
        datum = {"MetricName": self.name, "Timestamp": when, **content}
        self._client.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    def let_the_period_pass(self) -> None:
        CLOCK.advance(minutes=6)
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


def test_an_alarm_publishes_to_its_topic(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])

    alarm.put(1)

    (mail,) = mails(sandbox, topic)
    message = json.loads(mail.body)
    assert alarm.state == "ALARM"
    assert mail.subject == f'ALARM: "{alarm.name}" in {REGION}'
    assert (message["AlarmName"], message["NewStateValue"]) == (alarm.name, "ALARM")
    assert (message["AWSAccountId"], message["Trigger"]["Period"]) == (SECURITY.id, 300)


def test_an_alarm_stays_ok_below_the_threshold(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])

    alarm.put(0)

    assert alarm.state == "OK"
    assert mails(sandbox, topic) == []


def test_an_alarm_does_not_publish_again_in_the_same_state(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    alarm.put(1)

    alarm.put(1)

    assert len(mails(sandbox, topic)) == 1


def test_an_alarm_returns_to_ok_after_its_period(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic)
    alarm.put(1)

    alarm.let_the_period_pass()

    states = [json.loads(mail.body)["NewStateValue"] for mail in mails(sandbox, topic)]
    assert alarm.state == "OK"
    assert states[-2:] == ["ALARM", "OK"]


def test_an_alarm_can_be_raised_again_after_its_period(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    alarm.put(1)
    alarm.let_the_period_pass()

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert len(mails(sandbox, topic)) == 2


def test_a_value_before_the_period_does_not_count(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox)

    alarm.put(1, minutes_ago=6)

    assert alarm.state == "OK"


def test_the_values_of_a_period_are_summed(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Threshold=3)

    alarm.put(1, minutes_ago=4)
    alarm.put(1)
    below = alarm.state
    alarm.put(1)

    assert (below, alarm.state) == ("OK", "ALARM")


def test_values_may_arrive_out_of_order(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Threshold=3)

    for minutes_ago in (0, 6, 4, 2):
        alarm.put(1, minutes_ago)

    assert alarm.state == "ALARM"


def test_a_statistic_set_counts_as_its_sum(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Threshold=3)

    alarm.put_datum(StatisticValues={"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2})

    assert alarm.state == "ALARM"


def test_a_value_with_dimensions_belongs_to_another_metric(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox)

    alarm.put_datum(Value=1, Dimensions=[{"Name": "account", "Value": "444444444444"}])

    assert alarm.state == "OK"


def test_an_alarm_with_dimensions_uses_only_their_values(sandbox: Sandbox) -> None:
    account = {"Name": "account", "Value": "444444444444"}
    region = {"Name": "region", "Value": "us-east-1"}
    alarm = AlarmUnderTest(sandbox, Dimensions=[account, region])

    for others in ([], [account], [account, {**region, "Value": "eu-west-1"}]):
        alarm.put_datum(Value=1, Dimensions=others)
    before = alarm.state
    alarm.put_datum(Value=1, Dimensions=[region, account])

    assert (before, alarm.state) == ("OK", "ALARM")


def test_the_maximum_statistic_uses_the_highest_value(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Statistic="Maximum", Threshold=3)

    for value in (2, 2, 2):
        alarm.put(value)
    before = alarm.state
    alarm.put_datum(StatisticValues={"SampleCount": 2, "Sum": 4, "Minimum": 1, "Maximum": 3})
    alarm.put(0)

    assert (before, alarm.state) == ("OK", "ALARM")


def test_m_of_n_breaching_periods_raise_the_alarm(sandbox: Sandbox) -> None:
    for minutes_ago, treatment, state in [
        ([0, 6], "notBreaching", "OK"),
        ([0, 6, 11], "notBreaching", "ALARM"),
        ([0, 1, 6, 7], "notBreaching", "OK"),
        ([6, 11, 16], "notBreaching", "ALARM"),
        ([0], "breaching", "ALARM"),
    ]:
        alarm = AlarmUnderTest(
            sandbox, EvaluationPeriods=4, DatapointsToAlarm=3, TreatMissingData=treatment
        )

        for minutes in minutes_ago:
            alarm.put(1, minutes)

        assert alarm.state == state, (minutes_ago, treatment, state)


def test_a_new_alarm_evaluates_existing_data(sandbox: Sandbox) -> None:
    first = AlarmUnderTest(sandbox)
    first.put(1)

    later = AlarmUnderTest(sandbox, MetricName=first.name)
    later.evaluate()

    assert later.state == "ALARM"


def test_an_alarm_publishes_once_when_the_sum_reaches_the_threshold(
    sandbox: Sandbox, topic: str
) -> None:
    alarm = AlarmUnderTest(sandbox, topic, Threshold=5, OKActions=[])

    for _ in range(4):
        alarm.put(1)
    below = (alarm.state, len(mails(sandbox, topic)))
    alarm.put(1)
    reached = (alarm.state, len(mails(sandbox, topic)))
    alarm.put(1)

    assert below == ("OK", 0)
    assert reached == ("ALARM", 1)
    assert (alarm.state, len(mails(sandbox, topic))) == ("ALARM", 1)


def test_the_period_ends_at_the_evaluation(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, Threshold=5)
    CLOCK.advance_to_a_minute_before_a_period_of_five()
    alarm.put(3)

    CLOCK.advance(minutes=4)
    alarm.put(2)
    within = alarm.state
    CLOCK.advance(minutes=2)
    alarm.evaluate()

    assert (within, alarm.state) == ("ALARM", "OK")


def test_a_new_alarm_has_insufficient_data(sandbox: Sandbox) -> None:
    alarm = AlarmUnderTest(sandbox, TreatMissingData="ignore")

    alarm.evaluate()

    assert alarm.state == "INSUFFICIENT_DATA"


def test_a_new_alarm_becomes_ok_if_missing_data_is_not_breaching(
    sandbox: Sandbox, topic: str
) -> None:
    alarm = AlarmUnderTest(sandbox, topic)

    alarm.evaluate()

    (mail,) = mails(sandbox, topic)
    message = json.loads(mail.body)
    assert alarm.state == "OK"
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "OK")


def test_a_new_alarm_without_ok_actions_does_not_publish(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])

    alarm.evaluate()

    assert alarm.state == "OK"
    assert mails(sandbox, topic) == []


def test_an_updated_alarm_keeps_its_state(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    alarm.put(1)

    alarm.update(AlarmDescription="changed")
    alarm.evaluate()

    assert alarm.state == "ALARM"
    assert len(mails(sandbox, topic)) == 1


def test_an_encrypted_topic_requires_a_key_policy_for_cloudwatch(sandbox: Sandbox) -> None:
    closed = create_key(sandbox, SECURITY.id)
    topic = subscribed_topic(sandbox, CLOUDWATCH_PUBLISHES, key=closed)
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    before = len(sandbox.services.alarms.undelivered)

    alarm.put(1)

    (reason,) = sandbox.services.alarms.undelivered[before:]
    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []
    assert "kms:" in reason


def test_a_key_policy_for_cloudwatch_allows_encrypted_messages(sandbox: Sandbox) -> None:
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
def test_a_topic_policy_must_allow_cloudwatch(sandbox: Sandbox, statement: Any) -> None:
    topic = subscribed_topic(sandbox, statement)
    alarm = AlarmUnderTest(sandbox, topic, OKActions=[])
    before = len(sandbox.services.alarms.undelivered)

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []
    assert len(sandbox.services.alarms.undelivered) == before + 1


def test_a_missing_topic_is_recorded(sandbox: Sandbox) -> None:
    gone = f"arn:aws:sns:{REGION}:{SECURITY.id}:{unique('gone')}"

    AlarmUnderTest(sandbox, gone, OKActions=[]).put(1)

    assert sandbox.services.alarms.undelivered[-1] == f"{gone} does not exist"


def test_disabled_actions_do_not_publish(sandbox: Sandbox, topic: str) -> None:
    alarm = AlarmUnderTest(sandbox, topic, ActionsEnabled=False)

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert mails(sandbox, topic) == []


def test_missing_data_is_treated_as_configured(sandbox: Sandbox) -> None:
    for treatment, value, state in [
        ("notBreaching", 1, "OK"),
        ("breaching", 0, "ALARM"),
        ("missing", 1, "INSUFFICIENT_DATA"),
        ("ignore", 0, "OK"),
        ("ignore", 1, "ALARM"),
    ]:
        alarm = AlarmUnderTest(sandbox, TreatMissingData=treatment)
        alarm.put(value)

        alarm.let_the_period_pass()

        assert alarm.state == state, (treatment, value, state)


def test_the_sum_is_compared_with_the_threshold(sandbox: Sandbox) -> None:
    for operator, states in [
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
    ]:
        reached = []
        for value in (1, 2, 3):
            alarm = AlarmUnderTest(sandbox, Threshold=2, ComparisonOperator=operator)
            alarm.put(value)
            reached.append(alarm.state)

        assert reached == states, (operator, states)


def test_an_unsupported_alarm_is_not_evaluated(sandbox: Sandbox) -> None:
    cases: list[dict[str, Any]] = [
        {"Unit": "Bytes"},
    ]
    for feature in cases:
        alarm = AlarmUnderTest(sandbox, **feature)

        alarm.put(1)

        assert alarm.state == "INSUFFICIENT_DATA", feature

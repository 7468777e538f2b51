"""A root sign-in without MFA becomes a metric, an alarm and a message that arrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from detections import catalog
from detections.cloudwatch import metric_pattern
from sandbox import filter_pattern
from sandbox.policy import ResourcePolicyKind
from tests.synth.access import OVER_TLS, PLAIN_HTTP, aws_service, decided_by_resource, role_session
from tests.synth.terraform_json import allowing, statement

if TYPE_CHECKING:
    from config import Settings
    from detections.catalog import Detection
    from tests.synth.terraform_json import Resource, Stack

ORDINARY, KEY = ResourcePolicyKind.ORDINARY, ResourcePolicyKind.KEY
CLOUDWATCH = aws_service("cloudwatch")


@pytest.fixture(params=catalog.load(), ids=lambda found: found.name)
def detected(request: pytest.FixtureRequest) -> Detection:
    found: Detection = request.param
    return found


@pytest.fixture
def metric_filter(detection: Stack, detected: Detection) -> Resource:
    return detection.only("aws_cloudwatch_log_metric_filter", pattern=metric_pattern(detected))


@pytest.fixture
def alarm(detection: Stack, metric_filter: Resource) -> Resource:
    """The one that watches what the filter emits."""
    metric = metric_filter["metric_transformation"]
    return detection.only(
        "aws_cloudwatch_metric_alarm", namespace=metric["namespace"], metric_name=metric["name"]
    )


@pytest.fixture
def alarm_topic(detection: Stack, alarm: Resource) -> Resource:
    [action] = alarm["alarm_actions"]
    return detection.follow(action, "arn")


@pytest.fixture
def notice_topic(detection: Stack) -> Resource:
    variables = detection.only("aws_lambda_function")["environment"]["variables"]
    return detection.follow(variables["NOTICE_TOPIC_ARN"], "arn")


def topic_arn(topic: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:sns:{home}:{topic['name']}"


def topic_policy(detection: Stack, topic: Resource) -> str:
    [policy] = detection.pointing_to("aws_sns_topic_policy", "arn", topic)
    return str(policy["policy"])


def test_the_filter_reads_the_trails_log_group(
    metric_filter: Resource, detection: Stack, trail: Stack
) -> None:
    group = trail.only("aws_cloudwatch_log_group")

    assert metric_filter["log_group_name"] == group["name"]
    assert detection.account(metric_filter) == trail.account(group)


def test_the_filter_counts_the_detections_samples_as_they_say(
    metric_filter: Resource, detected: Detection
) -> None:
    parsed = filter_pattern.parse(metric_filter["pattern"])
    samples = catalog.samples(detected.name)

    assert {sample.matches for sample in samples} == {True, False}
    for sample in samples:
        assert parsed.matches(json.dumps(sample.record)) is sample.matches, sample.name


def test_each_sign_in_counts_one_and_every_other_event_none(metric_filter: Resource) -> None:
    metric = metric_filter["metric_transformation"]

    assert metric["value"] == "1"
    assert metric["default_value"] == "0"
    assert "dimensions" not in metric  # a default value and dimensions exclude each other


def test_the_alarm_is_up_within_a_minute_after_one_sign_in_and_down_without_data(
    alarm: Resource,
) -> None:
    assert alarm["statistic"] == "Sum"
    assert alarm["period"] == 60  # seconds
    assert (alarm["datapoints_to_alarm"], alarm["evaluation_periods"]) == (1, 1)
    assert alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["threshold"] == 1
    assert alarm["treat_missing_data"] == "notBreaching"
    assert alarm.arguments.get("actions_enabled", True) is True


def test_the_alarm_says_what_happened(alarm: Resource, detected: Detection) -> None:
    assert detected.title in alarm["alarm_description"]
    assert len(alarm["alarm_description"]) <= 1024


def test_alarms_and_notices_have_topics_of_their_own_under_one_customer_managed_key(
    detection: Stack, alarm_topic: Resource, notice_topic: Resource
) -> None:
    keys = [
        detection.follow(topic["kms_master_key_id"], "arn") for topic in (alarm_topic, notice_topic)
    ]

    assert alarm_topic != notice_topic
    assert keys == [detection.only("aws_kms_key")] * 2
    assert keys[0]["enable_key_rotation"] is True


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_the_key_lets_the_alarms_of_this_account_encrypt_their_messages(
    detection: Stack, settings: Settings, action: str
) -> None:
    policy = detection.only("aws_kms_key")["policy"]

    def is_allowed(account: str) -> bool:
        context = {"aws:SourceAccount": account}
        key = "arn:aws:kms:us-east-1:999999999999:key/1"
        return decided_by_resource(policy, KEY, CLOUDWATCH, action, key, context).allowed

    assert is_allowed(settings.accounts.security)
    assert not is_allowed("999999999999")


def test_the_alarm_may_publish_to_its_topic(
    detection: Stack, alarm: Resource, alarm_topic: Resource, settings: Settings
) -> None:
    account = settings.accounts.security
    source = f"arn:{settings.partition}:cloudwatch:{settings.home_region}:{account}:alarm:"
    context = OVER_TLS | {
        "aws:SourceArn": source + alarm["alarm_name"],
        "aws:SourceAccount": account,
    }
    policy, arn = topic_policy(detection, alarm_topic), topic_arn(alarm_topic, settings)

    decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, context)

    assert decision.allowed, decision.reason


@pytest.mark.parametrize(
    ("region_and_account", "alarm_name"),
    [("{region}:999999999999", "{alarm}"), ("{region}:{account}", "other")],
)
def test_other_alarms_may_not_publish(
    detection: Stack,
    alarm: Resource,
    alarm_topic: Resource,
    settings: Settings,
    region_and_account: str,
    alarm_name: str,
) -> None:
    source = f"arn:{settings.partition}:cloudwatch:{region_and_account}:alarm:{alarm_name}".format(
        region=settings.home_region,
        account=settings.accounts.security,
        alarm=alarm["alarm_name"],
    )
    context = OVER_TLS | {"aws:SourceArn": source, "aws:SourceAccount": source.split(":")[4]}
    policy, arn = topic_policy(detection, alarm_topic), topic_arn(alarm_topic, settings)

    decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, context)

    assert not decision.allowed


def test_only_cloudwatch_is_let_into_the_alarm_topic(
    detection: Stack, alarm_topic: Resource
) -> None:
    [grant] = allowing(topic_policy(detection, alarm_topic))

    assert grant["Action"] == "sns:Publish"
    assert grant["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_only_the_importers_role_is_let_into_the_notice_topic(
    detection: Stack, notice_topic: Resource, settings: Settings
) -> None:
    importer = detection.follow(detection.only("aws_lambda_function")["role"], "arn")
    policy, account = topic_policy(detection, notice_topic), settings.accounts.security
    [grant] = allowing(policy)
    role = role_session(settings.partition, account, importer["name"]).role_arn

    assert grant["Action"] == "sns:Publish"
    assert grant["Resource"] == topic_arn(notice_topic, settings)
    assert grant["Principal"] == {"AWS": f"arn:{settings.partition}:iam::{account}:root"}
    assert grant["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}


def test_topics_deny_plain_http_to_everybody(
    detection: Stack, alarm_topic: Resource, notice_topic: Resource, settings: Settings
) -> None:
    for topic in (alarm_topic, notice_topic):
        policy, arn = topic_policy(detection, topic), topic_arn(topic, settings)
        decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, PLAIN_HTTP)

        assert statement(policy, "DenyPlainHttp")["Principal"] == "*"
        assert "denied by" in decision.reason


def test_every_address_is_told_of_alarms_and_of_notices(
    detection: Stack, alarm_topic: Resource, notice_topic: Resource, settings: Settings
) -> None:
    for topic in (alarm_topic, notice_topic):
        told = detection.pointing_to("aws_sns_topic_subscription", "topic_arn", topic)

        assert {one["protocol"] for one in told} == {"email"}
        assert sorted(one["endpoint"] for one in told) == sorted(settings.notifications.emails)

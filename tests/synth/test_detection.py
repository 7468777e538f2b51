"""The path from a detection to an email: metric filter, alarm, topic, subscription."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from compiler import catalog
from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection
from compiler.samples import read_samples
from config.loader import load
from config.settings import Settings
from modules.alarm_conditions import EVALUATION_MARGIN_SECONDS, MAX_DELIVERY_DELAY_SECONDS
from sandbox.iam.policy import ResourcePolicyKind
from sandbox.logs import filter_pattern
from stacks import app
from tests.synth.conftest import ROOT, Synthesis
from tests.synth.terraform_json import (
    OVER_TLS,
    PLAIN_HTTP,
    Resource,
    Stack,
    allowing,
    aws_service,
    decided_by_resource,
    read_stack,
    role_session,
    statement,
)

ORDINARY, KEY = ResourcePolicyKind.ORDINARY, ResourcePolicyKind.KEY
CLOUDWATCH = aws_service("cloudwatch")
PRIORITIES = ("high", "low")
MISSION = "root_console_login_without_mfa"


@dataclass(frozen=True, slots=True)
class Watched:
    """A detection and its resources."""

    detection: Detection
    metric_filter: Resource
    alarm: Resource  # of the filter's metric


@pytest.fixture
def watched(detection: Stack, synthesis: Synthesis) -> list[Watched]:
    return [
        _watched(detection, one)
        for one in synthesis.detections
        if "metric_filter" in one.evaluated_by
    ]


def _watched(stack: Stack, one: Detection) -> Watched:
    metric_filter = stack.only("aws_cloudwatch_log_metric_filter", pattern=metric_pattern(one))
    metric = metric_filter["metric_transformation"]
    alarm = stack.only(ALARM, namespace=metric["namespace"], metric_name=metric["name"])
    return Watched(one, metric_filter, alarm)


@pytest.fixture
def alarm(watched: list[Watched]) -> Resource:
    """Of the root sign-in without MFA."""
    [found] = [one.alarm for one in watched if one.detection.name == MISSION]
    return found


@pytest.fixture
def topics(detection: Stack) -> dict[str, Resource]:
    """By priority, from the environment of the importer."""
    variables = detection.only("aws_lambda_function")["environment"]["variables"]
    return {
        priority: detection.follow(variables[f"{priority.upper()}_PRIORITY_TOPIC_ARN"], "arn")
        for priority in PRIORITIES
    }


def topic_arn(topic: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:sns:{home}:{topic['name']}"


def topic_policy(detection: Stack, topic: Resource) -> str:
    """Of the topic itself: a policy of its own would let alarms exist before it."""
    assert not detection.resources("aws_sns_topic_policy")
    return str(topic["policy"])


def test_every_filter_and_alarm_belongs_to_a_detection(
    detection: Stack, watched: list[Watched]
) -> None:
    filters = detection.resources("aws_cloudwatch_log_metric_filter")
    alarms = [
        alarm
        for alarm in detection.resources("aws_cloudwatch_metric_alarm")
        if not alarm["namespace"].startswith("AWS/")  # the watchdogs
    ]

    assert len(filters) == len(alarms) == len(watched)
    assert MISSION in {one.detection.name for one in watched}


def test_the_filters_read_the_trails_log_group(
    watched: list[Watched], detection: Stack, trail: Stack
) -> None:
    group = trail.only("aws_cloudwatch_log_group")

    for one in watched:
        assert one.metric_filter["log_group_name"] == group["name"]
        assert detection.account(one.metric_filter) == trail.account(group)


def test_the_filter_of_root_sign_ins_without_mfa_matches_its_samples(
    watched: list[Watched],
) -> None:
    [one] = [one for one in watched if one.detection.name == MISSION]
    parsed = filter_pattern.parse(one.metric_filter["pattern"])
    samples = read_samples(one.detection.folder)

    assert {sample.matches for sample in samples} == {True, False}
    for sample in samples:
        assert parsed.matches(json.dumps(sample.record)) is sample.matches, sample.name


def test_each_match_adds_one_to_the_metric_and_other_events_add_nothing(
    watched: list[Watched],
) -> None:
    """A default value would hide a match whose datapoint arrives late."""
    for one in watched:
        metric = one.metric_filter["metric_transformation"]
        assert metric["value"] == "1"
        assert not {"default_value", "dimensions"} & metric.keys()


def test_an_alarm_evaluates_late_datapoints_and_is_ok_without_data(watched: list[Watched]) -> None:
    for one in watched:
        threshold, alarm = one.detection.threshold, one.alarm
        evaluated = alarm["period"] * alarm["evaluation_periods"]
        own = threshold.seconds if threshold.count > 1 else 0
        assert evaluated == own + MAX_DELIVERY_DELAY_SECONDS + EVALUATION_MARGIN_SECONDS
        assert (alarm["datapoints_to_alarm"], alarm["threshold"]) == (1, threshold.count)
        assert alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["treat_missing_data"] == "notBreaching"
        assert alarm.arguments.get("actions_enabled", True) is True


def test_only_a_count_is_a_sum_which_a_negative_value_can_cancel(watched: list[Watched]) -> None:
    for one in watched:
        is_count, minutes = one.detection.threshold.count > 1, one.alarm["period"] // 60
        text = f"At least {one.alarm['threshold']} events matched within {minutes} minutes."
        assert is_count or minutes == 1  # of which one has to match
        assert one.alarm["statistic"] == ("Sum" if is_count else "Maximum")
        assert (text in one.alarm["alarm_description"]) is is_count


def test_an_alarm_has_the_title_of_its_detection(watched: list[Watched]) -> None:
    for one in watched:
        assert one.detection.title in one.alarm["alarm_description"]
        assert len(one.alarm["alarm_description"]) <= 1024


def test_an_alarm_publishes_to_the_topic_of_its_detections_priority(
    watched: list[Watched], detection: Stack, topics: dict[str, Resource]
) -> None:
    for one in watched:
        [action] = one.alarm["alarm_actions"]
        assert detection.follow(action, "arn") == topics[one.detection.priority]


def test_each_priority_has_a_topic_encrypted_by_one_customer_managed_key(
    detection: Stack, topics: dict[str, Resource]
) -> None:
    keys = [detection.follow(topic["kms_master_key_id"], "arn") for topic in topics.values()]

    assert topics["high"] != topics["low"]
    assert keys == [detection.only("aws_kms_key")] * 2
    assert keys[0]["enable_key_rotation"] is True


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_the_key_allows_only_alarms_of_this_account_to_encrypt(
    detection: Stack, settings: Settings, action: str
) -> None:
    policy = detection.only("aws_kms_key")["policy"]

    def is_allowed(account: str) -> bool:
        context = {"aws:SourceAccount": account}
        key = "arn:aws:kms:us-east-1:999999999999:key/1"
        return decided_by_resource(policy, KEY, CLOUDWATCH, action, key, context).allowed

    assert is_allowed(settings.accounts.security)
    assert not is_allowed("999999999999")


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_alarms_can_publish_to_the_topics(
    detection: Stack,
    watched: list[Watched],
    topics: dict[str, Resource],
    settings: Settings,
    priority: str,
) -> None:
    account = settings.accounts.security
    source = f"arn:{settings.partition}:cloudwatch:{settings.home_region}:{account}:alarm:"
    policy = topic_policy(detection, topics[priority])
    arn = topic_arn(topics[priority], settings)

    for one in watched:
        context = OVER_TLS | {
            "aws:SourceArn": source + one.alarm["alarm_name"],
            "aws:SourceAccount": account,
        }
        decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, context)
        assert decision.allowed, decision.reason


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize(
    ("source_account", "owner", "alarm_name"),
    [
        ("{security}", "999999999999", "{alarm}"),
        ("{security}", "{security}", "other"),
        ("999999999999", "{security}", "{alarm}"),
    ],
    ids=["alarm of another account", "alarm of another prefix", "another account"],
)
def test_no_other_alarm_can_publish(
    detection: Stack,
    alarm: Resource,
    topics: dict[str, Resource],
    settings: Settings,
    source_account: str,
    owner: str,
    alarm_name: str,
    priority: str,
) -> None:
    def filled(text: str) -> str:
        return text.format(security=settings.accounts.security, alarm=alarm["alarm_name"])

    home = f"arn:{settings.partition}:cloudwatch:{settings.home_region}"
    context = OVER_TLS | {
        "aws:SourceArn": f"{home}:{filled(owner)}:alarm:{filled(alarm_name)}",
        "aws:SourceAccount": filled(source_account),
    }
    policy = topic_policy(detection, topics[priority])
    arn = topic_arn(topics[priority], settings)

    decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, context)

    assert not decision.allowed


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_topic_allows_only_cloudwatch_and_the_importers_role(
    detection: Stack, topics: dict[str, Resource], settings: Settings, priority: str
) -> None:
    importer = detection.follow(detection.only("aws_lambda_function")["role"], "arn")
    account = settings.accounts.security
    role = role_session(settings.partition, account, importer["name"]).role_arn
    alarms, notifications = allowing(topic_policy(detection, topics[priority]))

    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert notifications["Principal"] == {"AWS": f"arn:{settings.partition}:iam::{account}:root"}
    assert notifications["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}
    for grant in (alarms, notifications):
        assert grant["Action"] == "sns:Publish"
        assert grant["Resource"] == topic_arn(topics[priority], settings)


def test_topics_deny_plain_http(
    detection: Stack, topics: dict[str, Resource], settings: Settings
) -> None:
    for topic in topics.values():
        policy, arn = topic_policy(detection, topic), topic_arn(topic, settings)
        decision = decided_by_resource(policy, ORDINARY, CLOUDWATCH, "sns:Publish", arn, PLAIN_HTTP)

        assert statement(policy, "DenyInsecureTransport")["Principal"] == "*"
        assert "denied by" in decision.reason


def test_every_address_is_subscribed_to_its_topics(
    detection: Stack, topics: dict[str, Resource], settings: Settings
) -> None:
    addresses = {
        "high": settings.notifications.emails,
        "low": settings.notifications.low_priority_emails,
    }

    for priority, topic in topics.items():
        subscriptions = detection.pointing_to("aws_sns_topic_subscription", "topic_arn", topic)
        assert {one["protocol"] for one in subscriptions} == {"email"}
        assert sorted(one["endpoint"] for one in subscriptions) == sorted(addresses[priority])


NAME = "access_key_of_a_user"
RULE: dict[str, Any] = {
    "title": "Somebody created an access key for an IAM user",
    "id": "7f0b3c55-0f0e-4a7c-8a77-2a5b1f3c9d10",
    "status": "test",
    "description": "An IAM user of the account has a new access key.",
    "level": "low",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {
        "created": {
            "eventSource|cased": "iam.amazonaws.com",
            "eventName|cased": "CreateAccessKey",
        },
        "refused": {"errorCode|exists": True},
        "condition": "created and not refused",
    },
}
FOUND = {
    "evaluated_by": ["metric_filter", "importer"],
    "types": ["TTPs/Persistence"],
    "next_steps": ["Ask the user."],
}
ALARM = "aws_cloudwatch_metric_alarm"
MATCH = {"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey"}


class Catalog:
    """A copy of the detections with one more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "detections"
        self.output = folder / "cdktf.out"
        shutil.copytree(catalog.CATALOG, self.folder)

    def add(self, rule: dict[str, Any]) -> None:
        (self.folder / NAME).mkdir()
        (self.folder / NAME / "rule.yml").write_text(yaml.safe_dump(rule), "utf-8")
        samples = {
            "base": MATCH,
            "cases": {"created": {"expect": "match", "why": "The call creates an access key."}},
        }
        (self.folder / NAME / "samples.yml").write_text(yaml.safe_dump(samples), "utf-8")

    def synthesize(self) -> Stack:
        settings = load(ROOT / "config" / "minimal.yaml")
        app.synthesize(settings, catalog.enabled(settings, self.folder), self.output)
        return read_stack(self.output / "stacks" / "detection")


@pytest.fixture
def changed(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path)


def test_a_rule_alone_gets_a_metric_filter_and_an_alarm(changed: Catalog) -> None:
    changed.add(RULE)
    stack = changed.synthesize()
    alarm = stack.only(ALARM, metric_name=NAME)
    metric_filter = stack.only(
        "aws_cloudwatch_log_metric_filter", name="rootwatch-access-key-of-a-user"
    )
    pattern = filter_pattern.parse(metric_filter["pattern"])
    [topic] = alarm["alarm_actions"]

    assert pattern.matches(json.dumps(MATCH))
    assert not pattern.matches(json.dumps(MATCH | {"errorCode": "AccessDenied"}))
    assert metric_filter["metric_transformation"]["name"] == NAME
    assert stack.follow(topic, "arn")["name"] == "rootwatch-low-priority"
    assert f"{NAME}_alarm_arn" in stack.outputs()
    assert NAME not in imported(stack)


def test_a_rule_for_the_importer_is_in_its_package_and_in_the_subscription(
    changed: Catalog,
) -> None:
    changed.add(RULE | {"rootwatch": FOUND})
    stack = changed.synthesize()
    subscription = stack.only("aws_cloudwatch_log_subscription_filter")

    assert stack.only(ALARM, metric_name=NAME)
    assert NAME in imported(stack)
    assert filter_pattern.parse(subscription["filter_pattern"]).matches(json.dumps(MATCH))


def test_a_rule_for_the_importer_alone_gets_no_metric_filter(changed: Catalog) -> None:
    changed.add(RULE | {"rootwatch": FOUND | {"evaluated_by": ["importer"]}})
    stack = changed.synthesize()

    assert NAME in imported(stack)
    assert f"{NAME}_alarm_arn" not in stack.outputs()
    assert NAME not in {alarm["metric_name"] for alarm in stack.resources(ALARM)}


def imported(stack: Stack) -> set[str]:
    """The names of the detections in the importer's zip file."""
    archive = stack.folder / str(stack.only("aws_lambda_function")["filename"])
    with ZipFile(archive) as opened:
        entries = json.loads(opened.read("finding_importer/detections.json"))
    return {entry["name"] for entry in entries}

"""The watchdogs: each watches a deployed resource, and the documentation states how soon."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from config.settings import Settings
from modules.alarm_conditions import EVALUATION_MARGIN_SECONDS
from tests.operating_page import stated_minutes
from tests.synth.conftest import Synthesis
from tests.synth.terraform_json import Resource, Stack

ALARM = "aws_cloudwatch_metric_alarm"
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """Of an alarm."""

    metric: str  # with its namespace
    statistic: str
    threshold: int
    periods: tuple[int, int]  # that have to be breaching, of the evaluated ones


EXPECTED = {
    "-trail-silence": Expected("AWS/Logs IncomingLogEvents", "Sum", 1, (15, 15)),
    "-finding-importer-errors": Expected("AWS/Lambda Errors", "Sum", 1, (1, 8)),
    "-finding-importer-throttles": Expected("AWS/Lambda Throttles", "Sum", 1, (1, 8)),
    "-finding-importer-lost-events": Expected(
        "AWS/Lambda DestinationDeliveryFailures", "Sum", 1, (1, 8)
    ),
    "-finding-importer-backlog": Expected(
        "AWS/SQS ApproximateAgeOfOldestMessage", "Maximum", 15 * MINUTE, (1, 1)
    ),
    "-finding-importer-dead-letter-queue": Expected(
        "AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum", 1, (1, 1)
    ),
    "-sign-ins-failed-invocations": Expected("AWS/Events FailedInvocations", "Sum", 1, (1, 5)),
    "-sign-ins-lost-events": Expected(
        "AWS/Events InvocationsFailedToBeSentToDlq", "Sum", 1, (1, 5)
    ),
}


@pytest.fixture
def watchdogs(detection: Stack, settings: Settings) -> Mapping[str, Resource]:
    """By name without the prefix: the alarms on metrics of AWS."""
    return {
        one["alarm_name"].removeprefix(settings.name_prefix): one
        for one in detection.resources(ALARM)
        if one["namespace"].startswith("AWS/")
    }


def test_each_watchdog_evaluates_its_metric_every_minute(
    watchdogs: Mapping[str, Resource],
) -> None:
    assert {
        name: Expected(
            f"{one['namespace']} {one['metric_name']}",
            one["statistic"],
            one["threshold"],
            (one["datapoints_to_alarm"], one["evaluation_periods"]),
        )
        for name, one in watchdogs.items()
    } == EXPECTED
    assert {one["period"] for one in watchdogs.values()} == {MINUTE}


def test_only_silence_is_a_fault_without_data(watchdogs: Mapping[str, Resource]) -> None:
    for name, one in watchdogs.items():
        is_silence = name == "-trail-silence"
        comparison = "LessThanThreshold" if is_silence else "GreaterThanOrEqualToThreshold"
        assert one["comparison_operator"] == comparison
        assert one["treat_missing_data"] == ("breaching" if is_silence else "notBreaching")


def test_the_watchdogs_have_the_dimensions_of_the_deployed_resources(
    watchdogs: Mapping[str, Resource], detection: Stack, settings: Settings
) -> None:
    mapping = detection.only("aws_lambda_event_source_mapping")
    asynchronous = detection.only("aws_lambda_function_event_invoke_config")
    dead_letters = asynchronous["destination_config"]["on_failure"]["destination"]
    rule = detection.only("aws_cloudwatch_event_rule")
    bus = detection.follow(rule["event_bus_name"], "name")
    expected = {
        "-trail-silence": {"LogGroupName": settings.trail.log_group},
        "-finding-importer-backlog": {
            "QueueName": detection.follow(mapping["event_source_arn"], "arn")["name"]
        },
        "-finding-importer-dead-letter-queue": {
            "QueueName": detection.follow(dead_letters, "arn")["name"]
        },
    }
    function = {"FunctionName": detection.only("aws_lambda_function")["function_name"]}
    of_rule = {"EventBusName": bus["name"], "RuleName": rule["name"]}

    for name, one in watchdogs.items():
        others = of_rule if name.startswith("-sign-ins") else function
        assert one["dimensions"] == expected.get(name, others), name


def test_the_invocations_of_the_longest_duration_are_evaluated(
    watchdogs: Mapping[str, Resource], detection: Stack
) -> None:
    """Lambda's metrics have the time at which the invocation began."""
    timeout = detection.only("aws_lambda_function")["timeout"]
    one = watchdogs["-finding-importer-errors"]

    assert one["period"] * one["evaluation_periods"] == timeout + EVALUATION_MARGIN_SECONDS


def test_the_watchdogs_publish_to_the_high_priority_topic(
    watchdogs: Mapping[str, Resource], detection: Stack
) -> None:
    variables = detection.only("aws_lambda_function")["environment"]["variables"]
    topic = variables["HIGH_PRIORITY_TOPIC_ARN"]

    for name, one in watchdogs.items():
        assert one["alarm_actions"] == [topic]
        recovery = [topic] if name == "-trail-silence" else None
        assert one.arguments.get("ok_actions") == recovery


def test_each_text_says_what_to_look_at_first(watchdogs: Mapping[str, Resource]) -> None:
    for name, one in watchdogs.items():
        text = one["alarm_description"]
        assert len(text) <= 1024
        assert re.search(r"Look first at.* aws [a-z]+ [a-z-]+|See docs/operating.md", text), name


def test_the_page_states_how_soon_each_watchdog_notices_its_fault(synthesis: Synthesis) -> None:
    prefix = synthesis.settings.name_prefix

    assert stated_minutes() == {
        one["alarm_name"].removeprefix(prefix): _minutes(one)
        for one in synthesis.stack("detection").resources(ALARM)
        if one["namespace"].startswith("AWS/")
    }


def _minutes(alarm: Resource) -> int:
    """Until the condition is met, and the margin for the metric and its evaluation."""
    is_age = alarm["metric_name"] == "ApproximateAgeOfOldestMessage"
    seconds = alarm["period"] * alarm["datapoints_to_alarm"] + EVALUATION_MARGIN_SECONDS
    return int(seconds + (alarm["threshold"] if is_age else 0)) // MINUTE

"""The names of resources and what the outputs refer to: runbooks and scripts rely on both."""

import pytest

from config.settings import Settings
from tests.synth.conftest import Synthesis
from tests.synth.terraform_json import REFERENCE, Stack

# By resource type: names after the prefix. Detections' alarms and filters are not in the list.
NAMES = {
    "aws_cloudtrail": {"-organization-trail"},
    "aws_cloudformation_stack": {"-member"},
    "aws_cloudformation_stack_set": {"-member"},
    "aws_cloudwatch_event_bus": {"-sign-ins"},
    "aws_cloudwatch_event_rule": {"-sign-ins"},
    "aws_cloudwatch_log_subscription_filter": {"-finding-importer"},
    "aws_dynamodb_table": {"-idempotency"},
    "aws_iam_role": {"-trail-delivery", "-finding-importer"},
    "aws_lambda_function": {"-finding-importer"},
    "aws_securityhub_configuration_policy": {"-security-hub"},
    "aws_securityhub_insight": {": root sign-ins without MFA by account"},
    "aws_sns_topic": {"-high-priority", "-low-priority"},
    "aws_sqs_queue": {"-finding-importer", "-finding-importer-dead-letter-queue"},
}
ALARMS = {
    "-finding-importer-backlog",
    "-finding-importer-dead-letter-queue",
    "-finding-importer-errors",
    "-finding-importer-lost-events",
    "-finding-importer-throttles",
    "-sign-ins-failed-invocations",
    "-sign-ins-lost-events",
    "-trail-silence",
}
# Reference of each output: resource type, the end of its name, attribute.
REFERENCES = {
    "trail_key_arn": ("aws_kms_key", "", "arn"),
    "finding_importer_arn": ("aws_lambda_function", "-finding-importer", "arn"),
    "finding_importer_queue_arn": ("aws_sqs_queue", "-finding-importer", "arn"),
    "dead_letter_queue_arn": ("aws_sqs_queue", "-finding-importer-dead-letter-queue", "arn"),
    "event_bus_arn": ("aws_cloudwatch_event_bus", "-sign-ins", "arn"),
    "high_priority_topic_arn": ("aws_sns_topic", "-high-priority", "arn"),
    "low_priority_topic_arn": ("aws_sns_topic", "-low-priority", "arn"),
}


def test_resources_have_the_prefix_and_their_names(synthesis: Synthesis) -> None:
    prefix = synthesis.settings.name_prefix
    for stack in synthesis.stacks.values():
        for resource in stack.resources():
            if resource.type in NAMES:
                name = resource.arguments.get("name") or resource["function_name"]
                assert name.removeprefix(prefix) in NAMES[resource.type], resource.address


def test_the_watchdogs_have_their_names(detection: Stack, settings: Settings) -> None:
    names = {
        alarm["alarm_name"].removeprefix(settings.name_prefix)
        for alarm in detection.resources("aws_cloudwatch_metric_alarm")
        if alarm["namespace"].startswith("AWS/")
    }

    assert names == ALARMS


def test_filters_and_alarms_have_the_names_of_their_detections(
    detection: Stack, synthesis: Synthesis
) -> None:
    prefix = synthesis.settings.name_prefix
    expected = {
        f"{prefix}-{one.name.replace('_', '-')}"
        for one in synthesis.detections
        if "metric_filter" in one.evaluated_by
    }
    filters = detection.resources("aws_cloudwatch_log_metric_filter")
    alarms = detection.resources("aws_cloudwatch_metric_alarm")

    assert {one["name"] for one in filters} == expected
    assert {one["alarm_name"] for one in alarms} >= expected
    assert {one["metric_transformation"]["namespace"] for one in filters} == {prefix}


def test_the_trail_has_the_names_of_the_configuration(trail: Stack, settings: Settings) -> None:
    assert trail.only("aws_cloudtrail")["name"] == settings.trail.name
    assert trail.only("aws_cloudwatch_log_group")["name"] == settings.trail.log_group
    assert trail.only("aws_s3_bucket")["bucket"] == settings.trail.bucket


@pytest.mark.parametrize(("name", "alias"), [("trail", "trail"), ("detection", "alerts")])
def test_each_key_has_an_alias(synthesis: Synthesis, name: str, alias: str) -> None:
    if name not in synthesis.stacks:
        assert not synthesis.settings.trail.managed
        return
    stack = synthesis.stack(name)
    found = stack.only("aws_kms_alias")

    assert found["name"] == f"alias/{synthesis.settings.name_prefix}-{alias}"
    assert stack.follow(found["target_key_id"], "key_id") == stack.only("aws_kms_key")


def test_outputs_refer_to_their_resources(stack: Stack) -> None:
    for name, output in stack.outputs().items():
        if name in REFERENCES:
            type_, suffix, attribute = REFERENCES[name]
            resource = stack.follow(output["value"], attribute)
            assert resource.type == type_
            named = resource.arguments.get("name") or resource.arguments.get("function_name", "")
            assert named.endswith(suffix)
        elif name.endswith("_alarm_arn"):
            alarm = stack.follow(output["value"], "arn")
            assert alarm["metric_name"] == name.removesuffix("_alarm_arn")
        else:
            assert not REFERENCE.search(output["value"]), name


def test_outputs_of_names_have_the_deployed_names(synthesis: Synthesis) -> None:
    settings = synthesis.settings
    organization = synthesis.stack("organization")
    stack_set = organization.only("aws_cloudformation_stack_set")
    values = {name: output["value"] for name, output in organization.outputs().items()}

    assert values == {
        "member_role_name": stack_set["parameters"]["RoleName"],
        "member_stack_set_name": stack_set["name"],
    }
    if settings.trail.managed:
        outputs = synthesis.stack("trail").outputs()
        home = f"{settings.home_region}:{settings.accounts.management}"
        arn = f"arn:{settings.partition}:cloudtrail:{home}:trail/{settings.trail.name}"
        assert outputs["trail_arn"]["value"] == arn
        assert outputs["trail_bucket_name"]["value"] == settings.trail.bucket
        assert outputs["trail_log_group_name"]["value"] == settings.trail.log_group

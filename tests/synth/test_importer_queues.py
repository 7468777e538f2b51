"""The importer's queue keeps work for retries, and alarms report what exhausts them."""

import json

import pytest

from config.settings import Settings
from functions.finding_importer.delivery.queues import delay_seconds
from sandbox.iam.policy import ResourcePolicyKind
from tests.synth.access import OVER_TLS, PLAIN_HTTP, decided_by_resource, role_session
from tests.synth.terraform_json import Resource, Stack, listed, statement

DAY = 24 * 60 * 60


@pytest.fixture
def function(detection: Stack) -> Resource:
    return detection.only("aws_lambda_function")


@pytest.fixture
def queue(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["environment"]["variables"]["QUEUE_URL"], "url")


@pytest.fixture
def dead_letter_queue(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["environment"]["variables"]["DEAD_LETTER_QUEUE_URL"], "url")


def queue_arn(queue: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:sqs:{home}:{queue['name']}"


def test_both_queues_are_encrypted_and_have_the_maximum_retention(
    queue: Resource, dead_letter_queue: Resource
) -> None:
    for one in (queue, dead_letter_queue):
        assert one["message_retention_seconds"] == 14 * DAY
        assert one["sqs_managed_sse_enabled"] is True


def test_messages_that_exhaust_their_retries_move_to_the_dead_letter_queue(
    detection: Stack, queue: Resource, dead_letter_queue: Resource, settings: Settings
) -> None:
    redrive = json.loads(queue["redrive_policy"])
    allowed = detection.only("aws_sqs_queue_redrive_allow_policy")

    assert redrive["deadLetterTargetArn"] == queue_arn(dead_letter_queue, settings)
    assert detection.follow(allowed["queue_url"], "id") == dead_letter_queue
    assert json.loads(allowed["redrive_allow_policy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [queue_arn(queue, settings)],
    }


def test_a_job_is_retried_for_days_and_its_dead_letter_message_is_kept_for_more(
    queue: Resource,
) -> None:
    """A message keeps its age when it moves to the dead-letter queue."""
    receives = json.loads(queue["redrive_policy"])["maxReceiveCount"]
    retried = sum(delay_seconds(count) for count in range(1, receives + 1))

    assert 3 * DAY < retried < 5 * DAY
    assert queue["message_retention_seconds"] - retried > 7 * DAY


def test_the_visibility_timeout_is_six_times_the_functions_timeout(
    function: Resource, queue: Resource
) -> None:
    assert queue["visibility_timeout_seconds"] == 6 * function["timeout"]


def test_an_invocation_reserves_time_for_its_longest_step_and_for_requeuing(
    function: Resource,
) -> None:
    """Four calls: assume a role and import, and retry both. Two calls: send to each queue."""
    variables = function["environment"]["variables"]
    attempts = int(variables["MAX_ATTEMPTS"])
    one_attempt = float(variables["CONNECT_TIMEOUT_SECONDS"]) + float(
        variables["READ_TIMEOUT_SECONDS"]
    )
    backoff = sum(2**retry for retry in range(attempts - 1))  # the maximum of the standard mode
    slowest_call = attempts * one_attempt + backoff

    assert (4 + 2) * slowest_call <= float(variables["RESERVED_SECONDS"])
    assert float(variables["RESERVED_SECONDS"]) < 0.6 * function["timeout"]


def test_the_queue_invokes_the_function_which_reports_failures_by_message(
    detection: Stack, function: Resource, queue: Resource
) -> None:
    mapping = detection.only("aws_lambda_event_source_mapping")

    assert detection.follow(mapping["event_source_arn"], "arn") == queue
    assert detection.follow(mapping["function_name"], "arn") == function
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["batch_size"] == 10  # the maximum without a batching window
    assert mapping["scaling_config"] == {"maximum_concurrency": 5}
    assert "filter_criteria" not in mapping.arguments


def test_failed_asynchronous_invocations_go_to_the_dead_letter_queue(
    detection: Stack, function: Resource, dead_letter_queue: Resource
) -> None:
    asynchronous = detection.only("aws_lambda_function_event_invoke_config")
    destination = asynchronous["destination_config"]["on_failure"]["destination"]

    assert detection.follow(asynchronous["function_name"], "function_name") == function
    assert detection.follow(destination, "arn") == dead_letter_queue
    assert asynchronous["maximum_retry_attempts"] == 2
    assert asynchronous["maximum_event_age_in_seconds"] == DAY / 4  # the maximum of Lambda


def test_a_high_priority_alarm_reports_messages_in_the_dead_letter_queue(
    detection: Stack, function: Resource, dead_letter_queue: Resource
) -> None:
    [alarm] = [
        one
        for one in detection.resources("aws_cloudwatch_metric_alarm")
        if one["namespace"] == "AWS/SQS"
    ]
    topic = function["environment"]["variables"]["HIGH_PRIORITY_TOPIC_ARN"]

    assert alarm["metric_name"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["dimensions"] == {"QueueName": dead_letter_queue["name"]}
    assert (alarm["statistic"], alarm["threshold"], alarm["period"]) == ("Maximum", 1, 60)
    assert alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["treat_missing_data"] == "notBreaching"
    assert alarm["alarm_actions"] == [topic]


def test_a_high_priority_alarm_reports_events_that_no_queue_accepted(
    detection: Stack, function: Resource
) -> None:
    [alarm] = [
        one
        for one in detection.resources("aws_cloudwatch_metric_alarm")
        if one["namespace"] == "AWS/Lambda"
    ]
    topic = function["environment"]["variables"]["HIGH_PRIORITY_TOPIC_ARN"]

    assert alarm["metric_name"] == "DestinationDeliveryFailures"
    assert alarm["dimensions"] == {"FunctionName": function["function_name"]}
    assert (alarm["statistic"], alarm["threshold"]) == ("Sum", 1)
    assert alarm["alarm_actions"] == [topic]


def test_the_queue_policies_deny_plain_http_and_allow_no_identity(
    detection: Stack, queue: Resource, dead_letter_queue: Resource, settings: Settings
) -> None:
    importer = role_session(settings.partition, settings.accounts.security, "any")
    for one in (queue, dead_letter_queue):
        [policy] = detection.pointing_to("aws_sqs_queue_policy", "queue_url", one)
        arn = queue_arn(one, settings)
        for context in (PLAIN_HTTP, OVER_TLS):
            decision = decided_by_resource(
                policy["policy"],
                ResourcePolicyKind.ORDINARY,
                importer,
                "sqs:SendMessage",
                arn,
                context,
            )
            assert not decision.allowed
        deny = statement(policy["policy"], "DenyInsecureTransport")
        assert (deny["Effect"], deny["Action"], listed(deny["Resource"])) == (
            "Deny",
            "sqs:*",
            [arn],
        )


def test_the_idempotency_table_has_ids_that_expire(detection: Stack, function: Resource) -> None:
    name = function["environment"]["variables"]["IDEMPOTENCY_TABLE_NAME"]
    table = detection.follow(name, "name")

    assert table["hash_key"] == "id"
    assert table["attribute"] == [{"name": "id", "type": "S"}]
    assert table["ttl"] == {"attribute_name": "expiration", "enabled": True}
    assert table["billing_mode"] == "PAY_PER_REQUEST"

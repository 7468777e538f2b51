"""What the importer cannot do now waits in its queue, and nothing leaves that unseen."""

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
def dead_letters(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["environment"]["variables"]["DEAD_LETTER_QUEUE_URL"], "url")


def queue_arn(queue: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:sqs:{home}:{queue['name']}"


def test_both_queues_keep_messages_as_long_as_sqs_can_and_encrypted(
    queue: Resource, dead_letters: Resource
) -> None:
    for one in (queue, dead_letters):
        assert one["message_retention_seconds"] == 14 * DAY
        assert one["sqs_managed_sse_enabled"] is True


def test_what_fails_to_the_end_becomes_a_dead_letter_of_this_queue_alone(
    detection: Stack, queue: Resource, dead_letters: Resource, settings: Settings
) -> None:
    redrive = json.loads(queue["redrive_policy"])
    allowed = detection.only("aws_sqs_queue_redrive_allow_policy")

    assert redrive["deadLetterTargetArn"] == queue_arn(dead_letters, settings)
    assert detection.follow(allowed["queue_url"], "id") == dead_letters
    assert json.loads(allowed["redrive_allow_policy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [queue_arn(queue, settings)],
    }


def test_a_job_is_tried_for_days_and_leaves_more_days_to_look_at_its_dead_letter(
    queue: Resource,
) -> None:
    """A message keeps its age when it becomes a dead letter."""
    receives = json.loads(queue["redrive_policy"])["maxReceiveCount"]
    tried = sum(delay_seconds(count) for count in range(1, receives + 1))

    assert 3 * DAY < tried < 5 * DAY
    assert queue["message_retention_seconds"] - tried > 7 * DAY


def test_a_message_stays_hidden_longer_than_the_function_may_run(
    function: Resource, queue: Resource
) -> None:
    assert queue["visibility_timeout_seconds"] >= 6 * function["timeout"]


def test_an_invocation_keeps_time_for_the_longest_step_and_for_what_is_left(
    function: Resource,
) -> None:
    """Entering an account and importing there, both once more; then a send to each queue."""
    variables = function["environment"]["variables"]
    attempts = int(variables["MAX_ATTEMPTS"])
    one_try = float(variables["CONNECT_TIMEOUT_SECONDS"]) + float(variables["READ_TIMEOUT_SECONDS"])
    backoff = sum(2**retry for retry in range(attempts - 1))  # at most, in the standard mode
    slowest_call = attempts * one_try + backoff

    assert (4 + 2) * slowest_call <= float(variables["RESERVED_SECONDS"])
    assert float(variables["RESERVED_SECONDS"]) < 0.6 * function["timeout"]


def test_the_queue_invokes_the_function_which_answers_message_by_message(
    detection: Stack, function: Resource, queue: Resource
) -> None:
    mapping = detection.only("aws_lambda_event_source_mapping")

    assert detection.follow(mapping["event_source_arn"], "arn") == queue
    assert detection.follow(mapping["function_name"], "arn") == function
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["scaling_config"]["maximum_concurrency"] > 1
    assert "filter_criteria" not in mapping.arguments


def test_lambdas_own_failures_become_dead_letters(
    detection: Stack, function: Resource, dead_letters: Resource
) -> None:
    asynchronous = detection.only("aws_lambda_function_event_invoke_config")
    destination = asynchronous["destination_config"]["on_failure"]["destination"]

    assert detection.follow(asynchronous["function_name"], "function_name") == function
    assert detection.follow(destination, "arn") == dead_letters
    assert asynchronous["maximum_retry_attempts"] == 2


def test_an_alarm_of_high_priority_is_up_as_long_as_there_is_a_dead_letter(
    detection: Stack, function: Resource, dead_letters: Resource
) -> None:
    [alarm] = [
        one
        for one in detection.resources("aws_cloudwatch_metric_alarm")
        if one["namespace"] == "AWS/SQS"
    ]
    topic = function["environment"]["variables"]["HIGH_PRIORITY_TOPIC_ARN"]

    assert alarm["metric_name"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["dimensions"] == {"QueueName": dead_letters["name"]}
    assert (alarm["statistic"], alarm["threshold"], alarm["period"]) == ("Maximum", 1, 60)
    assert alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["treat_missing_data"] == "notBreaching"
    assert alarm["alarm_actions"] == [topic]


def test_an_alarm_of_high_priority_tells_of_events_that_no_queue_took(
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


def test_the_queues_are_closed_to_plain_http_and_open_to_nobody_by_themselves(
    detection: Stack, queue: Resource, dead_letters: Resource, settings: Settings
) -> None:
    importer = role_session(settings.partition, settings.accounts.security, "anybody")
    for one in (queue, dead_letters):
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
        deny = statement(policy["policy"], "DenyPlainHttp")
        assert (deny["Effect"], deny["Action"], listed(deny["Resource"])) == (
            "Deny",
            "sqs:*",
            [arn],
        )


def test_what_was_told_is_remembered_by_an_id_and_forgotten_by_time(
    detection: Stack, function: Resource
) -> None:
    name = function["environment"]["variables"]["IDEMPOTENCY_TABLE_NAME"]
    table = detection.follow(name, "name")

    assert table["hash_key"] == "id"
    assert table["ttl"] == {"attribute_name": "expiration", "enabled": True}
    assert table["billing_mode"] == "PAY_PER_REQUEST"

"""The metrics that services publish of themselves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox.conditions import ideal
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    READ_QUEUE,
    allow,
    code_of,
    create_function,
    create_queue,
    map_queue,
    unique,
)

FAILS_ON_REQUEST = """
def handler(event, context):
    if event.get("fails"):
        raise ValueError("requested")
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Metrics are published at the end of each minute."""
    with Sandbox(conditions=replace(ideal(), alarms_wait=True)) as running:
        yield running


def values(
    sandbox: Sandbox, namespace: str, name: str, statistic: str = "Sum", **dimensions: str
) -> list[float]:
    """Of each minute that has data, the oldest first."""
    now = sandbox.clock.now().replace(tzinfo=UTC)
    points = sandbox.client("cloudwatch", SECURITY.id).get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": one, "Value": value} for one, value in dimensions.items()],
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return [point[statistic] for point in sorted(points, key=lambda point: point["Timestamp"])]


@pytest.fixture
def function(sandbox: Sandbox) -> str:
    queues = allow(["sqs:SendMessage", *READ_QUEUE])
    return create_function(sandbox, SECURITY.id, FAILS_ON_REQUEST, queues)


def of_function(sandbox: Sandbox, function: str, name: str) -> float:
    return sum(values(sandbox, "AWS/Lambda", name, FunctionName=function))


def test_lambda_counts_invocations_and_errors(sandbox: Sandbox, function: str) -> None:
    client = sandbox.client("lambda", SECURITY.id)
    for fails in (False, True, False):
        client.invoke(FunctionName=function, Payload=json.dumps({"fails": fails}))

    counted = [of_function(sandbox, function, name) for name in ("Invocations", "Errors")]

    assert counted == [3, 1]


def test_lambda_counts_each_attempt_of_an_asynchronous_event(
    sandbox: Sandbox, function: str
) -> None:
    sandbox.client("lambda", SECURITY.id).invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps({"fails": True})
    )
    sandbox.settle()

    counted = [of_function(sandbox, function, name) for name in ("Invocations", "Errors")]

    assert counted == [3, 3]


def test_a_function_without_concurrency_is_throttled(sandbox: Sandbox, function: str) -> None:
    client = sandbox.client("lambda", SECURITY.id)
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    with pytest.raises(ClientError) as throttled:
        client.invoke(FunctionName=function, Payload=b"{}")

    assert code_of(throttled.value) == "TooManyRequestsException"
    assert of_function(sandbox, function, "Throttles") > 0  # the client retries
    assert of_function(sandbox, function, "Invocations") == 0


def test_a_throttled_event_is_retried_every_minute(sandbox: Sandbox, function: str) -> None:
    client = sandbox.client("lambda", SECURITY.id)
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    sandbox.settle()
    at_first = of_function(sandbox, function, "Throttles")
    sandbox.clock.advance_to_next_minute()
    sandbox.settle()
    later = of_function(sandbox, function, "Throttles")

    client.delete_function_concurrency(FunctionName=function)
    sandbox.clock.advance_to_next_minute()
    sandbox.settle()

    assert later > at_first > 0
    assert of_function(sandbox, function, "Invocations") == 1


def test_messages_of_a_throttled_function_stay_in_the_queue(
    sandbox: Sandbox, function: str
) -> None:
    sqs, url = sandbox.client("sqs", SECURITY.id), create_queue(sandbox, SECURITY.id)
    client = sandbox.client("lambda", SECURITY.id)
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    map_queue(sandbox, url, function)

    sqs.send_message(QueueUrl=url, MessageBody="{}")
    sandbox.settle()

    name = "ApproximateNumberOfMessagesNotVisible"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    assert attributes[name] == "1"
    assert of_function(sandbox, function, "Throttles") == 1


def test_a_queue_publishes_the_age_of_its_oldest_message(sandbox: Sandbox) -> None:
    url, sqs = create_queue(sandbox, SECURITY.id), sandbox.client("sqs", SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="first")
    sandbox.clock.advance(600)
    sqs.send_message(QueueUrl=url, MessageBody="second")

    assert 600 < last_age(sandbox, url) < 720


def test_a_message_that_was_received_too_often_has_no_age(sandbox: Sandbox) -> None:
    sqs = sandbox.client("sqs", SECURITY.id)
    for receives, ages in ((3, True), (4, False)):
        url = create_queue(sandbox, SECURITY.id)
        sqs.send_message(QueueUrl=url, MessageBody="poisonous")
        received = 0
        while received < receives:
            answer = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
            received += len(answer.get("Messages", []))

        assert (last_age(sandbox, url) > 0) is ages, receives


def last_age(sandbox: Sandbox, url: str) -> float:
    """In seconds, after the end of a minute."""
    sandbox.clock.advance_to_next_minute()
    sandbox.clock.advance_to_next_minute()
    queue = url.rsplit("/", 1)[1]
    *_, last = values(
        sandbox, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=queue
    )
    return last


def test_a_log_group_counts_its_events(sandbox: Sandbox) -> None:
    logs, group = sandbox.client("logs", SECURITY.id), unique("/test/group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    now = int(sandbox.clock.time() * 1000)
    events = [{"timestamp": now - age, "message": "event"} for age in (7_200_000, 1, 0)]

    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    sandbox.clock.advance(600)

    counted = values(sandbox, "AWS/Logs", "IncomingLogEvents", LogGroupName=group)
    assert counted == [3]

"""Event source mappings invoke functions with the messages of queues."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    READ_QUEUE,
    allow,
    code_of,
    create_function,
    create_queue,
    log_lines,
    map_queue,
    message_of,
    policy,
    queue_arn,
)

WRITE_LOG = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
# Returns ANSWER of the environment, with the IDs of the messages for M0, M1 and so on.
SOURCE = """
import json, os, time

def handler(event, context):
    print(json.dumps(event))
    bodies = [record["body"] for record in event["Records"]]
    if "fail" in bodies:
        raise ValueError("failing")
    if "crash" in bodies:
        os._exit(3)
    if "sleep" in bodies:
        time.sleep(60)
    answer = os.environ.get("ANSWER", "null")
    for number, record in enumerate(event["Records"]):
        answer = answer.replace(f"M{number}", record["messageId"])
    return json.loads(answer)
"""
REPORTING = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


@pytest.fixture(scope="module")
def sqs(sandbox: Sandbox) -> Any:
    return sandbox.client("sqs", SECURITY.id)


def function(sandbox: Sandbox, answer: str = "null", **more: Any) -> str:
    return create_function(
        sandbox,
        SECURITY.id,
        SOURCE,
        allow(READ_QUEUE),
        WRITE_LOG,
        environment={"ANSWER": answer},
        **more,
    )


def send(sqs: Any, url: str, *bodies: str) -> list[str]:
    """The IDs of the messages, which are sent in one batch."""
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    return [sent["MessageId"] for sent in answer["Successful"]]


def left(sandbox: Sandbox, sqs: Any, url: str, mapping: str | None = None) -> list[str]:
    """The bodies of the messages in the queue, after the mapping is deleted."""
    if mapping:
        sandbox.client("lambda", SECURITY.id).delete_event_source_mapping(UUID=mapping)
    sandbox.let_time_pass()
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def events(sandbox: Sandbox, name: str) -> list[Any]:
    lines = log_lines(sandbox, SECURITY.id, name)
    return [json.loads(line) for line in lines if line.startswith('{"Records"')]


def test_a_function_receives_the_documented_event_and_the_message_is_deleted(
    sandbox: Sandbox, sqs: Any
) -> None:
    url, name = create_queue(sandbox, SECURITY.id), function(sandbox)
    mapping = map_queue(sandbox, url, name)
    attributes = {"kind": {"DataType": "String", "StringValue": "finding"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    sandbox.settle()
    ((record,),) = [event["Records"] for event in events(sandbox, name)]
    given = record.pop("attributes")
    receipt = record.pop("receiptHandle")

    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello",
        "messageAttributes": {
            "kind": {
                "stringValue": "finding",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfBody": hashlib.md5(b"hello", usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(url),
        "awsRegion": "us-east-1",
    }
    assert receipt
    assert given["ApproximateReceiveCount"] == "1"
    assert given["SentTimestamp"] <= given["ApproximateFirstReceiveTimestamp"]
    assert left(sandbox, sqs, url, mapping) == []


@pytest.mark.parametrize("body", ["fail", "crash"])
def test_a_failed_batch_is_retried_after_the_visibility_timeout(
    body: str, sandbox: Sandbox, sqs: Any
) -> None:
    url, name = create_queue(sandbox, SECURITY.id), function(sandbox)
    mapping = map_queue(sandbox, url, name)
    send(sqs, url, body, "hello")
    sandbox.settle()
    before = events(sandbox, name)
    sandbox.let_time_pass()
    sandbox.settle()
    counts = [
        record["attributes"]["ApproximateReceiveCount"]
        for event in events(sandbox, name)
        for record in event["Records"]
    ]

    assert len(before) == 1
    assert counts == ["1", "1", "2", "2"]
    assert left(sandbox, sqs, url, mapping) == sorted([body, "hello"])


def test_a_batch_that_times_out_is_retried(sandbox: Sandbox, sqs: Any) -> None:
    url, name = create_queue(sandbox, SECURITY.id), function(sandbox, timeout_seconds=1)
    mapping = map_queue(sandbox, url, name)
    send(sqs, url, "sleep")
    sandbox.settle()

    assert left(sandbox, sqs, url, mapping) == ["sleep"]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("null", []),
        ("{}", []),
        ('{"batchItemFailures": null}', []),
        ('{"batchItemFailures": []}', []),
        ('{"batchItemFailures": [{"itemIdentifier": "M1"}]}', ["two"]),
        (
            '{"batchItemFailures": [{"itemIdentifier": "M0"}, {"itemIdentifier": "M2"}]}',
            ["one", "x"],
        ),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', ["one", "two", "x"]),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', ["one", "two", "x"]),
        ('{"batchItemFailures": [{"itemIdentifier": "unknown"}]}', ["one", "two", "x"]),
        ('{"batchItemFailures": [{"messageId": "M0"}]}', ["one", "two", "x"]),
        ('{"batchItemFailures": "M0"}', ["one", "two", "x"]),
        ('"done"', ["one", "two", "x"]),
    ],
)
def test_reported_failures_stay_in_the_queue(
    answer: str, kept: Sequence[str], sandbox: Sandbox, sqs: Any
) -> None:
    url = create_queue(sandbox, SECURITY.id)
    mapping = map_queue(sandbox, url, function(sandbox, answer), **REPORTING)
    send(sqs, url, "one", "two", "x")
    sandbox.settle()

    assert left(sandbox, sqs, url, mapping) == kept


def test_reported_failures_are_ignored_unless_the_mapping_enables_them(
    sandbox: Sandbox, sqs: Any
) -> None:
    answer = '{"batchItemFailures": [{"itemIdentifier": "M0"}]}'
    url = create_queue(sandbox, SECURITY.id)
    mapping = map_queue(sandbox, url, function(sandbox, answer))
    send(sqs, url, "one")
    sandbox.settle()

    assert left(sandbox, sqs, url, mapping) == []


def test_a_message_that_always_fails_moves_to_the_dead_letter_queue(
    sandbox: Sandbox, sqs: Any
) -> None:
    dead = create_queue(sandbox, SECURITY.id)
    redrive = json.dumps({"deadLetterTargetArn": queue_arn(dead), "maxReceiveCount": 3})
    url = create_queue(sandbox, SECURITY.id, RedrivePolicy=redrive)
    name = function(sandbox)
    map_queue(sandbox, url, name)
    send(sqs, url, "fail")
    for _ in range(4):
        sandbox.settle()
        sandbox.let_time_pass()
    sandbox.settle()

    assert len(events(sandbox, name)) == 3
    assert left(sandbox, sqs, dead) == ["fail"]
    assert left(sandbox, sqs, url) == []


def test_a_disabled_mapping_receives_nothing(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    mapping = map_queue(sandbox, url, function(sandbox), Enabled=False)
    send(sqs, url, "hello")
    sandbox.settle()
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])[
        "Attributes"
    ]
    sandbox.client("lambda", SECURITY.id).update_event_source_mapping(UUID=mapping, Enabled=True)
    sandbox.settle()

    assert before == {"ApproximateNumberOfMessages": "1"}
    assert left(sandbox, sqs, url, mapping) == []


@pytest.mark.parametrize("action", READ_QUEUE)
def test_a_mapping_needs_each_permission_to_read_the_queue(action: str, sandbox: Sandbox) -> None:
    url = create_queue(sandbox, SECURITY.id)
    rights = allow([one for one in READ_QUEUE if one != action])
    name = create_function(sandbox, SECURITY.id, SOURCE, rights)

    with pytest.raises(ClientError) as refused:
        map_queue(sandbox, url, name)

    assert code_of(refused.value) == "InvalidParameterValueException"
    assert f"permissions to call {action.removeprefix('sqs:')} on SQS" in message_of(refused.value)


@pytest.mark.parametrize(
    ("action", "runs"),
    [("sqs:ReceiveMessage", 0), ("sqs:GetQueueAttributes", 0), ("sqs:DeleteMessage", 1)],
)
def test_a_removed_permission_keeps_the_message_in_the_queue(
    action: str, runs: int, sandbox: Sandbox, sqs: Any
) -> None:
    url, name = create_queue(sandbox, SECURITY.id), function(sandbox)
    mapping = map_queue(sandbox, url, name)
    deny = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": queue_arn(url)}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(deny)})
    send(sqs, url, "hello")
    sandbox.settle()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})

    assert len(events(sandbox, name)) == runs
    sandbox.settle()
    assert left(sandbox, sqs, url, mapping) == (["hello"] if runs else [])


def test_a_mapping_needs_a_visibility_timeout_above_the_functions_timeout(sandbox: Sandbox) -> None:
    url = create_queue(sandbox, SECURITY.id, VisibilityTimeout="5")

    with pytest.raises(ClientError) as refused:
        map_queue(sandbox, url, function(sandbox, timeout_seconds=10))

    assert message_of(refused.value) == (
        "Queue visibility timeout: 5 seconds is less than Function timeout: 10 seconds"
    )


def test_a_second_mapping_of_a_queue_and_a_function_is_refused(sandbox: Sandbox) -> None:
    url, name = create_queue(sandbox, SECURITY.id), function(sandbox)
    map_queue(sandbox, url, name)

    with pytest.raises(ClientError) as refused:
        map_queue(sandbox, url, name)

    assert code_of(refused.value) == "ResourceConflictException"


def test_batches_are_processed_concurrently(sandbox: Sandbox, sqs: Any, tmp_path: Path) -> None:
    """Each invocation waits for another one."""
    source = """
import os, time
from pathlib import Path

def handler(event, context):
    folder = Path(os.environ["FOLDER"])
    mine = folder / event["Records"][0]["messageId"]
    mine.touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
"""
    url = create_queue(sandbox, SECURITY.id)
    name = create_function(
        sandbox, SECURITY.id, source, allow(READ_QUEUE), environment={"FOLDER": str(tmp_path)}
    )
    limit = {"ScalingConfig": {"MaximumConcurrency": 2}}
    mapping = map_queue(sandbox, url, name, BatchSize=1, **limit)
    send(sqs, url, "one", "two")
    sandbox.settle()

    assert left(sandbox, sqs, url, mapping) == []

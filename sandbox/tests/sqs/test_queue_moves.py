"""Message move tasks redrive dead-letter queues."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    allow,
    client_with,
    code_of,
    create_queue,
    create_role,
    message_of,
    queue_arn,
    session_of,
)

ATTRIBUTES = {"kind": {"DataType": "String", "StringValue": "finding"}}
MOVES = (
    "sqs:StartMessageMoveTask",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
)


@pytest.fixture(scope="module")
def sqs(sandbox: Sandbox) -> Any:
    return sandbox.client("sqs", SECURITY.id)


def receive(sqs: Any, url: str) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


def dead_letters(sandbox: Sandbox, sqs: Any, *bodies: str) -> tuple[str, str]:
    """The URLs of a queue and of its dead-letter queue, which has these messages."""
    dead = create_queue(sandbox, SECURITY.id)
    redrive = json.dumps({"deadLetterTargetArn": queue_arn(dead), "maxReceiveCount": 1})
    url = create_queue(sandbox, SECURITY.id, RedrivePolicy=redrive)
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=ATTRIBUTES)
    receive(sqs, url)
    sandbox.let_time_pass()
    receive(sqs, url)
    return url, dead


def last_task(sqs: Any, source: str) -> dict[str, Any]:
    (task,) = sqs.list_message_move_tasks(SourceArn=queue_arn(source))["Results"]
    return dict(task)


def test_without_a_destination_messages_return_to_their_source_as_new_messages(
    sandbox: Sandbox, sqs: Any
) -> None:
    url, dead = dead_letters(sandbox, sqs, "one", "two")
    sqs.start_message_move_task(SourceArn=queue_arn(dead))
    back = receive(sqs, url)
    task = last_task(sqs, dead)

    assert [message["Body"] for message in back] == ["one", "two"]
    assert all(message["MessageAttributes"] == ATTRIBUTES for message in back)
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in back} == {"1"}
    assert receive(sqs, dead) == []
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)


def test_messages_move_to_the_destination(sandbox: Sandbox, sqs: Any) -> None:
    url, dead = dead_letters(sandbox, sqs, "one")
    other = create_queue(sandbox, SECURITY.id)
    sqs.start_message_move_task(SourceArn=queue_arn(dead), DestinationArn=queue_arn(other))

    assert [message["Body"] for message in receive(sqs, other)] == ["one"]
    assert receive(sqs, url) == receive(sqs, dead) == []
    assert last_task(sqs, dead)["DestinationArn"] == queue_arn(other)


def test_a_message_that_was_sent_to_the_dead_letter_queue_stays(sandbox: Sandbox, sqs: Any) -> None:
    _, dead = dead_letters(sandbox, sqs)
    sqs.send_message(QueueUrl=dead, MessageBody="sent here")
    sqs.start_message_move_task(SourceArn=queue_arn(dead))
    task = last_task(sqs, dead)

    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert [message["Body"] for message in receive(sqs, dead)] == ["sent here"]


def test_a_queue_that_is_no_dead_letter_queue_is_refused(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)

    with pytest.raises(ClientError, match="Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=queue_arn(url))


def test_a_queue_that_does_not_exist_is_not_found(sandbox: Sandbox, sqs: Any) -> None:
    cases: list[str] = ["SourceArn", "DestinationArn"]
    for parameter in cases:
        _, dead = dead_letters(sandbox, sqs)
        arns = {"SourceArn": queue_arn(dead), parameter: queue_arn(dead) + "-none"}

        with pytest.raises(ClientError) as refused:
            sqs.start_message_move_task(**arns)

        assert code_of(refused.value).endswith("ResourceNotFoundException"), parameter
        assert parameter in message_of(refused.value), parameter


def test_a_move_needs_each_of_its_permissions(sandbox: Sandbox, sqs: Any) -> None:
    cases: list[str] = [*MOVES, "sqs:SendMessage"]
    for missing in cases:
        url, dead = dead_letters(sandbox, sqs, "one")
        rights = [
            allow([one for one in MOVES if one != missing], queue_arn(dead)),
            *([] if missing == "sqs:SendMessage" else [allow("sqs:SendMessage", queue_arn(url))]),
        ]
        own = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
        role = create_role(sandbox, SECURITY.id, own, *rights)
        mover = client_with(sandbox, "sqs", session_of(sandbox, role))

        with pytest.raises(ClientError) as refused:
            mover.start_message_move_task(SourceArn=queue_arn(dead))

        assert code_of(refused.value).startswith("AccessDenied"), missing
        assert missing in message_of(refused.value), missing


PREFIX = "ApproximateNumberOfMessages"


def counts(sqs: Any, url: str) -> list[int]:
    """Of visible, in-flight and delayed messages."""
    names = [PREFIX, f"{PREFIX}NotVisible", f"{PREFIX}Delayed"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(attributes[name]) for name in names]


def test_visible_hidden_and_delayed_messages_are_counted(sandbox: Sandbox) -> None:
    url, sqs = create_queue(sandbox, SECURITY.id), sandbox.client("sqs", SECURITY.id)
    for delay_seconds in (0, 0, 0, 900, 900):
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay_seconds)
    before = counts(sqs, url)
    sqs.receive_message(QueueUrl=url)
    received = counts(sqs, url)
    sandbox.let_time_pass()

    assert before == [3, 0, 2]
    assert received == [2, 1, 2]
    assert counts(sqs, url) == [5, 0, 0]

"""Queues validate, return and delete messages as SQS does."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.sqs import queues
from sandbox.tests.resources import (
    allow,
    client_with,
    code_of,
    create_queue,
    create_role,
    policy,
    queue_arn,
    session_of,
    unique,
)

OWN_ACCOUNT = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}


@pytest.fixture(scope="module")
def sqs(sandbox: Sandbox) -> Any:
    return sandbox.client("sqs", SECURITY.id)


def receive(sqs: Any, url: str, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **more,
    )
    return list(answer.get("Messages", []))


def with_dead_letters(sandbox: Sandbox, receipts: int) -> tuple[str, str]:
    """The URLs of a queue and of its dead-letter queue."""
    dead = create_queue(sandbox, SECURITY.id)
    redrive = {"deadLetterTargetArn": queue_arn(dead), "maxReceiveCount": receipts}
    return create_queue(sandbox, SECURITY.id, RedrivePolicy=json.dumps(redrive)), dead


def test_a_received_message_is_hidden_until_time_passes(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    first, hidden = receive(sqs, url), receive(sqs, url)
    sandbox.let_time_pass()
    (again,) = receive(sqs, url)

    assert [message["Body"] for message in first] == ["hello"]
    assert hidden == []
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert again["ReceiptHandle"] != first[0]["ReceiptHandle"]


def test_a_delayed_message_is_visible_when_time_passes(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="hello", DelaySeconds=900)
    before = receive(sqs, url)
    sandbox.let_time_pass()

    assert before == []
    assert len(receive(sqs, url)) == 1


def test_only_the_latest_receipt_handle_deletes(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    (first,) = receive(sqs, url)
    sandbox.let_time_pass()
    (second,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    sandbox.let_time_pass()
    (third,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
    sandbox.let_time_pass()

    assert second["MessageId"] == third["MessageId"]
    assert receive(sqs, url) == []


def test_a_message_above_max_receive_count_moves_to_the_dead_letter_queue(
    sandbox: Sandbox, sqs: Any
) -> None:
    url, dead = with_dead_letters(sandbox, receipts=2)
    attributes = {"kind": {"DataType": "String", "StringValue": "finding"}}
    sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    received = []
    for _ in range(3):
        received.append(receive(sqs, url))
        sandbox.let_time_pass()
    (message,) = receive(sqs, dead)

    assert [len(messages) for messages in received] == [1, 1, 0]
    assert message["Body"] == "hello"
    assert message["MessageAttributes"] == attributes
    sent = received[0][0]["Attributes"]["SentTimestamp"]
    assert message["Attributes"]["SentTimestamp"] == sent
    assert message["MessageId"] == received[0][0]["MessageId"]


def test_a_dead_letter_queue_can_refuse_a_source_queue(sandbox: Sandbox) -> None:
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:a:1:other"]}
    dead = create_queue(sandbox, SECURITY.id, RedriveAllowPolicy=json.dumps(allowed))
    redrive = {"deadLetterTargetArn": queue_arn(dead), "maxReceiveCount": 2}

    with pytest.raises(ClientError) as refused:
        create_queue(sandbox, SECURITY.id, RedrivePolicy=json.dumps(redrive))

    assert code_of(refused.value) == "InvalidParameterValue"


def test_the_size_of_a_message_counts_bytes_and_attributes(sandbox: Sandbox, sqs: Any) -> None:
    cases: list[dict[str, str]] = [{}, {"name": "x" * 20}]
    for attributes in cases:
        url = create_queue(sandbox, SECURITY.id, MaximumMessageSize="1024")
        given = {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()}
        room = 1024 - sum(len(name) + len("String") + len(v) for name, v in attributes.items())
        fitting = "é" * (room // 2)
        sqs.send_message(QueueUrl=url, MessageBody=fitting, MessageAttributes=given)

        with pytest.raises(ClientError, match="shorter than 1024 bytes") as refused:
            sqs.send_message(QueueUrl=url, MessageBody=fitting + "é", MessageAttributes=given)

        assert code_of(refused.value) == "InvalidParameterValue", attributes


def test_invalid_characters_are_refused(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="\t\n\r \ue000\U0001f600")

    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=url, MessageBody="a\u0001b")

    assert code_of(refused.value) == "InvalidMessageContents"


def test_a_batch_reports_each_entry(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id, MaximumMessageSize="1024")
    bodies = {"good": "hello", "long": "x" * 1025, "strange": "\u0001"}
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": i, "MessageBody": body} for i, body in bodies.items()]
    )
    codes = {failed["Id"]: failed["Code"] for failed in answer["Failed"]}

    assert [sent["Id"] for sent in answer["Successful"]] == ["good"]
    assert codes == {"long": "InvalidParameterValue", "strange": "InvalidMessageContents"}


def test_a_batch_that_is_too_long_is_refused(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    entries = [{"Id": str(number), "MessageBody": "x" * 600_000} for number in range(2)]

    with pytest.raises(ClientError) as refused:
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert "BatchRequestTooLong" in code_of(refused.value)
    assert receive(sqs, url) == []


def test_a_message_has_its_senders_id(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    role = create_role(sandbox, SECURITY.id, OWN_ACCOUNT, allow("sqs:SendMessage"))
    client_with(sandbox, "sqs", session_of(sandbox, role)).send_message(
        QueueUrl=url, MessageBody="hello"
    )
    (message,) = receive(sqs, url)

    assert message["Attributes"]["SenderId"].startswith("AROA")
    assert message["Attributes"]["SenderId"].endswith(":test")


def test_a_call_is_authorized_on_its_queue_and_by_the_queues_policy(
    sandbox: Sandbox, sqs: Any
) -> None:
    mine, other, closed = (create_queue(sandbox, SECURITY.id) for _ in range(3))
    arns = [queue_arn(url) for url in (mine, closed)]
    role = create_role(sandbox, SECURITY.id, OWN_ACCOUNT, allow("sqs:SendMessage", arns))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arns[1]}
    sqs.set_queue_attributes(QueueUrl=closed, Attributes={"Policy": policy(deny)})
    sender = client_with(sandbox, "sqs", session_of(sandbox, role))
    sender.send_message(QueueUrl=mine, MessageBody="hello")

    for url in (other, closed):
        with pytest.raises(ClientError) as refused:
            sender.send_message(QueueUrl=url, MessageBody="hello")
        assert code_of(refused.value).startswith("AccessDenied")


def test_setting_an_attribute_keeps_the_others(sandbox: Sandbox, sqs: Any) -> None:
    url = create_queue(sandbox, SECURITY.id)
    text = policy(allow("sqs:SendMessage", queue_arn(url), Principal=OWN_ACCOUNT))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert json.loads(kept["Policy"]) == json.loads(text)
    assert kept["VisibilityTimeout"] == "77"


def test_a_fifo_queue_is_refused(sqs: Any) -> None:
    with pytest.raises(ClientError, match="standard"):
        sqs.create_queue(QueueName=unique("q") + ".fifo", Attributes={"FifoQueue": "true"})


def test_a_redrive_policy_is_returned_without_spaces(sandbox: Sandbox, sqs: Any) -> None:
    url, dead = with_dead_letters(sandbox, receipts=2)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert attributes["RedrivePolicy"] == (
        f'{{"deadLetterTargetArn":"{queue_arn(dead)}","maxReceiveCount":2}}'
    )


def test_the_visibility_timeout_changes_only_while_the_message_is_in_flight(
    sandbox: Sandbox, sqs: Any
) -> None:
    url = create_queue(sandbox, SECURITY.id)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    (message,) = receive(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    sqs.change_message_visibility(**change, VisibilityTimeout=0)
    with pytest.raises(ClientError) as shown:
        sqs.change_message_visibility(**change, VisibilityTimeout=10)
    again = receive(sqs, url)
    with pytest.raises(ClientError) as old:
        sqs.change_message_visibility(**change, VisibilityTimeout=10)

    assert len(again) == 1
    assert code_of(shown.value).endswith("MessageNotInflight")
    assert code_of(old.value) == "InvalidParameterValue"


def message_in(sqs: Any, url: str) -> dict[str, Any]:
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]
    return dict(message)


def test_a_queue_has_a_maximum_of_messages_in_flight(sandbox: Sandbox) -> None:
    """Long polling returns nothing instead of an error."""
    url, sqs = create_queue(sandbox, SECURITY.id), sandbox.client("sqs", SECURITY.id)
    for _ in range(4):
        sqs.send_message(QueueUrl=url, MessageBody="x")

    with patch.object(queues, "MAX_IN_FLIGHT", 3):
        received = [message_in(sqs, url) for _ in range(3)]
        with pytest.raises(ClientError) as refused:
            sqs.receive_message(QueueUrl=url)
        polled = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
        last = message_in(sqs, url)

    assert code_of(refused.value) == "OverLimit"
    assert "Messages" not in polled
    assert last["MessageId"] not in {one["MessageId"] for one in received}


def test_the_maximum_is_that_of_standard_queues() -> None:
    assert queues.MAX_IN_FLIGHT == 120_000

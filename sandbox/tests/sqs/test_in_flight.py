"""The maximum of messages in flight."""

from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.sqs import queues
from sandbox.tests.resources import code_of, create_queue


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

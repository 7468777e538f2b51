"""What a function reads of a queue's messages, and what its answer says of them.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from moto.sqs.models import Message, Queue

type MessageIds = set[str]


def event(queue: Queue, messages: Sequence[Message]) -> bytes:
    return json.dumps({"Records": [_record(queue, message) for message in messages]}).encode()


def failed(answer: bytes, messages: Sequence[Message]) -> MessageIds:
    """What a function that reports failures item by item leaves in the queue.

    An answer that is not understood, or that names what was not in the batch, fails all of it.
    """
    everything = {message.id for message in messages}
    try:
        named = _named(json.loads(answer))
    except ValueError:
        return everything
    return named if named is not None and named <= everything else everything


def _named(answer: Any) -> MessageIds | None:
    """None for any other shape than the documented ones."""
    if not isinstance(answer, dict | None):
        return None
    failures = (answer or {}).get("batchItemFailures") or []
    if not isinstance(failures, list):
        return None
    ids = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
    return {str(one) for one in ids} if all(isinstance(one, str) for one in ids) else None


def _record(queue: Queue, message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {
            name: _attribute(value) for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    binary = value.get("BinaryValue")
    given = (
        {"stringValue": value["StringValue"]}
        if binary is None
        else {"binaryValue": base64.b64encode(binary).decode()}
    )
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    return {**given, **lists, "dataType": value["DataType"]}

"""Messages of standard queues: validation, receipt, deletion, and moves to a dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.utils import unix_time
from moto.sqs.constants import MAXIMUM_MESSAGE_LENGTH
from moto.sqs.exceptions import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    InvalidBatchEntryId,
    InvalidParameterValue,
    MissingParameter,
    ReceiptHandleIsInvalid,
    SQSException,
    TooManyEntriesInBatchRequest,
)
from moto.sqs.models import Message, Queue, _filter_message_attributes, sqs_backends

SENT_AT = "sent_at"  # by the sandbox's clock, in seconds
MAX_ATTRIBUTES = 10
MAX_BATCH_ENTRIES = 10
ENTRY_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

type Attributes = Mapping[str, Mapping[str, Any]]


class InvalidMessageError(SQSException):
    """The queue does not accept the message."""


def queue_of(arn: str) -> Queue | None:
    _, _, service, region, account, name = arn.split(":", 5)
    return sqs_backends[account][region].queues.get(name) if service == "sqs" else None


def queues() -> list[Queue]:
    return [
        queue
        for regions in list(sqs_backends.values())
        for backend in list(regions.values())
        for queue in list(backend.queues.values())
    ]


def all_messages(queue: Queue) -> list[Message]:
    return list(queue._messages)  # noqa: SLF001  moto has no other way


def send(queue: Queue | None, body: str, attributes: dict[str, Any] | None = None) -> Message:
    """For AWS services, after their authorization. `InvalidMessageError`: see `check_message`."""
    assert queue is not None  # noqa: S101  the authorization has found its policy
    backend = sqs_backends[queue.account_id][queue.region]
    sent: Message = backend.send_message(queue.name, body, message_attributes=attributes or {})
    return sent


def check_message(queue: Queue, body: str, attributes: Attributes) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html."""
    max_bytes = int(vars(queue)["maximum_message_size"])
    if not body:
        raise MissingParameter("MessageBody")
    if _size(body, attributes) > max_bytes:
        raise InvalidMessageError(
            "InvalidParameterValue",
            "One or more parameters are invalid. "
            f"Reason: Message must be shorter than {max_bytes} bytes.",
        )
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidMessageError(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MAX_ATTRIBUTES}].",
        )
    values = [str(value.get("StringValue") or "") for value in attributes.values()]
    if any(map(FORBIDDEN.search, [body, *values])):
        raise InvalidMessageError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
            "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    ids = [entry["Id"] for entry in entries]
    if len(entries) > MAX_BATCH_ENTRIES:
        raise TooManyEntriesInBatchRequest(len(entries))
    if not all(map(ENTRY_ID.fullmatch, ids)):
        raise InvalidBatchEntryId
    repeated = next((one for one in ids if ids.count(one) > 1), None)
    if repeated is not None:
        raise BatchEntryIdsNotDistinct(repeated)
    size = sum(_size(entry["MessageBody"], entry["MessageAttributes"]) for entry in entries)
    if size > MAXIMUM_MESSAGE_LENGTH:
        raise BatchRequestTooLong(size)


def _size(body: str, attributes: Attributes) -> int:
    """In bytes, including the names, types and values of the attributes."""
    return _bytes(body) + sum(
        _bytes(name)
        + _bytes(value["DataType"])
        + _bytes(value.get("StringValue") or value.get("BinaryValue") or "")
        for name, value in attributes.items()
    )


def _bytes(text: str | bytes) -> int:
    return len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


def receive(queue: Queue, count: int, visibility_timeout: int, names: list[str]) -> list[Message]:
    """Copies of the received messages. Moves messages above maxReceiveCount to the DLQ.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    received: list[Message] = []
    for message in queue.messages:
        if len(received) == count:
            break
        if _exceeds_receive_count(queue, message):
            _move_to_dead_letter_queue(queue, message)
        elif _has_expired(queue, message):
            queue._messages.remove(message)  # noqa: SLF001  moto has no other way
        else:
            message.mark_received(visibility_timeout)
            received.append(copy.copy(message))
    for snapshot in received:
        _filter_message_attributes(snapshot, names)
    return received


def _exceeds_receive_count(queue: Queue, message: Message) -> bool:
    target = queue.dead_letter_queue
    if target is None or queue_of(target.queue_arn) is not target:  # deleted
        return False
    maximum = int(vars(queue)["redrive_policy"]["maxReceiveCount"])
    return message.approximate_receive_count >= maximum


def _move_to_dead_letter_queue(queue: Queue, message: Message) -> None:
    """The message keeps its attributes, including the time when it was sent."""
    queue._messages.remove(message)  # noqa: SLF001  moto has no other way
    vars(message)["dead_letter_source"] = queue.queue_arn
    assert queue.dead_letter_queue is not None  # noqa: S101  see _exceeds_receive_count
    queue.dead_letter_queue.add_message(message)


def _has_expired(queue: Queue, message: Message) -> bool:
    sent = float(message.sent_timestamp or 0) / 1000
    return sent + float(vars(queue)["message_retention_period"]) <= unix_time()


def delete(queue: Queue, receipt_handle: str) -> None:
    """Only the latest receipt handle deletes; an older one is accepted and has no effect.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
    """
    for message in list(queue._messages):  # noqa: SLF001  moto has no other way
        if message.receipt_handle == receipt_handle:
            queue._messages.remove(message)  # noqa: SLF001  moto has no other way
            queue.deleted_messages.update(filter(None, message.all_receipt_handles))
            return
        if message.had_receipt_handle(receipt_handle):
            return
    if receipt_handle not in queue.deleted_messages:
        raise ReceiptHandleIsInvalid


def check_in_flight(queue: Queue, receipt_handle: str) -> None:
    """Only the latest receipt handle changes the visibility timeout, while the message is hidden.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
    """
    for message in queue._messages:  # noqa: SLF001  moto has no other way
        if message.receipt_handle == receipt_handle:
            if message.visible:
                raise SQSException(
                    "AWS.SimpleQueueService.MessageNotInflight",
                    "The specified message isn't in flight.",
                )
        elif message.had_receipt_handle(receipt_handle):
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message "
                "does not exist or is not available for visibility timeout change."
            )

"""A queue's messages: sent, received, buried with the dead letters, deleted.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

import copy
from typing import Any

from moto.core.utils import unix_time
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, Queue, _filter_message_attributes, sqs_backends


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


def send(queue: Queue | None, body: str, attributes: dict[str, Any] | None = None) -> Message:
    """For AWS itself, where it may; InvalidMessageError for what the queue does not take."""
    assert queue is not None  # noqa: S101  whoever sends has asked for its policy before
    backend = sqs_backends[queue.account_id][queue.region]
    sent: Message = backend.send_message(queue.name, body, message_attributes=attributes or {})
    return sent


def receive(queue: Queue, count: int, visibility_timeout: int, names: list[str]) -> list[Message]:
    """Copies of the messages received; what was received too often goes to the dead letters.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    received: list[Message] = []
    for message in queue.messages:
        if len(received) == count:
            break
        if _is_dead(queue, message):
            _bury(queue, message)
        elif _has_expired(queue, message):
            queue._messages.remove(message)  # noqa: SLF001  moto has no other way
        else:
            message.mark_received(visibility_timeout)
            received.append(copy.copy(message))
    for snapshot in received:
        _filter_message_attributes(snapshot, names)
    return received


def _is_dead(queue: Queue, message: Message) -> bool:
    grave = queue.dead_letter_queue
    if grave is None or queue_of(grave.queue_arn) is not grave:  # deleted: there is no way out
        return False
    most = int(vars(queue)["redrive_policy"]["maxReceiveCount"])
    return message.approximate_receive_count >= most


def _bury(queue: Queue, message: Message) -> None:
    """The message keeps all it has, the time when it was sent included."""
    queue._messages.remove(message)  # noqa: SLF001  moto has no other way
    vars(message)["dead_letter_source"] = queue.queue_arn
    assert queue.dead_letter_queue is not None  # noqa: S101  it is what makes a message dead
    queue.dead_letter_queue.add_message(message)


def _has_expired(queue: Queue, message: Message) -> bool:
    sent = float(message.sent_timestamp or 0) / 1000
    return sent + float(vars(queue)["message_retention_period"]) <= unix_time()


def delete(queue: Queue, receipt_handle: str) -> None:
    """Only the handle of the last receipt deletes; an older one is taken and does nothing.

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
    """Only the last receipt hides a message for longer or shorter, and only while it is hidden.

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

"""SQS in the sandbox: what moto takes lightly about standard queues and their messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

from __future__ import annotations

import copy
import functools
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.core.utils import unix_time
from moto.sqs.exceptions import ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes, sqs_backends
from moto.sqs.responses import SQSResponse

from sandbox.identities import sender_id
from sandbox.services import queue_settings
from sandbox.services.message_rules import InvalidMessageError, check_batch, check_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.activity import Activity

__all__ = ["InvalidMessageError", "Queues", "queue_of", "queues", "receive", "send"]

CHANGES = (
    "change_message_visibility",
    "delete_message",
    "delete_message_batch",
    "delete_queue",
    "purge_queue",
    "set_queue_attributes",
)
SENDER: ContextVar[str | None] = ContextVar("sender", default=None)


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


class Queues:
    """Holds moto's queues to one lock, and tells of each change."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._held: set[str] = set()  # ids of messages in the hands of an invocation

    @contextmanager
    def installed(self) -> Iterator[None]:
        replacements: list[tuple[type, str, Any]] = [
            (Queue, "add_message", self._adding()),
            (Queue, "delete_message", _delete_message),
            (SQSBackend, "receive_message", self._receiving(SQSBackend.receive_message)),
            (SQSBackend, "send_message", self._guarded(_sending(SQSBackend.send_message))),
            (SQSBackend, "send_message_batch", self._guarded(_send_batch)),
            (SQSResponse, "send_message", _naming_sender(SQSResponse.send_message)),
            (SQSResponse, "send_message_batch", _naming_sender(SQSResponse.send_message_batch)),
        ]
        replacements += [
            (SQSBackend, name, self._guarded(getattr(SQSBackend, name))) for name in CHANGES
        ]
        with ExitStack() as stack:
            stack.enter_context(queue_settings.installed())
            for owner, name, replacement in replacements:
                stack.enter_context(patch.object(owner, name, replacement))
            yield

    def hold(self, messages: list[Message]) -> None:
        self._held |= {message.id for message in messages}

    def release(self, messages: list[Message]) -> None:
        self._held -= {message.id for message in messages}

    def let_time_pass(self) -> None:
        """What is delayed or invisible shows itself, unless an invocation has it in hand."""
        with self._activity.changed:
            for queue in queues():
                for message in queue._messages:  # noqa: SLF001  moto has no other way
                    if message.id not in self._held:
                        message.visible_at = message.delayed_until = 0.0
            self._activity.notify()

    def _adding(self) -> Any:
        """Here moto would invoke the functions of the queue's mappings."""

        def add_message(queue: Queue, message: Message) -> None:
            with self._activity.changed:
                queue._messages.append(message)  # noqa: SLF001  moto has no other way
                self._activity.notify()

        return add_message

    def _guarded(self, operation: Any) -> Any:
        @functools.wraps(operation)
        def guarded(backend: SQSBackend, *args: Any, **kwargs: Any) -> Any:
            with self._activity.changed:
                answer = operation(backend, *args, **kwargs)
                self._activity.notify()
                return answer

        return guarded

    def _receiving(self, receive_message: Any) -> Any:
        @functools.wraps(receive_message)
        def receiving(
            backend: SQSBackend,
            queue_name: str,
            count: int,
            wait_seconds_timeout: int,
            visibility_timeout: int,
            message_attribute_names: list[str] | None = None,
        ) -> list[Message]:
            queue = backend.get_queue(queue_name)
            with self._activity.changed:
                self._activity.changed.wait_for(lambda: queue.messages, wait_seconds_timeout)
                received = receive(queue, count, visibility_timeout, message_attribute_names or [])
                self._activity.notify()
                return received

        return receiving


def _delete_message(queue: Queue, receipt_handle: str) -> None:
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


def _sending(send_message: Any) -> Any:
    @functools.wraps(send_message)
    def sending(
        backend: SQSBackend, queue_name: str, message_body: str, *args: Any, **more: Any
    ) -> Message:
        attributes = args[0] if args else more.get("message_attributes")
        check_message(backend.get_queue(queue_name), message_body, attributes or {})
        message: Message = send_message(backend, queue_name, message_body, *args, **more)
        message.sender_id = SENDER.get() or message.sender_id
        return message

    return sending


def _send_batch(
    backend: SQSBackend, queue_name: str, entries: dict[str, dict[str, Any]]
) -> tuple[list[Message], list[dict[str, Any]]]:
    """Each entry is accepted or refused for itself, if the batch as a whole is in order."""
    check_batch(list(entries.values()))
    sent, failed = [], []
    for entry in entries.values():
        try:
            message = _send_entry(backend, queue_name, entry)
        except SQSException as error:
            failed.append(_failed_entry(entry["Id"], error))
        else:
            vars(message)["user_id"] = entry["Id"]
            sent.append(message)
    return sent, failed


def _send_entry(backend: SQSBackend, queue_name: str, entry: dict[str, Any]) -> Message:
    message: Message = backend.send_message(
        queue_name,
        entry["MessageBody"],
        message_attributes=entry["MessageAttributes"],
        delay_seconds=entry["DelaySeconds"],
        group_id=entry.get("MessageGroupId"),
        deduplication_id=entry.get("MessageDeduplicationId"),
    )
    return message


def _failed_entry(entry_id: str, error: SQSException) -> dict[str, Any]:
    return {"Id": entry_id, "SenderFault": True, "Code": error.code, "Message": error.message}


def _naming_sender(operation: Any) -> Any:
    @functools.wraps(operation)
    def naming(response: SQSResponse) -> Any:
        token = SENDER.set(sender_id(response))
        try:
            return operation(response)
        finally:
            SENDER.reset(token)

    return naming

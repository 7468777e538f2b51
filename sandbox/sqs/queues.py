"""SQS in the sandbox: what moto takes lightly about standard queues and their messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from sandbox.activity import Activity
from sandbox.iam.identities import sender_id
from sandbox.sqs import settings as queue_settings
from sandbox.sqs.message_rules import check_batch, check_message
from sandbox.sqs.messages import check_in_flight, delete, queues, receive

CHANGES = (
    "delete_message",
    "delete_message_batch",
    "delete_queue",
    "purge_queue",
    "set_queue_attributes",
)
SENDER: ContextVar[str | None] = ContextVar("sender", default=None)


class Queues:
    """Holds moto's queues to one lock, and tells of each change."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._held: set[str] = set()  # ids of messages in the hands of an invocation

    @contextmanager
    def installed(self) -> Iterator[None]:
        hiding = _hiding(SQSBackend.change_message_visibility)
        replacements: list[tuple[type, str, Any]] = [
            (Queue, "add_message", self._adding()),
            (Queue, "delete_message", delete),
            (SQSBackend, "receive_message", self._receiving(SQSBackend.receive_message)),
            (SQSBackend, "send_message", self._guarded(_sending(SQSBackend.send_message))),
            (SQSBackend, "send_message_batch", self._guarded(_send_batch)),
            (SQSBackend, "change_message_visibility", self._guarded(hiding)),
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


def _hiding(change_message_visibility: Any) -> Any:
    @functools.wraps(change_message_visibility)
    def hiding(
        backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        check_in_flight(backend.get_queue(queue_name), receipt_handle)
        change_message_visibility(backend, queue_name, receipt_handle, visibility_timeout)

    return hiding


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

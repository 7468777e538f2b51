"""SQS in the sandbox: what moto takes lightly about standard queues and their messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

from contextvars import ContextVar
from typing import Any

from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from sandbox.activity import Activity
from sandbox.iam.identities import sender_id
from sandbox.overrides import Override, replace, wrap
from sandbox.sqs import counts, settings
from sandbox.sqs.message_rules import check_batch, check_message
from sandbox.sqs.messages import check_in_flight, delete, queues, receive

CHANGES = (
    "send_message",
    "send_message_batch",
    "change_message_visibility",
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

    def overrides(self) -> list[Override]:
        return [
            *counts.overrides(),
            *settings.overrides(),
            *replace(Queue, add_message=self._add_message, delete_message=delete),
            *replace(
                SQSBackend, send_message_batch=_send_batch, receive_message=self._receive_message
            ),
            *wrap(
                SQSBackend,
                send_message=_send_message,
                change_message_visibility=_change_message_visibility,
            ),
            *wrap(SQSBackend, **dict.fromkeys(CHANGES, self._locked)),
            *wrap(SQSResponse, send_message=_with_sender, send_message_batch=_with_sender),
        ]

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

    def _add_message(self, queue: Queue, message: Message) -> None:
        """Moto's would invoke the functions that are mapped to the queue."""
        with self._activity.changed:
            queue._messages.append(message)  # noqa: SLF001  moto has no other way
            self._activity.notify()

    def _locked(self, operation: Any, backend: SQSBackend, *args: Any, **kwargs: Any) -> Any:
        with self._activity.changed:
            answer = operation(backend, *args, **kwargs)
            self._activity.notify()
            return answer

    def _receive_message(
        self,
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


def _change_message_visibility(
    change_message_visibility: Any,
    backend: SQSBackend,
    queue_name: str,
    receipt_handle: str,
    visibility_timeout: int,
) -> None:
    check_in_flight(backend.get_queue(queue_name), receipt_handle)
    change_message_visibility(backend, queue_name, receipt_handle, visibility_timeout)


def _send_message(
    send_message: Any,
    backend: SQSBackend,
    queue_name: str,
    message_body: str,
    *args: Any,
    **more: Any,
) -> Message:
    attributes = args[0] if args else more.get("message_attributes")
    check_message(backend.get_queue(queue_name), message_body, attributes or {})
    message: Message = send_message(backend, queue_name, message_body, *args, **more)
    message.sender_id = SENDER.get() or message.sender_id
    return message


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


def _with_sender(operation: Any, response: SQSResponse) -> Any:
    token = SENDER.set(sender_id(response))
    try:
        return operation(response)
    finally:
        SENDER.reset(token)

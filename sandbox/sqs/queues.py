"""Standard queues: their attributes and operations, where moto is more lenient than SQS.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from sandbox.activity import Activity
from sandbox.clock import Clock
from sandbox.iam.identities import sender_id
from sandbox.overrides import Override, add, replace, wrap
from sandbox.sqs.messages import (
    SENT_AT,
    all_messages,
    check_batch,
    check_in_flight,
    check_message,
    delete,
    queues,
    receive,
)

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
REDRIVE_ALLOW_POLICY = "RedriveAllowPolicy"
MAX_RECEIVE_COUNT = 1000
MAX_IN_FLIGHT = 120_000
SENDER: ContextVar[str | None] = ContextVar("sender", default=None)


class Queues:
    """Locks moto's queues during each operation, and notifies the activity of each change."""

    def __init__(self, activity: Activity, clock: Clock) -> None:
        self._activity = activity
        self._clock = clock
        self._held: set[str] = set()  # IDs of the messages that an invocation processes

    def overrides(self) -> list[Override]:
        return [
            *replace(
                Queue,
                add_message=self._add_message,
                delete_message=delete,
                BASE_ATTRIBUTES=[*Queue.BASE_ATTRIBUTES, REDRIVE_ALLOW_POLICY],
                messages=property(_visible_messages),
                approximate_number_of_messages_delayed=property(_count_delayed),
                approximate_number_of_messages_not_visible=property(_count_hidden),
            ),
            *add(Queue, redrive_allow_policy=None),
            *wrap(Queue, _set_attributes=_set_attributes, attributes=_attributes),
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
        """Make every delayed or hidden message visible, unless an invocation processes it."""
        with self._activity.changed:
            for queue in queues():
                for message in all_messages(queue):
                    if message.id not in self._held:
                        message.visible_at = message.delayed_until = 0.0
            self._activity.notify()

    def _add_message(self, queue: Queue, message: Message) -> None:
        """Moto's would invoke the functions that are mapped to the queue."""
        vars(message).setdefault(SENT_AT, self._clock.time())
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
            if _count_hidden(queue) >= MAX_IN_FLIGHT:
                return _none_in_excess(wait_seconds_timeout)
            self._activity.changed.wait_for(lambda: queue.messages, wait_seconds_timeout)
            received = receive(queue, count, visibility_timeout, message_attribute_names or [])
            self._activity.notify()
            return received


# Moto reads the clock twice for each message, and each response of SQS counts the messages:
# thousands of messages would take minutes.


def _visible_messages(queue: Queue) -> list[Message]:
    now = unix_time_millis()
    messages = all_messages(queue)
    return [one for one in messages if one.visible_at < now and one.delayed_until <= now]


def _count_delayed(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.delayed_until > now for one in all_messages(queue))


def _count_hidden(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.visible_at >= now for one in all_messages(queue))


def _none_in_excess(wait_seconds: int) -> list[Message]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html."""
    if not wait_seconds:
        raise SQSException("OverLimit", f"More than {MAX_IN_FLIGHT} messages are in flight.")
    return []


def _set_attributes(
    set_attributes: Any, queue: Queue, attributes: dict[str, Any], now: float | None = None
) -> None:
    if str(attributes.get("FifoQueue")).lower() == "true":
        raise InvalidParameterValue("The sandbox supports standard queues only, not FIFO queues.")
    _check_redrive_policy(queue, attributes)
    kept = {} if "Policy" in attributes else {"Policy": queue.policy}
    set_attributes(queue, {**attributes, **kept}, now)
    if not attributes.get(REDRIVE_ALLOW_POLICY, "kept"):
        vars(queue).pop("redrive_allow_policy")


def _attributes(get_attributes: Any, queue: Queue) -> dict[str, Any]:
    """SQS returns a redrive policy without spaces, and Terraform compares the text."""
    attributes: dict[str, Any] = get_attributes(queue)
    if redrive := attributes.get("RedrivePolicy"):
        attributes["RedrivePolicy"] = json.dumps(json.loads(redrive), separators=(",", ":"))
    return attributes


def _check_redrive_policy(queue: Queue, attributes: Mapping[str, Any]) -> None:
    policy = _parsed(attributes.get("RedrivePolicy"))
    if not policy:
        return
    arn = str(policy.get("deadLetterTargetArn", ""))
    target = sqs_backends[queue.account_id][queue.region].queues.get(arn.rsplit(":", 1)[-1])
    if target is None or target.queue_arn != arn:
        raise _invalid_redrive_policy(policy, "Dead letter target does not exist.")
    if not 1 <= int(policy.get("maxReceiveCount", 0)) <= MAX_RECEIVE_COUNT:
        raise _invalid_redrive_policy(policy, "Invalid value for maxReceiveCount.")
    if not _allows_source(target, queue.queue_arn):
        raise _invalid_redrive_policy(policy, "Dead letter target does not admit the source queue.")


def _allows_source(target: Queue, source_arn: str) -> bool:
    policy = _parsed(vars(target).get("redrive_allow_policy"))
    match policy.get("redrivePermission", "allowAll"):
        case "allowAll":
            return True
        case "byQueue":
            return source_arn in policy.get("sourceQueueArns", [])
    return False


def _parsed(policy: Any) -> dict[str, Any]:
    return dict(json.loads(policy)) if isinstance(policy, str) and policy else dict(policy or {})


def _invalid_redrive_policy(policy: Mapping[str, Any], reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {json.dumps(policy)} for parameter RedrivePolicy is invalid. Reason: {reason}"
    )


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
    """Each entry succeeds or fails separately, if the batch as a whole is valid."""
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

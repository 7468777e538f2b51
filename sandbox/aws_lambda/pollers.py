"""Pollers of event source mappings: they invoke functions with the messages of queues.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import EventSourceMapping
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue

from sandbox.activity import Activity
from sandbox.aws_lambda.asynchronous import ThrottledError
from sandbox.aws_lambda.environments import MAX_CONCURRENCY
from sandbox.aws_lambda.event_sources import enabled_mappings
from sandbox.aws_lambda.function_roles import function_of
from sandbox.aws_lambda.functions import Functions
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import queue_access
from sandbox.sqs.messages import queue_of, receive
from sandbox.sqs.metrics import QueueMetrics
from sandbox.sqs.queues import Queues

LOG = logging.getLogger(__name__)
WORKERS = 16
REPORTS_FAILURES = "ReportBatchItemFailures"


@dataclass(frozen=True, slots=True)
class PolledBatch:
    mapping: EventSourceMapping
    queue: Queue
    messages: list[Message]


class Pollers:
    """One thread polls for all mappings when something has changed; workers run the invocations.

    The function's role needs the permissions for what Lambda does with the queue.
    """

    def __init__(
        self, functions: Functions, queues: Queues, metrics: QueueMetrics, activity: Activity
    ) -> None:
        self._functions = functions
        self._metrics = metrics
        self._queues = queues
        self._activity = activity
        self._busy: Counter[str] = Counter()  # invocations, by the mapping's id
        self._stopped = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="poller")
        self._denials: dict[str, str] = {}  # why a mapping cannot read its queue, by its id

    @contextmanager
    def working(self) -> Iterator[None]:
        """Ends with the last invocation: stop the functions first."""
        self._activity.add_source(self._has_work)
        try:
            yield
        finally:
            self._pool.shutdown(wait=True)

    @contextmanager
    def polling(self) -> Iterator[None]:
        thread = threading.Thread(target=self._poll_all, name="pollers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped = True
            self._activity.notify()
            thread.join()

    def retry_denied(self) -> None:
        """Poll again for mappings whose role lacked permissions."""
        with self._activity.changed:
            self._denials.clear()
            self._activity.notify()

    def _has_work(self) -> bool:
        allowed = (one for one in enabled_mappings() if one.uuid not in self._denials)
        return any(map(_has_messages, allowed))

    def _poll_all(self) -> None:
        version = -1
        while not self._stopped:
            version = self._activity.wait_for_change(version, _seconds_to_next_message)
            self._metrics.publish_changes()
            for mapping in enabled_mappings():
                self._poll(mapping)

    def _poll(self, mapping: EventSourceMapping) -> None:
        while _has_messages(mapping) and (batch := self._next_batch(mapping)):
            self._pool.submit(self._process, batch)

    def _next_batch(self, mapping: EventSourceMapping) -> PolledBatch | None:
        queue = queue_of(mapping.event_source_arn)
        problem = self._problem(mapping, "ReceiveMessage", "GetQueueAttributes")
        if queue is None or problem is not None:
            self._deny(mapping, problem)
            return None
        with self._activity.changed:
            if self._stopped or self._busy[mapping.uuid] >= _concurrency(mapping):
                return None
            seconds = int(vars(queue)["visibility_timeout"])
            messages = receive(queue, mapping.batch_size, seconds, ["All"])
            if not messages:  # they moved to the dead-letter queue
                self._activity.notify()
                return None
            return self._begin(PolledBatch(mapping, queue, messages))

    def _begin(self, batch: PolledBatch) -> PolledBatch:
        self._activity.begin()
        self._denials.pop(batch.mapping.uuid, None)
        self._busy[batch.mapping.uuid] += 1
        self._queues.hold(batch.messages)
        return batch

    def _deny(self, mapping: EventSourceMapping, problem: str | None) -> None:
        with self._activity.changed:
            if problem and mapping.uuid not in self._denials:
                LOG.warning("%s cannot be read: %s", mapping.event_source_arn, problem)
                self._denials[mapping.uuid] = problem
                self._activity.notify()

    def _problem(self, mapping: EventSourceMapping, *actions: str) -> str | None:
        try:
            function = function_of(mapping.function_arn)
        except UnknownFunctionException:
            return f"{mapping.function_arn} does not exist"
        accesses = [queue_access(f"sqs:{action}", mapping.event_source_arn) for action in actions]
        problems = (self._functions.roles.problem(function, access) for access in accesses)
        return next(filter(None, problems), None)

    def _process(self, batch: PolledBatch) -> None:
        try:
            processed = self._invoke(batch)
            if processed and (problem := self._problem(batch.mapping, "DeleteMessage")):
                LOG.warning("messages become visible again: %s", problem)
                processed = []
            self._delete(batch.queue, processed)
        finally:
            with self._activity.changed:
                self._queues.release(batch.messages)
                self._busy[batch.mapping.uuid] -= 1
                self._activity.end()

    def _invoke(self, batch: PolledBatch) -> list[Message]:
        """The messages that the function has processed."""
        records = [_record(batch.queue, message) for message in batch.messages]
        payload = json.dumps({"Records": records}).encode()
        try:
            result = self._functions.invoke(batch.mapping.function_arn, payload)
        except ThrottledError:
            return []
        except (AccessDeniedError, UnknownFunctionException) as error:
            LOG.warning("%s: %s", batch.mapping.function_arn, error)
            return []
        if result.error:
            return []
        reports = REPORTS_FAILURES in (batch.mapping.function_response_types or [])
        failed = _failed_ids(result.payload, batch.messages) if reports else set()
        return [message for message in batch.messages if message.id not in failed]

    def _delete(self, queue: Queue, messages: list[Message]) -> None:
        with self._activity.changed:
            for message in messages:
                try:
                    queue.delete_message(str(message.receipt_handle))
                except ReceiptHandleIsInvalid:  # purged, or the queue was created again
                    LOG.info("%s is no longer in %s", message.id, queue.name)


def _has_messages(mapping: EventSourceMapping) -> bool:
    queue = queue_of(mapping.event_source_arn)
    return queue is not None and bool(queue.messages)


def _concurrency(mapping: EventSourceMapping) -> int:
    maximum = (mapping.scaling_config or {}).get("MaximumConcurrency")
    return min(MAX_CONCURRENCY, maximum or MAX_CONCURRENCY)


def _seconds_to_next_message() -> float | None:
    """Until the next delayed or hidden message of a mapped queue becomes visible."""
    queues = filter(None, (queue_of(one.event_source_arn) for one in enabled_mappings()))
    times = [
        max(message.visible_at, message.delayed_until)
        for queue in queues
        for message in queue._messages  # noqa: SLF001  moto has no other way
    ]
    now = unix_time_millis()
    later = [time for time in times if time >= now]
    return (min(later) - now) / 1000 + 0.001 if later else None


def _failed_ids(response: bytes, messages: Sequence[Message]) -> set[str]:
    """The messages that stay in the queue.

    A response that is invalid, or that names a message outside of the batch, fails the batch.
    """
    batch = {message.id for message in messages}
    try:
        reported = _reported_ids(json.loads(response))
    except ValueError:
        return batch
    return reported if reported is not None and reported <= batch else batch


def _reported_ids(response: Any) -> set[str] | None:
    """None where the response has another structure than the documented ones."""
    if not isinstance(response, dict | None):
        return None
    failures = (response or {}).get("batchItemFailures") or []
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
    content = (
        {"stringValue": value["StringValue"]}
        if binary is None
        else {"binaryValue": base64.b64encode(binary).decode()}
    )
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    return {**content, **lists, "dataType": value["DataType"]}

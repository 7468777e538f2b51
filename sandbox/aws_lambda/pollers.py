"""Lambda's pollers: they bring a queue's messages to a function, and delete what it has done.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import EventSourceMapping
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue

from sandbox.activity import Activity
from sandbox.aws_lambda import queue_events
from sandbox.aws_lambda.environments import CONCURRENCY
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
REPORTING = "ReportBatchItemFailures"


@dataclass(frozen=True, slots=True)
class Batch:
    mapping: EventSourceMapping
    queue: Queue
    messages: list[Message]


class Pollers:
    """One thread looks after all mappings, whenever something has changed; more do the work.

    What Lambda does with the queue is decided by the rights of the function's own role.
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
        self.refusals: dict[str, str] = {}  # why a mapping cannot read its queue, by its id

    @contextmanager
    def working(self) -> Iterator[None]:
        """Ends when the work has ended: the functions have to end before."""
        self._activity.add_source(self._has_work)
        try:
            yield
        finally:
            self._pool.shutdown(wait=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        watcher = threading.Thread(target=self._watch, name="pollers", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._stopped = True
            self._activity.notify()
            watcher.join()

    def try_again(self) -> None:
        """Those that were refused may have been given their rights since."""
        with self._activity.changed:
            self.refusals.clear()
            self._activity.notify()

    def _has_work(self) -> bool:
        return any(_waiting(one) for one in enabled_mappings() if one.uuid not in self.refusals)

    def _watch(self) -> None:
        seen = -1
        while not self._stopped:
            seen = self._activity.wait_for_news(seen, _seconds_to_next)
            self._metrics.publish_changes()
            for mapping in enabled_mappings():
                self._poll(mapping)

    def _poll(self, mapping: EventSourceMapping) -> None:
        while _waiting(mapping) and (batch := self._next_batch(mapping)):
            self._pool.submit(self._handle, batch)

    def _next_batch(self, mapping: EventSourceMapping) -> Batch | None:
        queue = queue_of(mapping.event_source_arn)
        problem = self._problem(mapping, "ReceiveMessage", "GetQueueAttributes")
        if queue is None or problem is not None:
            self._refuse(mapping, problem)
            return None
        with self._activity.changed:
            if self._stopped or self._busy[mapping.uuid] >= _concurrency(mapping):
                return None
            seconds = int(vars(queue)["visibility_timeout"])
            messages = receive(queue, mapping.batch_size, seconds, ["All"])
            batch = Batch(mapping, queue, messages)
            if not messages:  # they went to the dead letters
                self._activity.notify()
                return None
            return self._begin(batch)

    def _begin(self, batch: Batch) -> Batch:
        self._activity.begin()
        self.refusals.pop(batch.mapping.uuid, None)
        self._busy[batch.mapping.uuid] += 1
        self._queues.hold(batch.messages)
        return batch

    def _refuse(self, mapping: EventSourceMapping, problem: str | None) -> None:
        with self._activity.changed:
            if problem and mapping.uuid not in self.refusals:
                LOG.warning("%s cannot be read: %s", mapping.event_source_arn, problem)
                self.refusals[mapping.uuid] = problem
                self._activity.notify()

    def _problem(self, mapping: EventSourceMapping, *actions: str) -> str | None:
        try:
            function = function_of(mapping.function_arn)
        except UnknownFunctionException:
            return f"there is no function {mapping.function_arn}"
        accesses = [queue_access(f"sqs:{action}", mapping.event_source_arn) for action in actions]
        problems = (self._functions.roles.problem(function, access) for access in accesses)
        return next(filter(None, problems), None)

    def _handle(self, batch: Batch) -> None:
        try:
            done = self._invoke(batch)
            if done and (problem := self._problem(batch.mapping, "DeleteMessage")):
                LOG.warning("messages will come again: %s", problem)
                done = []
            self._delete(batch.queue, done)
        finally:
            with self._activity.changed:
                self._queues.release(batch.messages)
                self._busy[batch.mapping.uuid] -= 1
                self._activity.end()

    def _invoke(self, batch: Batch) -> list[Message]:
        """The messages that are done with."""
        payload = queue_events.event(batch.queue, batch.messages)
        try:
            result = self._functions.invoke(batch.mapping.function_arn, payload)
        except (AccessDeniedError, UnknownFunctionException) as error:
            LOG.warning("%s: %s", batch.mapping.function_arn, error)
            return []
        if result.error:
            return []
        reports = REPORTING in (batch.mapping.function_response_types or [])
        left = queue_events.failed(result.payload, batch.messages) if reports else set()
        return [message for message in batch.messages if message.id not in left]

    def _delete(self, queue: Queue, messages: list[Message]) -> None:
        with self._activity.changed:
            for message in messages:
                try:
                    queue.delete_message(str(message.receipt_handle))
                except ReceiptHandleIsInvalid:  # purged, or the queue was made anew
                    LOG.info("%s is no longer in %s", message.id, queue.name)


def _waiting(mapping: EventSourceMapping) -> bool:
    queue = queue_of(mapping.event_source_arn)
    return queue is not None and bool(queue.messages)


def _concurrency(mapping: EventSourceMapping) -> int:
    most = (mapping.scaling_config or {}).get("MaximumConcurrency")
    return min(CONCURRENCY, most or CONCURRENCY)


def _seconds_to_next() -> float | None:
    """Until the next message that waits in a queue that is read shows itself."""
    queues = filter(None, (queue_of(one.event_source_arn) for one in enabled_mappings()))
    times = [
        max(message.visible_at, message.delayed_until)
        for queue in queues
        for message in queue._messages  # noqa: SLF001  moto has no other way
    ]
    now = unix_time_millis()
    later = [time for time in times if time >= now]
    return (min(later) - now) / 1000 + 0.001 if later else None

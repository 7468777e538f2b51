"""Message move tasks, which redrive a dead-letter queue and which moto lacks.

StartMessageMoveTask moves all messages before it returns.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import uuid
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue
from moto.sqs.responses import SQSResponse

from sandbox.activity import Activity
from sandbox.iam.resources import sources_of
from sandbox.overrides import Override, add
from sandbox.sqs.messages import queue_of, send

MAX_LISTED = 10


@dataclass(slots=True)
class MoveTask:
    source: Queue
    destination: Queue | None  # None: the queue that each message came from
    started: int  # in milliseconds
    to_move: int
    moved: int = 0
    failure: str | None = None

    def run(self) -> None:
        """Stops at the first message that it cannot move."""
        for message in self.source.messages:
            self.failure = self._move(message)
            if self.failure:
                return
            self.moved += 1

    def describe(self) -> dict[str, Any]:
        optional = {
            "DestinationArn": self.destination and self.destination.queue_arn,
            "FailureReason": self.failure,
        }
        return {
            "Status": "FAILED" if self.failure else "COMPLETED",
            "SourceArn": self.source.queue_arn,
            **{name: value for name, value in optional.items() if value},
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started,
        }

    def _move(self, message: Message) -> str | None:
        """The reason of a failure, or None. The destination receives a new message."""
        origin = vars(message).get("dead_letter_source")
        target = self.destination or (queue_of(origin) if origin else None)
        if target is None:
            return "CouldNotDetermineMessageSource"
        try:
            send(target, message.body, message.message_attributes)
        except SQSException as error:
            return error.code
        self.source._messages.remove(message)  # noqa: SLF001  moto has no other way
        return None


class MoveTasks:
    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._tasks: list[MoveTask] = []

    def overrides(self) -> list[Override]:
        return add(
            SQSResponse, start_message_move_task=self._start, list_message_move_tasks=self._list
        )

    def _start(self, response: SQSResponse) -> ActionResult:
        source = _existing_queue(response, "SourceArn")
        given = response._get_param("DestinationArn")  # noqa: SLF001  moto has no other way
        destination = _existing_queue(response, "DestinationArn") if given else None
        _check(source, destination)
        with self._activity.changed:
            task = MoveTask(source, destination, int(unix_time_millis()), len(source.messages))
            task.run()
            self._tasks.insert(0, task)
            self._activity.notify()
        return ActionResult({"TaskHandle": uuid.uuid4().hex})

    def _list(self, response: SQSResponse) -> ActionResult:
        source = _existing_queue(response, "SourceArn")
        maximum = int(response._get_param("MaxResults", 1))  # noqa: SLF001  moto has no other way
        tasks = [task for task in self._tasks if task.source is source]
        listed = [task.describe() for task in tasks[: min(maximum, MAX_LISTED)]]
        return ActionResult({"Results": listed})


def _existing_queue(response: SQSResponse, parameter: str) -> Queue:
    queue = queue_of(str(response._get_param(parameter)))  # noqa: SLF001  moto has no other way
    if queue is None:
        raise SQSException(
            "ResourceNotFoundException",
            f"The resource that you specified for the {parameter} parameter doesn't exist.",
        )
    return queue


def _check(source: Queue, destination: Queue | None) -> None:
    if not sources_of(source.queue_arn):
        raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
    if destination is source:
        raise InvalidParameterValue("Source and destination queues cannot be the same.")

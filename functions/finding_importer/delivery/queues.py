"""The importer's own queue, for what is to be tried again, and its dead-letter queue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..aws import AWS_ERRORS, SqsClient
from ..errors import QueueError
from ..sources.job import Job
from .batches import batches
from .dead_letter import DeadLetter

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_BATCH_MESSAGES = 10
_BATCH_BYTES = 250_000  # of 262,144; the rest is for the names of attributes
_FIRST_DELAY_SECONDS = 30
# SQS hides a message for twelve hours at most, counted from its receipt, and refuses what goes
# beyond: the rest is for the time that the message has been in hand, its visibility timeout.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
_LONGEST_DELAY_SECONDS = 12 * 60 * 60 - 15 * 60

type _Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueueMessage:
    id: str
    receipt_handle: str
    receive_count: int
    body: str


def messages(event: Any) -> list[QueueMessage] | None:
    """The messages of a batch of the queue; None where the event is something else.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    match event:
        case {"Records": [_, *_] as records}:
            found = [message for record in records if (message := _message(record))]
            return found if len(found) == len(records) else None
    return None


def _message(record: Any) -> QueueMessage | None:
    match record:
        case {
            "eventSource": "aws:sqs",
            "messageId": str(id_),
            "receiptHandle": str(handle),
            "body": str(body),
            "attributes": {"ApproximateReceiveCount": str(count)},
        } if count.isdecimal():
            return QueueMessage(id_, handle, int(count), body)
    return None


@dataclass(frozen=True, slots=True)
class Queues:
    sqs: SqsClient
    queue_url: str
    dead_letter_queue_url: str

    def try_again(self, jobs: Iterable[Job]) -> None:
        """QueueError where any of them was not taken."""
        entries = [
            {"MessageBody": job.body(), "DelaySeconds": _FIRST_DELAY_SECONDS} for job in jobs
        ]
        self._send(self.queue_url, entries)

    def put_aside(self, letters: Iterable[DeadLetter]) -> None:
        """QueueError where any of them was not taken."""
        entries = [
            {
                "MessageBody": letter.body,
                "MessageAttributes": {
                    "reason": {"DataType": "String", "StringValue": letter.reason}
                },
            }
            for letter in letters
        ]
        self._send(self.dead_letter_queue_url, entries)

    def postpone(self, message: QueueMessage) -> None:
        """Hide a message for longer each time it was received; QueueError where that failed."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=delay_seconds(message.receive_count),
            )
        except AWS_ERRORS as error:
            raise QueueError(f"cannot postpone a message: {error}") from error

    def _send(self, queue_url: str, entries: Sequence[_Entry]) -> None:
        failures = [
            failure
            for batch in batches(entries, _BATCH_MESSAGES, _BATCH_BYTES)
            for failure in self._sent(queue_url, batch)
        ]
        if failures:
            raise QueueError(f"{queue_url} did not take {len(failures)} messages: {failures[0]}")

    def _sent(self, queue_url: str, batch: Sequence[_Entry]) -> list[str]:
        """Why messages of one call were not taken: all that the answer does not say were."""
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
        try:
            answer = self.sqs.send_message_batch(QueueUrl=queue_url, Entries=numbered)
        except AWS_ERRORS as error:
            return [str(error)] * len(batch)
        taken = {sent["Id"] for sent in answer.get("Successful", ())}
        reasons = {failed["Id"]: _reason(failed) for failed in answer.get("Failed", ())}
        ids = (entry["Id"] for entry in numbered if entry["Id"] not in taken)
        return [reasons.get(id_, "the answer does not name the message") for id_ in ids]


def delay_seconds(receive_count: int) -> int:
    """Half a minute after the first time, then twice as long each time, to nearly twelve hours."""
    doublings = min(max(receive_count - 1, 0), 16)
    return min(_FIRST_DELAY_SECONDS << doublings, _LONGEST_DELAY_SECONDS)


def _reason(failed: Mapping[str, Any]) -> str:
    return f"{failed.get('Code')}: {failed.get('Message')}"

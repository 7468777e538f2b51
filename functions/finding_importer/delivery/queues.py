"""Sends messages to the importer's queue and to its dead-letter queue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..aws import AWS_ERRORS, SqsClient, batches
from ..errors import QueueError
from ..sources.messages import DeadLetterMessage, Job, QueueMessage

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_BATCH_MESSAGES = 10
_BATCH_BYTES = 250_000  # of 262,144; the rest is for the names of attributes
_MIN_DELAY_SECONDS = 30
# A message can be invisible for 12 hours in total, counted from its receipt. The difference is more
# than the visibility timeout that has passed since then.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
_MAX_DELAY_SECONDS = 12 * 60 * 60 - 15 * 60

type _Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessageQueues:
    """Every method raises QueueError if SQS rejects a message."""

    sqs: SqsClient
    queue_url: str
    dead_letter_queue_url: str

    def requeue(self, jobs: Iterable[Job]) -> None:
        entries = [{"MessageBody": job.body(), "DelaySeconds": _MIN_DELAY_SECONDS} for job in jobs]
        self._send(self.queue_url, entries)

    def dead_letter(self, messages: Iterable[DeadLetterMessage]) -> None:
        entries = [
            {
                "MessageBody": message.body,
                "MessageAttributes": {
                    "reason": {"DataType": "String", "StringValue": message.reason}
                },
            }
            for message in messages
        ]
        self._send(self.dead_letter_queue_url, entries)

    def delay(self, message: QueueMessage) -> None:
        """Keep a received message in the queue, invisible with exponential backoff."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=delay_seconds(message.receive_count),
            )
        except AWS_ERRORS as error:
            raise QueueError(f"cannot change a message's visibility timeout: {error}") from error

    def _send(self, queue_url: str, entries: Sequence[_Entry]) -> None:
        failures = [
            failure
            for batch in batches(entries, _BATCH_MESSAGES, _BATCH_BYTES)
            for failure in self._send_batch(queue_url, batch)
        ]
        if failures:
            raise QueueError(f"{queue_url} rejected {len(failures)} messages: {failures[0]}")

    def _send_batch(self, queue_url: str, batch: Sequence[_Entry]) -> list[str]:
        """Return the reason of each message that the response does not list as successful."""
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
        try:
            response = self.sqs.send_message_batch(QueueUrl=queue_url, Entries=numbered)
        except AWS_ERRORS as error:
            return [str(error)] * len(batch)
        sent = {one["Id"] for one in response.get("Successful", ())}
        reasons = {failed["Id"]: _reason(failed) for failed in response.get("Failed", ())}
        failed_ids = (entry["Id"] for entry in numbered if entry["Id"] not in sent)
        return [reasons.get(id_, "the response does not list the message") for id_ in failed_ids]


def delay_seconds(receive_count: int) -> int:
    """Double the delay with each receive, from half a minute to nearly 12 hours."""
    doublings = min(max(receive_count - 1, 0), 16)
    return min(_MIN_DELAY_SECONDS << doublings, _MAX_DELAY_SECONDS)


def _reason(failed: Mapping[str, Any]) -> str:
    return f"{failed.get('Code')}: {failed.get('Message')}"

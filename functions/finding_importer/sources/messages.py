"""Messages of the importer's queue and of its dead-letter queue.

The importer's queue holds records that EventBridge sends, `Job`s, and messages that an operator
redrove from the dead-letter queue. `rootwatchMessageType` marks the importer's own messages.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from ..errors import InvalidJobError, InvalidRecordError
from ..findings.finding import Finding, HubScope, build
from ..matching.cloudtrail import CloudTrailEvent
from ..matching.rules import DeployedDetection
from ..text import clean_line

MESSAGE_TYPE = "rootwatchMessageType"
FINDING_JOB = "FindingJob"
UNREADABLE_CONTENT = "UnreadableContent"
# A queue that Terraform creates accepts messages of 256 KiB, including the reason.
_PART_CHARACTERS = 200_000
_REASON_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class QueueMessage:
    id: str
    receipt_handle: str
    receive_count: int
    body: str


def queue_messages(event: Any) -> list[QueueMessage] | None:
    """Return the messages of an SQS batch, or None if the event is not one.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    match event:
        case {"Records": [_, *_] as records}:
            found = [message for record in records if (message := _queue_message(record))]
            return found if len(found) == len(records) else None
    return None


def _queue_message(record: Any) -> QueueMessage | None:
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
class Job:
    """The remaining work for one finding."""

    finding: Finding
    # Set in the queue before the fallback finding is imported, which may therefore not exist yet.
    has_fallback: bool = False

    def with_fallback(self) -> Self:
        return replace(self, has_fallback=True)

    def body(self) -> str:
        """Return ASCII JSON, which SQS accepts whatever characters the record contains."""
        return json.dumps(
            {
                MESSAGE_TYPE: FINDING_JOB,
                "detection": self.finding.detection.name,
                "record": self.finding.event.as_record(),
                "hasFallback": self.has_fallback,
            }
        )

    @classmethod
    def parse(
        cls,
        message: Mapping[str, Any],
        detections: Mapping[str, DeployedDetection],
        scope: HubScope,
    ) -> Self:
        """Raise InvalidJobError if the message is invalid or its detection is not deployed."""
        match message:
            case {"detection": str(name), "record": dict(record), "hasFallback": bool(fallback)}:
                pass
            case _:
                got, expected = ", ".join(message), "detection, record and hasFallback"
                raise InvalidJobError("job", got, expected)
        if name not in detections:
            raise InvalidJobError("detection", repr(name), "the name of a deployed detection")
        try:
            event = CloudTrailEvent.parse(record)
        except InvalidRecordError as error:
            raise InvalidJobError(f"record.{error.key}", error.got, error.expected) from error
        return cls(build(event, detections[name], scope), fallback)


@dataclass(frozen=True, slots=True)
class DeadLetterMessage:
    """A message for manual action. The importer's queue accepts its body after a redrive."""

    body: str
    reason: str

    @classmethod
    def of(cls, body: str, reason: str) -> Self:
        return cls(body, clean_line(reason, _REASON_LIMIT) or "no reason")


def unreadable_content(content: str, reason: str) -> list[DeadLetterMessage]:
    """Wrap the content. Long content is compressed, and split into parts if necessary."""
    head = {MESSAGE_TYPE: UNREADABLE_CONTENT, "reason": clean_line(reason, _REASON_LIMIT)}
    plain = json.dumps({**head, "content": content})
    if len(plain) <= _PART_CHARACTERS:
        return [DeadLetterMessage.of(plain, reason)]
    packed = base64.b64encode(gzip.compress(_bytes(content))).decode()
    starts = range(0, len(packed), _PART_CHARACTERS)
    parts = (
        {"part": number, "parts": len(starts), "gzipBase64": packed[start:][:_PART_CHARACTERS]}
        for number, start in enumerate(starts, start=1)
    )
    return [DeadLetterMessage.of(json.dumps(head | part), reason) for part in parts]


def reason_of(message: Mapping[str, Any]) -> str:
    """Return the reason of a message that is only a part, or damaged."""
    return str(message.get("reason") or "got incomplete content, expected all parts")


def content_of(message: Mapping[str, Any]) -> str | None:
    """Return the wrapped content, or None if the message does not hold all of it."""
    match message:
        case {"content": str(content)}:
            return content
        case {"gzipBase64": str(packed), "part": 1, "parts": 1}:
            return _unpacked(packed)
    return None


def _bytes(content: str) -> bytes:
    return content.encode(errors="surrogatepass")  # JSON may escape an unpaired surrogate


def _unpacked(packed: str) -> str | None:
    try:
        packed_bytes = base64.b64decode(packed, validate=True)
        return gzip.decompress(packed_bytes).decode(errors="surrogatepass")
    except (ValueError, OSError, EOFError, zlib.error):
        return None

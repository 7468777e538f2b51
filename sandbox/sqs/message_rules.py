"""What SQS takes as a message, and as a batch of them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from moto.sqs.constants import MAXIMUM_MESSAGE_LENGTH
from moto.sqs.exceptions import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    InvalidBatchEntryId,
    MissingParameter,
    SQSException,
    TooManyEntriesInBatchRequest,
)
from moto.sqs.models import Queue

ATTRIBUTES = 10  # a message
ENTRIES = 10  # a batch
ENTRY_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

type Attributes = Mapping[str, Mapping[str, Any]]


class InvalidMessageError(SQSException):
    """A message that the queue does not take."""


def check_message(queue: Queue, body: str, attributes: Attributes) -> None:
    most = int(vars(queue)["maximum_message_size"])
    if not body:
        raise MissingParameter("MessageBody")
    if _size(body, attributes) > most:
        raise _invalid(
            "One or more parameters are invalid. "
            f"Reason: Message must be shorter than {most} bytes."
        )
    if len(attributes) > ATTRIBUTES:
        raise _invalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{ATTRIBUTES}]."
        )
    values = [str(value.get("StringValue") or "") for value in attributes.values()]
    if any(map(FORBIDDEN.search, [body, *values])):
        raise _forbidden_characters()


def check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    ids = [entry["Id"] for entry in entries]
    if len(entries) > ENTRIES:
        raise TooManyEntriesInBatchRequest(len(entries))
    if not all(map(ENTRY_ID.fullmatch, ids)):
        raise InvalidBatchEntryId
    repeated = next((one for one in ids if ids.count(one) > 1), None)
    if repeated is not None:
        raise BatchEntryIdsNotDistinct(repeated)
    size = sum(_size(entry["MessageBody"], entry["MessageAttributes"]) for entry in entries)
    if size > MAXIMUM_MESSAGE_LENGTH:
        raise BatchRequestTooLong(size)


def _size(body: str, attributes: Attributes) -> int:
    """In bytes, with the attributes' names, types and values."""
    return _bytes(body) + sum(
        _bytes(name)
        + _bytes(value["DataType"])
        + _bytes(value.get("StringValue") or value.get("BinaryValue") or "")
        for name, value in attributes.items()
    )


def _bytes(text: str | bytes) -> int:
    return len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


def _invalid(message: str) -> InvalidMessageError:
    return InvalidMessageError("InvalidParameterValue", message)


def _forbidden_characters() -> InvalidMessageError:
    return InvalidMessageError(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
        "#xE000 to #xFFFD | #x10000 to #x10FFFF",
    )

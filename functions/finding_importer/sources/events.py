"""Parses the events that invoke the function into CloudTrail records and jobs.

There are three sources: the subscription filter of the trail's log group, EventBridge, and the
importer's queue. A message of the queue holds an event of the other sources, a job, or content
that an operator redrove from the dead-letter queue.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..matching.cloudtrail import Record, resembles_record
from . import messages

UNPACKED_BYTES = 64 * 2**20  # a payload of 1 MB unpacks to about 20 MB of records
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 2**6  # bytes; the most that is lost before the position at which a stream is damaged
_LOG_EVENTS = '"logEvents"'


@dataclass(slots=True)  # a frozen dataclass takes three times as long to create
class DeliveredRecord:
    position: int  # of the log event in its payload, from 0
    record: Record

    @property
    def content(self) -> str:
        return _text(self.record)


@dataclass(frozen=True, slots=True)
class DeliveredJob:
    message: Mapping[str, Any]  # not validated

    @property
    def content(self) -> str:
        return _text(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableContent:
    """Content that is not a CloudTrail record, unchanged."""

    reason: str
    content: str = field(repr=False)
    position: int | None = None
    is_dead_letter: bool = False  # it was in the dead-letter queue before, and is wrapped already


type DeliveredItem = DeliveredRecord | DeliveredJob | UnreadableContent
type _Reader = Callable[[Mapping[str, Any]], Iterator[DeliveredItem]]


def read(event: Any) -> Iterator[DeliveredItem]:
    """Read an event. Everything in it becomes an item; nothing raises."""
    if isinstance(event, Mapping):
        for key, reader in _READERS.items():
            if key in event:
                return reader(event)
    return _unreadable(
        "event: got another format, expected an event of CloudWatch Logs (awslogs) or EventBridge"
        " (detail), or a message of the importer's queue",
        _text(event),
    )


def read_message(body: str) -> Iterator[DeliveredItem]:
    """Read the body of a message of the importer's queue."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        return _unreadable(_invalid_json("body", error), body)
    return read(event)


def _unreadable(reason: str, content: str) -> Iterator[DeliveredItem]:
    return iter([UnreadableContent(reason=reason, content=content)])


def _invalid_json(key: str, error: Exception) -> str:
    return f"{key}: got invalid JSON ({error}), expected a JSON object"


def _read_subscription(event: Mapping[str, Any]) -> Iterator[DeliveredItem]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    match event["awslogs"]:
        case {"data": str(data)}:
            return _read_payload(data, _text({"awslogs": {"data": data}}))
    return _unreadable("awslogs.data: got no string, expected a string", _text(event))


def _read_payload(data: str, content: str) -> Iterator[DeliveredItem]:
    unpacked = unpack(data)
    if unpacked.problem is not None:
        return _read_partially(unpacked.text, unpacked.problem, content)
    try:
        payload = json.loads(unpacked.text)
    except (ValueError, RecursionError) as error:
        return _read_partially(unpacked.text, _invalid_json("awslogs.data", error), content)
    match payload:
        case {"messageType": "CONTROL_MESSAGE"}:
            return iter(())  # CloudWatch Logs tests whether it can invoke the function
        case {"messageType": "DATA_MESSAGE", "logEvents": list(log_events)}:
            return _read_log_events(log_events)
    expected = "a DATA_MESSAGE with logEvents, or a CONTROL_MESSAGE"
    return _unreadable(f"awslogs.data: got another payload, expected {expected}", content)


def _read_partially(text: str, problem: str, content: str) -> Iterator[DeliveredItem]:
    """Yield the intact log events, and the unchanged payload as unreadable content."""
    yield from _read_log_events(intact_log_events(text))
    yield UnreadableContent(reason=problem, content=content)


def _read_log_events(log_events: Iterable[Any]) -> Iterator[DeliveredItem]:
    for position, log_event in enumerate(log_events):
        message = log_event.get("message") if type(log_event) is dict else None
        if type(message) is str:
            yield _read_record(message, position)
        else:
            reason = "message: got no string, expected a log event with a message"
            yield UnreadableContent(reason=reason, content=_text(log_event), position=position)


def _read_record(message: str, position: int) -> DeliveredRecord | UnreadableContent:
    try:
        record = json.loads(message)
    except (ValueError, RecursionError) as error:
        reason = _invalid_json("record", error)
        return UnreadableContent(reason=reason, content=message, position=position)
    if type(record) is not dict:
        reason = "record: got another JSON value, expected a JSON object"
        return UnreadableContent(reason=reason, content=message, position=position)
    return DeliveredRecord(position, record)


def _read_event_bridge(event: Mapping[str, Any]) -> Iterator[DeliveredItem]:
    """https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
    record = event["detail"]
    if type(record) is dict:
        return iter([DeliveredRecord(0, record)])
    return _unreadable("detail: got no object, expected a CloudTrail record", _text(event))


def _read_failed_invocation(event: Mapping[str, Any]) -> Iterator[DeliveredItem]:
    """Read the record of an asynchronous invocation that exhausted its retries.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    payload = event["requestPayload"]
    if type(payload) is dict and "requestPayload" not in payload:
        return read(payload)
    expected = "the event of an invocation"
    return _unreadable(f"requestPayload: got another value, expected {expected}", _text(event))


def _read_own_message(event: Mapping[str, Any]) -> Iterator[DeliveredItem]:
    match event[messages.MESSAGE_TYPE]:
        case messages.FINDING_JOB:
            return iter([DeliveredJob(event)])
        case messages.UNREADABLE_CONTENT if (content := messages.content_of(event)) is not None:
            return _read_redriven(content)
        case messages.UNREADABLE_CONTENT:
            reason = messages.reason_of(event)
            content = _text(event)
            return iter([UnreadableContent(reason=reason, content=content, is_dead_letter=True)])
    expected = f"{messages.FINDING_JOB} or {messages.UNREADABLE_CONTENT}"
    got = event[messages.MESSAGE_TYPE]
    return _unreadable(f"{messages.MESSAGE_TYPE}: got {got!r}, expected {expected}", _text(event))


def _read_redriven(content: str) -> Iterator[DeliveredItem]:
    """Read a single record or an event of a source. Anything else is unreadable again."""
    delivered = _read_record(content, 0)
    if isinstance(delivered, DeliveredRecord) and not resembles_record(delivered.record):
        return read(delivered.record)
    return iter([delivered])


def _text(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except RecursionError:  # AWS sends no such event
        return "(nested too deeply to be kept)"


_READERS: dict[str, _Reader] = {
    "awslogs": _read_subscription,
    messages.MESSAGE_TYPE: _read_own_message,
    "requestPayload": _read_failed_invocation,
    "detail": _read_event_bridge,
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    text: str
    problem: str | None = None  # set if the text is incomplete


def unpack(data: str, limit: int = UNPACKED_BYTES) -> Unpacked:
    """Decode base64 and gzip, up to the limit in bytes."""
    try:
        packed = base64.b64decode(data, validate=True)
    except ValueError as error:
        return Unpacked("", f"awslogs.data: got invalid base64 ({error}), expected base64")
    try:
        return _unpack_at_once(packed, limit)
    except (zlib.error, UnicodeDecodeError):
        return _unpack_in_chunks(packed, limit)


def _unpack_at_once(packed: bytes, limit: int) -> Unpacked:
    stream = zlib.decompressobj(_GZIP)
    unpacked = stream.decompress(packed, limit)
    if problem := _problem(stream, limit):
        return Unpacked(unpacked.decode(errors="ignore"), f"awslogs.data: {problem}")
    return Unpacked(unpacked.decode())


def _problem(stream: Any, limit: int) -> str | None:
    if stream.unconsumed_tail:
        return f"got more than {limit} bytes unpacked, expected at most {limit}"
    if not stream.eof:
        return "got a truncated gzip stream, expected a complete one"
    if stream.unused_data:
        return "got data after the gzip stream, expected one stream"
    return None


def _unpack_in_chunks(packed: bytes, limit: int) -> Unpacked:
    stream, parts, left = zlib.decompressobj(_GZIP), [], limit
    problem = "got invalid UTF-8, expected UTF-8"
    try:
        for start in range(0, len(packed), _CHUNK):
            parts.append(stream.decompress(packed[start : start + _CHUNK], left))
            left -= len(parts[-1])
            if left <= 0:
                break
    except zlib.error as error:
        problem = f"got invalid gzip ({error}), expected gzip"
    return Unpacked(b"".join(parts).decode(errors="replace"), f"awslogs.data: {problem}")


def intact_log_events(text: str) -> Iterator[Any]:
    """Yield the log events before the position at which a payload is truncated or damaged."""
    decoder = json.JSONDecoder()
    position = text.find("[", text.find(_LOG_EVENTS) + len(_LOG_EVENTS))
    if _LOG_EVENTS not in text or position < 0:
        return
    while (position := _skip_whitespace(text, position + 1)) < len(text):
        try:
            log_event, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield log_event
        position = _skip_whitespace(text, position)
        if text[position : position + 1] != ",":
            return


def _skip_whitespace(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position

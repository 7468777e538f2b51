"""From whatever invokes the function to CloudTrail records, one by one.

Three ways lead in: the log group's subscription, an EventBridge event, and a message of the
importer's own queue, which may hold either of them, a job of its own, or what Lambda or the
importer put aside and somebody put back.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import dead_letter, job
from .cloudtrail import Record
from .payload import unpack, whole_log_events


@dataclass(frozen=True, slots=True)
class DeliveredRecord:
    position: int  # of the log event in its delivery, counted from 0
    record: Record

    @property
    def content(self) -> str:
        return _text(self.record)


@dataclass(frozen=True, slots=True)
class DeliveredJob:
    message: Mapping[str, Any]  # not checked yet

    @property
    def content(self) -> str:
        return _text(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Something that is no CloudTrail record, kept as it came."""

    reason: str
    content: str = field(repr=False)
    position: int | None = None


type Delivered = DeliveredRecord | DeliveredJob | Unreadable
type _Reader = Callable[[Mapping[str, Any]], Iterator[Delivered]]

_EXPECTED = (
    "expected an event of CloudWatch Logs (awslogs), of EventBridge (detail), "
    "or a message of the importer's own queue"
)


def read(event: Any) -> Iterator[Delivered]:
    """Read what an invocation or a message of the queue holds: nothing raised, nothing left out."""
    if isinstance(event, Mapping):
        for key, reader in _READERS.items():
            if key in event:
                yield from reader(event)
                return
    yield Unreadable(reason=_EXPECTED, content=_text(event))


def read_message(body: str) -> Iterator[Delivered]:
    """Read the body of a message of the queue."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        yield Unreadable(reason=f"expected JSON: {error}", content=body)
        return
    yield from read(event)


def _read_subscription(event: Mapping[str, Any]) -> Iterator[Delivered]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    match event["awslogs"]:
        case {"data": str(data)}:
            yield from _read_payload(data, _text({"awslogs": {"data": data}}))
        case _:
            reason = "awslogs.data: expected a string"
            yield Unreadable(reason=reason, content=_text(event))


def _read_payload(data: str, content: str) -> Iterator[Delivered]:
    unpacked = unpack(data)
    problem = unpacked.problem
    payload = None
    if problem is None:
        try:
            payload = json.loads(unpacked.text)
        except (ValueError, RecursionError) as error:
            problem = f"expected JSON: {error}"
    if problem is not None:
        yield from _read_log_events(whole_log_events(unpacked.text))
        yield Unreadable(reason=f"awslogs.data: {problem}", content=content)
        return
    del unpacked  # as large as the payload
    yield from _read_message_type(payload, content)


def _read_message_type(payload: Any, content: str) -> Iterator[Delivered]:
    match payload:
        case {"messageType": "CONTROL_MESSAGE"}:
            return  # CloudWatch Logs checks that the function is reachable
        case {"messageType": "DATA_MESSAGE", "logEvents": list(log_events)}:
            yield from _read_log_events(iter(log_events))
        case _:
            reason = "awslogs.data: expected a DATA_MESSAGE with logEvents, or a CONTROL_MESSAGE"
            yield Unreadable(reason=reason, content=content)


def _read_log_events(log_events: Iterator[Any]) -> Iterator[Delivered]:
    for position, log_event in enumerate(log_events):
        match log_event:
            case {"message": str(message)}:
                yield _read_record(message, position)
            case _:
                content = _text(log_event)
                reason = "expected a log event with a message"
                yield Unreadable(reason=reason, content=content, position=position)


def _read_record(message: str, position: int) -> DeliveredRecord | Unreadable:
    try:
        record = json.loads(message)
    except (ValueError, RecursionError) as error:
        reason = f"expected JSON: {error}"
        return Unreadable(reason=reason, content=message, position=position)
    if type(record) is not dict:
        reason = "expected a JSON object"
        return Unreadable(reason=reason, content=message, position=position)
    return DeliveredRecord(position, record)


def _read_event_bridge(event: Mapping[str, Any]) -> Iterator[Delivered]:
    """https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
    match event["detail"]:
        case dict(record):
            yield DeliveredRecord(0, record)
        case _:
            reason = "detail: expected a CloudTrail record"
            yield Unreadable(reason=reason, content=_text(event))


def _read_failed_invocation(event: Mapping[str, Any]) -> Iterator[Delivered]:
    """What Lambda keeps of an asynchronous invocation that failed to the end.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    match event["requestPayload"]:
        case {"requestPayload": _}:
            reason = (
                "requestPayload: expected the event of an invocation, found another record of one"
            )
            yield Unreadable(reason=reason, content=_text(event))
        case payload:
            yield from read(payload)


def _read_own(event: Mapping[str, Any]) -> Iterator[Delivered]:
    match event["rootwatch"]:
        case job.KIND:
            yield DeliveredJob(event)
        case dead_letter.KIND if (content := dead_letter.content_of(event)) is not None:
            yield from _read_put_back(content)
        case _:
            reason = "expected a job, or the whole of what was put aside"
            yield Unreadable(reason=reason, content=_text(event))


def _read_put_back(content: str) -> Iterator[Delivered]:
    """A record by itself, or an event of one of the ways in."""
    delivered = _read_record(content, 0)
    if isinstance(delivered, DeliveredRecord) and not _READERS.keys().isdisjoint(delivered.record):
        yield from read(delivered.record)
    else:
        yield delivered


def _text(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except RecursionError:  # no source of ours sends such a thing
        return "(nested too deeply to be kept)"


_READERS: dict[str, _Reader] = {
    "awslogs": _read_subscription,
    "rootwatch": _read_own,
    "requestPayload": _read_failed_invocation,
    "detail": _read_event_bridge,
}

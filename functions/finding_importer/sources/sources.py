"""From whatever invokes the function to CloudTrail records, one by one.

Three ways lead in: the log group's subscription, an EventBridge event, and a message of the
importer's own queue, which may hold either of them, a job of its own, or what Lambda or the
importer put aside and somebody put back.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..delivery import dead_letter
from ..matching.cloudtrail import Record, may_be_record
from . import job
from .payload import unpack, whole_log_events


@dataclass(slots=True)  # not frozen, which would take thrice as long to make
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
    is_letter: bool = False  # a dead letter that says already what it is


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
                return reader(event)
    return _unreadable(_EXPECTED, _text(event))


def read_message(body: str) -> Iterator[Delivered]:
    """Read the body of a message of the queue."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        return _unreadable(f"expected JSON: {error}", body)
    return read(event)


def _unreadable(reason: str, content: str) -> Iterator[Delivered]:
    return iter([Unreadable(reason=reason, content=content)])


def _read_subscription(event: Mapping[str, Any]) -> Iterator[Delivered]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    match event["awslogs"]:
        case {"data": str(data)}:
            return _read_payload(data, _text({"awslogs": {"data": data}}))
    return _unreadable("awslogs.data: expected a string", _text(event))


def _read_payload(data: str, content: str) -> Iterator[Delivered]:
    unpacked = unpack(data)
    if unpacked.problem is not None:
        return _read_in_part(unpacked.text, unpacked.problem, content)
    try:
        payload = json.loads(unpacked.text)
    except (ValueError, RecursionError) as error:
        return _read_in_part(unpacked.text, f"expected JSON: {error}", content)
    match payload:
        case {"messageType": "CONTROL_MESSAGE"}:
            return iter(())  # CloudWatch Logs checks that the function is reachable
        case {"messageType": "DATA_MESSAGE", "logEvents": list(log_events)}:
            return _read_log_events(log_events)
    reason = "awslogs.data: expected a DATA_MESSAGE with logEvents, or a CONTROL_MESSAGE"
    return _unreadable(reason, content)


def _read_in_part(text: str, problem: str, content: str) -> Iterator[Delivered]:
    """The log events that are whole, and the payload as it came for a person to look at."""
    yield from _read_log_events(whole_log_events(text))
    yield Unreadable(reason=f"awslogs.data: {problem}", content=content)


def _read_log_events(log_events: Iterable[Any]) -> Iterator[Delivered]:
    for position, log_event in enumerate(log_events):
        message = log_event.get("message") if type(log_event) is dict else None
        if type(message) is str:
            yield _read_record(message, position)
        else:
            reason = "expected a log event with a message"
            yield Unreadable(reason=reason, content=_text(log_event), position=position)


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
    record = event["detail"]
    if type(record) is dict:
        return iter([DeliveredRecord(0, record)])
    return _unreadable("detail: expected a CloudTrail record", _text(event))


def _read_failed_invocation(event: Mapping[str, Any]) -> Iterator[Delivered]:
    """What Lambda keeps of an asynchronous invocation that failed to the end.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    payload = event["requestPayload"]
    if type(payload) is dict and "requestPayload" not in payload:
        return read(payload)
    return _unreadable("requestPayload: expected the event of an invocation", _text(event))


def _read_own(event: Mapping[str, Any]) -> Iterator[Delivered]:
    match event["rootwatch"]:
        case job.KIND:
            return iter([DeliveredJob(event)])
        case dead_letter.KIND if (content := dead_letter.content_of(event)) is not None:
            return _read_put_back(content)
        case dead_letter.KIND:
            reason = dead_letter.reason_of(event)
            return iter([Unreadable(reason=reason, content=_text(event), is_letter=True)])
    return _unreadable("expected a job, or something that was put aside", _text(event))


def _read_put_back(content: str) -> Iterator[Delivered]:
    """A record by itself, or an event of one of the ways in; anything else is put aside again."""
    delivered = _read_record(content, 0)
    if isinstance(delivered, DeliveredRecord) and not may_be_record(delivered.record):
        return read(delivered.record)
    return iter([delivered])


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

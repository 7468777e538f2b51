"""From the invocation's event (a CloudWatch Logs subscription's) to CloudTrail records."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .cloudtrail import Record
from .errors import Failure, PayloadError


@dataclass(frozen=True, slots=True)
class DeliveredRecord:
    position: int  # of the log event in its delivery, counted from 0
    record: Record


@dataclass(frozen=True, slots=True)
class Delivery:
    records: tuple[DeliveredRecord, ...] = ()
    unreadable: tuple[Failure, ...] = ()


def decode(event: Mapping[str, Any]) -> Delivery:
    """Decode what a subscription filter sends; PayloadError where the event is something else.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    """
    payload = _payload(event)
    message_type = payload.get("messageType")
    if message_type == "CONTROL_MESSAGE":  # CloudWatch Logs checks that the function is reachable
        return Delivery()
    if message_type != "DATA_MESSAGE":
        raise PayloadError(
            f"messageType: expected DATA_MESSAGE or CONTROL_MESSAGE, found {message_type!r}"
        )
    return _delivery(payload.get("logEvents"))


def _payload(event: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        data = event["awslogs"]["data"]
        payload = json.loads(gzip.decompress(base64.b64decode(data, validate=True)))
    except (KeyError, TypeError) as error:
        raise PayloadError("expected an event with awslogs.data, a string") from error
    except (ValueError, OSError, EOFError, zlib.error, RecursionError) as error:
        raise PayloadError(f"awslogs.data: expected JSON in gzip in base64: {error}") from error
    if not isinstance(payload, dict):
        raise PayloadError("awslogs.data: expected a JSON object")
    return payload


def _delivery(log_events: Any) -> Delivery:
    if not isinstance(log_events, list):
        raise PayloadError("logEvents: expected an array")
    read = [_read(position, log_event) for position, log_event in enumerate(log_events)]
    return Delivery(
        records=tuple(one for one in read if isinstance(one, DeliveredRecord)),
        unreadable=tuple(one for one in read if isinstance(one, Failure)),
    )


def _read(position: int, log_event: Any) -> DeliveredRecord | Failure:
    message = log_event.get("message") if isinstance(log_event, dict) else None
    if not isinstance(message, str):
        return Failure(position=position, reason="a log event without a message")
    try:
        record = json.loads(message)
    except (ValueError, RecursionError) as error:
        return Failure(position=position, reason=f"the message is not JSON: {error}")
    if not isinstance(record, dict):
        return Failure(position=position, reason="the message is JSON, but not an object")
    return DeliveredRecord(position, record)

"""Reads CloudTrail records in the forms in which they are stored and delivered."""

from typing import Any

from functions.finding_importer.matching.cloudtrail import Record
from operations.records.values import Unreadable

_EXPECTED = "expected a string"


class BadRecordError(ValueError):
    """A value is not a CloudTrail record; the message says why."""


def record_in(value: Any) -> Record:
    """The record that the value is, or that it is the EventBridge event of; it has an eventID.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    if isinstance(value, Unreadable):
        raise BadRecordError(value.reason)
    if type(value) is not dict:
        raise BadRecordError("expected a JSON object")
    if type(value.get("eventID")) is str:
        return value
    if "detail-type" in value and "eventID" not in value:
        return _detail(value)
    raise BadRecordError(_without_id(value, "eventID"))


def _detail(event: Record) -> Record:
    detail = event.get("detail")
    if type(detail) is not dict:
        raise BadRecordError("detail: expected a JSON object")
    if type(detail.get("eventID")) is not str:
        raise BadRecordError(_without_id(detail, "detail.eventID"))
    return detail


def _without_id(record: Record, field: str) -> str:
    return f"{field}: {_EXPECTED}" if "eventID" in record else f"{field}: missing, {_EXPECTED}"

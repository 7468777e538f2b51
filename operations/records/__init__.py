"""CloudTrail records of whatever form they come in."""

from typing import Any

from functions.finding_importer.matching.cloudtrail import Record
from operations.records.values import Unreadable


class BadRecordError(ValueError):
    """What is no CloudTrail record, and why."""


def record_in(value: Any) -> Record:
    """The record that the value is, or that it is the envelope of; it has an eventID.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    if type(value) is not dict:
        raise BadRecordError(value.reason if isinstance(value, Unreadable) else "no object")
    if type(value.get("eventID")) is str:
        return value
    if "detail-type" in value and "eventID" not in value:
        return _detail(value)
    raise BadRecordError(_missing(value, "eventID"))


def _detail(envelope: Record) -> Record:
    detail = envelope.get("detail")
    if type(detail) is not dict:
        raise BadRecordError("an EventBridge event whose detail is no object")
    if type(detail.get("eventID")) is not str:
        raise BadRecordError(_missing(detail, "detail.eventID"))
    return detail


def _missing(record: Record, field: str) -> str:
    return f"{field} is no string" if "eventID" in record else f"no {field}"

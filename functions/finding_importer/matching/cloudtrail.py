"""A CloudTrail record, of which only the parts that the importer needs are read, once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ..errors import BadRecordError
from ..text import as_seen

type Record = Mapping[str, Any]

# Each record has them all:
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
_MARKS = frozenset({"eventID", "eventName", "eventSource", "eventTime", "userIdentity"})
_ACCOUNT = re.compile(r"[0-9]{12}")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}")  # AWS sends a UUID; more is let through
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_YEARS = range(1000, 9999)  # ASFF's times have four digits; a time somewhat later is one, too
_FIELD_LIMIT = 2048  # characters; the longest value that ProductFields take


def may_be_record(document: Record) -> bool:
    """Whether it is like a CloudTrail record at all, be it a bad one."""
    return not _MARKS.isdisjoint(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudTrailEvent:
    """Every string is one clean line; what the record does not state is None."""

    event_id: str
    time: datetime  # UTC
    account: str  # the owning account: where it happened
    region: str | None
    name: str | None
    source: str | None
    identity: str | None  # the caller's ARN; its type where there is none
    source_address: str | None  # not always an IP address
    user_agent: str | None
    mfa_used: str | None
    login_to: str | None

    @classmethod
    def parse(cls, record: Record) -> Self:
        """Raise BadRecordError where eventID, eventTime or the owning account cannot be told."""
        identity = _object(record, "userIdentity")
        sign_in = _object(record, "additionalEventData")
        return cls(
            event_id=_event_id(record),
            time=_time(record),
            account=_owning_account(record),
            region=_region(record),
            name=as_seen(record, "eventName", _FIELD_LIMIT),
            source=as_seen(record, "eventSource", _FIELD_LIMIT),
            identity=as_seen(identity, "arn" if identity.get("arn") else "type", _FIELD_LIMIT),
            source_address=as_seen(record, "sourceIPAddress", _FIELD_LIMIT),
            user_agent=as_seen(record, "userAgent", _FIELD_LIMIT),
            mfa_used=as_seen(sign_in, "MFAUsed", _FIELD_LIMIT),
            login_to=as_seen(sign_in, "LoginTo", _FIELD_LIMIT),
        )

    def as_record(self) -> dict[str, Any]:
        """Write the smallest record that `parse` reads as this event."""
        record = {
            "eventID": self.event_id,
            "eventTime": self.time.isoformat(),
            "recipientAccountId": self.account,
            "awsRegion": self.region,
            "eventName": self.name,
            "eventSource": self.source,
            "userIdentity": _stated({"arn": self.identity}),
            "sourceIPAddress": self.source_address,
            "userAgent": self.user_agent,
            "additionalEventData": _stated({"MFAUsed": self.mfa_used, "LoginTo": self.login_to}),
        }
        return _stated(record)


def _stated(fields: Record) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _object(record: Record, key: str) -> Record:
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def _event_id(record: Record) -> str:
    value = record.get("eventID")
    if not isinstance(value, str) or not _EVENT_ID.fullmatch(value):
        raise BadRecordError("eventID", _found(value, "a string of 1 to 128 visible characters"))
    return value


def _time(record: Record) -> datetime:
    value = record.get("eventTime")
    time = _utc(value) if isinstance(value, str) else None
    if time is None:
        expected = "a time with its zone such as 2025-01-31T12:00:00Z"
        raise BadRecordError("eventTime", _found(value, expected))
    return time


def _utc(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        utc = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return utc if time.tzinfo is not None and utc.year in _YEARS else None


def _owning_account(record: Record) -> str:
    field, value = "recipientAccountId", record.get("recipientAccountId")
    if value is None:
        field, value = (
            "userIdentity.accountId",
            _object(record, "userIdentity").get("accountId"),
        )
    if not isinstance(value, str) or not _ACCOUNT.fullmatch(value):
        raise BadRecordError(field, _found(value, "an account number of 12 digits"))
    return value


def _region(record: Record) -> str | None:
    value = record.get("awsRegion")
    return value if isinstance(value, str) and _REGION.fullmatch(value) else None


def _found(value: Any, expected: str) -> str:
    seen = as_seen({"value": value}, "value", 80) if value is not None else "nothing"
    return f"expected {expected}, found {seen or 'a blank'}"

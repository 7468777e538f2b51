"""Reads CloudTrail records: single fields by path, and the event that a finding describes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ..errors import InvalidRecordError
from ..text import text_value

type Record = Mapping[str, Any]
type FieldReader = Callable[[Record], Any]

# Every record has these fields:
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
_REQUIRED_FIELDS = frozenset({"eventID", "eventName", "eventSource", "eventTime", "userIdentity"})
_ACCOUNT = re.compile(r"[0-9]{12}")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}")  # AWS sends a UUID, and documents no format
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_YEARS = range(1000, 9999)  # ASFF timestamps have four digits, also a millisecond later
_FIELD_LIMIT = 2048  # characters; the maximum of a value in ProductFields


def resembles_record(document: Record) -> bool:
    """Whether the document has any field of a CloudTrail record, valid or not."""
    return not _REQUIRED_FIELDS.isdisjoint(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudTrailEvent:
    """Every string is one clean line. An absent field is None."""

    event_id: str
    time: datetime  # UTC
    account: str  # the owning account: the one in which the event occurred
    region: str | None
    name: str | None
    source: str | None
    identity: str | None  # the caller's ARN, or else its type
    source_address: str | None  # an IP address or a service name
    user_agent: str | None
    mfa_used: str | None
    login_to: str | None

    @classmethod
    def parse(cls, record: Record) -> Self:
        """Raise InvalidRecordError if eventID, eventTime or the account is missing or invalid."""
        identity = _object(record, "userIdentity")
        sign_in = _object(record, "additionalEventData")
        return cls(
            event_id=_event_id(record),
            time=_time(record),
            account=_owning_account(record),
            region=_region(record),
            name=text_value(record, "eventName", _FIELD_LIMIT),
            source=text_value(record, "eventSource", _FIELD_LIMIT),
            identity=text_value(identity, "arn" if identity.get("arn") else "type", _FIELD_LIMIT),
            source_address=text_value(record, "sourceIPAddress", _FIELD_LIMIT),
            user_agent=text_value(record, "userAgent", _FIELD_LIMIT),
            mfa_used=text_value(sign_in, "MFAUsed", _FIELD_LIMIT),
            login_to=text_value(sign_in, "LoginTo", _FIELD_LIMIT),
        )

    def as_record(self) -> dict[str, Any]:
        """Return the minimal record that `parse` reads as this event."""
        record = {
            "eventID": self.event_id,
            "eventTime": self.time.isoformat(),
            "recipientAccountId": self.account,
            "awsRegion": self.region,
            "eventName": self.name,
            "eventSource": self.source,
            "userIdentity": _non_empty({"arn": self.identity}),
            "sourceIPAddress": self.source_address,
            "userAgent": self.user_agent,
            "additionalEventData": _non_empty({"MFAUsed": self.mfa_used, "LoginTo": self.login_to}),
        }
        return _non_empty(record)


def _non_empty(fields: Record) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _object(record: Record, key: str) -> Record:
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def _event_id(record: Record) -> str:
    value = record.get("eventID")
    if not isinstance(value, str) or not _EVENT_ID.fullmatch(value):
        raise InvalidRecordError("eventID", _got(value), "a string of 1 to 128 visible characters")
    return value


def _time(record: Record) -> datetime:
    value = record.get("eventTime")
    time = _utc(value) if isinstance(value, str) else None
    if time is None:
        expected = "a time with a time zone such as 2025-01-31T12:00:00Z"
        raise InvalidRecordError("eventTime", _got(value), expected)
    return time


def _utc(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        utc = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return utc if time.tzinfo is not None and utc.year in _YEARS else None


def _owning_account(record: Record) -> str:
    key, value = "recipientAccountId", record.get("recipientAccountId")
    if value is None:
        key, value = "userIdentity.accountId", _object(record, "userIdentity").get("accountId")
    if not isinstance(value, str) or not _ACCOUNT.fullmatch(value):
        raise InvalidRecordError(key, _got(value), "an account ID of 12 digits")
    return value


def _region(record: Record) -> str | None:
    value = record.get("awsRegion")
    return value if isinstance(value, str) and _REGION.fullmatch(value) else None


def _got(value: Any) -> str:
    if value is None:
        return "nothing"
    text = text_value({"value": value}, "value", 80) or "a blank value"
    return f'"{text}"' if isinstance(value, str) and value.strip() else text


# Records come from json.loads, so an object is a dict. A check of the exact type costs a fifth of
# isinstance with Mapping, and matching reads about a dozen fields of every record.


def field_reader(path: str) -> FieldReader:
    """Return a function that reads the value at a path of names joined by dots, or None.

    A path descends into objects only, not into arrays.
    """
    match path.split("."):
        case [name]:
            return lambda record: record.get(name)
        case [outer, inner]:
            return _nested_reader(outer, inner)
        case names:
            return _path_reader(tuple(names))


def field_presence(path: str) -> Callable[[Record], bool]:
    """Return a function that checks whether a record has the key at the path, with any value."""
    parent, _, name = path.rpartition(".")
    if not parent:
        return lambda record: name in record
    parent_of = field_reader(parent)

    def is_present(record: Record) -> bool:
        value = parent_of(record)
        return type(value) is dict and name in value

    return is_present


def _nested_reader(outer: str, inner: str) -> FieldReader:
    def read(record: Record) -> Any:
        value = record.get(outer)
        return value.get(inner) if type(value) is dict else None

    return read


def _path_reader(names: tuple[str, ...]) -> FieldReader:
    def read(record: Record) -> Any:
        value: Any = record
        for name in names:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    return read

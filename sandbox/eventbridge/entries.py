"""PutEvents: the checks of its entries, and their events.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.exceptions import ResourceNotFoundException

from sandbox.eventbridge import InvalidRequestError
from sandbox.eventbridge.buses import BusAddress

type Entry = Mapping[str, Any]
type Event = Mapping[str, Any]

MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 262_144
TIME_BYTES = 14
RESERVED_PREFIX = "aws."


def check_request(entries: Sequence[Entry] | None, account: str, region: str) -> None:
    """The errors that fail the whole request."""
    if not entries or len(entries) > MAX_ENTRIES:
        raise InvalidRequestError(f"A request has 1 to {MAX_ENTRIES} entries.")
    if sum(map(_bytes, entries)) >= MAX_REQUEST_BYTES:
        raise InvalidRequestError("Total size of the entries in the request is over the limit.")
    for entry in entries:
        bus = BusAddress.named(entry.get("EventBusName"), account, region)
        if bus.region != region:
            raise InvalidRequestError("Cross-region api call is not allowed.")
        if bus.bus() is None:
            raise ResourceNotFoundException(f"Event bus {bus.name} does not exist.")


def failed_entry(entry: Entry) -> dict[str, str] | None:
    """The error of one entry; PutEvents accepts the others."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return _error("InvalidArgument", message)
    if entry["Source"].startswith(RESERVED_PREFIX):
        return _error("NotAuthorizedForSourceException", "Not authorized for the source.")
    if not _is_object(entry["Detail"]):
        return _error("MalformedDetail", "Detail is malformed.")
    return None


def _error(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def entry_event(entry: Entry, account: str, region: str) -> Event:
    """The event of a valid entry."""
    sent = entry.get("Time")
    return event_envelope(
        source=entry["Source"],
        detail_type=entry["DetailType"],
        account=account,
        region=region,
        time=datetime.fromtimestamp(float(sent), UTC) if sent else datetime.now(UTC),
        resources=entry.get("Resources") or [],
        detail=json.loads(entry["Detail"]),
    )


def event_envelope(
    *,
    source: str,
    detail_type: str,
    account: str,
    region: str,
    time: datetime,
    resources: Sequence[str],
    detail: Mapping[str, Any],
) -> Event:
    """https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": list(resources),
        "detail": detail,
    }


def _bytes(entry: Entry) -> int:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    return sum(len(text.encode()) for text in texts) + (TIME_BYTES if entry.get("Time") else 0)


def _is_object(detail: str) -> bool:
    try:
        return isinstance(json.loads(detail), dict)
    except ValueError:
        return False

"""Reads the timestamps that ASFF allows."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
    r"(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d\d:?\d\d)"
)


def nanoseconds(timestamp: str) -> int:
    """Nanoseconds since 1970 of an ASFF timestamp, which may have nine decimal places.

    ValueError: the text is no RFC 3339 timestamp, or names a day or an hour that does not exist.
    """
    match = _RFC3339.fullmatch(timestamp)
    if match is None:
        raise ValueError(f"{timestamp!r} is no RFC 3339 timestamp")
    moment = datetime.fromisoformat(match["seconds"] + match["offset"])
    fraction = int((match["fraction"] or "0").ljust(9, "0"))
    return int(moment.timestamp()) * 10**9 + fraction


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

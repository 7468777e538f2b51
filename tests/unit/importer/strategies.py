"""Hypothesis strategies for CloudTrail records, based on a sign-in of the root user."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.unit.importer.builders import record


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = {"a": [value]}
    return value


SPECIAL = "`<>|[]()*_~\\\"'{}$%&@#!:/.\n\r\t\x00\x1b\u2028\u202e\u200b\ud800\udc00\U0001f600"
CHARACTERS = st.sampled_from(SPECIAL) | st.characters(exclude_categories=[])
TEXT = st.text(CHARACTERS, max_size=30)
LONG_TEXT = st.text(CHARACTERS, min_size=1, max_size=20).map(lambda text: text * 500)
# Some names are prefixes of others.
NAMES = TEXT | st.sampled_from(["a", "ab", "MFAUsed", "MFAUsedBy", "type", "types"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=3),
    max_leaves=5,
)
ANY_VALUES = JSON | LONG_TEXT | st.integers(1, 200).map(nested)
ADDRESSES = st.ip_addresses().map(str) | ANY_VALUES
TIMES = st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 30)).map(  # noqa: DTZ001  # Z follows.
    lambda time: f"{time.isoformat()}Z"
)
ODD_TIMES = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00", "2025-W10-2", ""]
)
EVENT_IDS = st.uuids().map(str) | st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128
)
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
_REQUIRED = {"eventID": EVENT_IDS, "eventTime": TIMES, "recipientAccountId": ACCOUNTS}
_DETAILS = {
    "awsRegion": ANY_VALUES,
    "eventSource": ANY_VALUES,
    "sourceIPAddress": ADDRESSES,
    "userAgent": ANY_VALUES,
}


def _identity(arn: Any) -> dict[str, Any]:
    return {"type": "Root", "accountId": "444455556666", "arn": arn}


_MFA = st.fixed_dictionaries(
    {}, optional={"MFAUsed": ANY_VALUES.filter(lambda mfa: mfa != "Yes"), "LoginTo": ANY_VALUES}
)
_SIGN_IN_DETAILS = {
    **_DETAILS,
    "userIdentity": ANY_VALUES.map(_identity),
    "additionalEventData": _MFA | st.none() | TEXT | st.lists(st.none()),
}
# Valid records.
RECORDS = st.fixed_dictionaries(
    _REQUIRED,
    optional={
        **_DETAILS,
        "eventName": ANY_VALUES,
        "userIdentity": ANY_VALUES | ANY_VALUES.map(_identity),
        "additionalEventData": ANY_VALUES | _MFA,
    },
)
# Valid records that the detection of `builders` matches.
SIGN_INS = st.fixed_dictionaries(_REQUIRED, optional=_SIGN_IN_DETAILS).map(
    lambda drawn: record() | drawn
)
# The detection matches. Event ID, time and account are arbitrary.
INVALID_SIGN_INS = st.fixed_dictionaries(
    {},
    optional={
        **_SIGN_IN_DETAILS,
        "eventID": ANY_VALUES,
        "eventTime": ANY_VALUES | ODD_TIMES,
        "recipientAccountId": ANY_VALUES,
    },
).map(lambda drawn: record() | drawn)
# All fields are arbitrary.
MUTATED_SIGN_INS = st.dictionaries(st.sampled_from(sorted(record())), ANY_VALUES).map(
    lambda drawn: record() | drawn
)

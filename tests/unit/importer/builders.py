"""Builds the detections, records, findings and events of the importer's tests."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import functions.finding_importer
from functions.finding_importer.findings.finding import Asff, Finding, HubScope, build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from functions.finding_importer.matching.rules import DeployedDetection
from sandbox.security_hub.findings import Caller, checked_call, import_failure

SOURCE = Path(functions.finding_importer.__file__).parent
SCHEMA = json.loads((SOURCE / "findings" / "finding.schema.json").read_text("utf-8"))
REGION = "eu-central-1"
SECURITY = "999988887777"
OWNER = "111122223333"
EVENT_ID = "7f1c1f6e-0000-4000-8000-000000000001"
SCOPE = HubScope("aws", REGION, SECURITY)
RUNBOOK = "https://git.example.com/detections/root_console_login_without_mfa/runbook.md"
ENTRY: Mapping[str, Any] = {
    "id": "3d8c2a0e-6a55-4b0c-9e52-0d9d5c2b7f10",
    "name": "root_console_login_without_mfa",
    "title": "Root signed in to the console without MFA",
    "description": "The root user signed in with nothing but a password.",
    "severity": "CRITICAL",
    "priority": "high",
    "types": ["TTPs/Initial Access"],
    "compliance": [],
    "next_steps": ["Ask the account's owner.", "Rotate the password.", "Turn MFA on."],
    "runbook": RUNBOOK,
    "predicate": {
        "all": [
            {"field": "eventName", "equals": ["ConsoleLogin"]},
            {"field": "userIdentity.type", "equals": ["Root"]},
            {"field": "responseElements.ConsoleLogin", "equals": ["Success"]},
            {"not": {"field": "additionalEventData.MFAUsed", "equals": ["Yes", "YES", "yes"]}},
        ]
    },
}


def detection(**changes: Any) -> DeployedDetection:
    return DeployedDetection.parse({**ENTRY, **changes}, "detections[0]")


def record(**changes: Any) -> dict[str, Any]:
    account = changes.get("recipientAccountId", OWNER)
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "Root",
            "accountId": account,
            "arn": f"arn:aws:iam::{account}:root",
        },
        "eventTime": "2025-03-04T05:06:07Z",
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MFAUsed": "No", "LoginTo": "https://console.aws.amazon.com/"},
        "eventID": EVENT_ID,
        "recipientAccountId": account,
        **changes,
    }


def sign_in(account: str = OWNER, event_id: str = "e") -> dict[str, Any]:
    return record(recipientAccountId=account, eventID=event_id)


def finding(record_changes: Mapping[str, Any] | None = None, **detection_changes: Any) -> Finding:
    event = CloudTrailEvent.parse(record(**(record_changes or {})))
    return build(event, detection(**detection_changes), SCOPE)


def id_of(account: str = OWNER, event_id: str = "e") -> str:
    return finding({"recipientAccountId": account, "eventID": event_id}).id


def payload(*messages: Any, message_type: str = "DATA_MESSAGE") -> str:
    """Return the payload of a subscription filter; messages that are not strings become JSON."""
    texts = [m if isinstance(m, str) else json.dumps(m) for m in messages]
    log_events = [{"id": str(i), "timestamp": 0, "message": text} for i, text in enumerate(texts)]
    head = {"messageType": message_type, "owner": SECURITY, "logGroup": "trail"}
    return json.dumps({**head, "logEvents": log_events})


def logs_event(*messages: Any, message_type: str = "DATA_MESSAGE") -> dict[str, Any]:
    return encoded(payload(*messages, message_type=message_type).encode())


def encoded(unpacked: bytes) -> dict[str, Any]:
    return packed(gzip.compress(unpacked))


def packed(data: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def event_bridge_event(detail: Any) -> dict[str, Any]:
    kind = "AWS Console Sign In via CloudTrail"
    return {"version": "0", "source": "aws.signin", "detail-type": kind, "detail": detail}


def queue_event(*bodies: str, receive_count: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies)
        ]
    }


@dataclass
class FakeContext:
    seconds: float = 120.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema_problems(asff: Any) -> list[str]:
    return [error.message for error in _validator().iter_errors(asff)]


def hub_problem(asff: Asff) -> str | None:
    """Return the error of the sandbox's Security Hub for a finding of the finding's account."""
    caller = Caller(account_id=asff["AwsAccountId"], region=REGION, partition="aws")
    [checked] = checked_call([asff], caller)
    failure = import_failure(checked, caller)
    return failure.error_message if failure else None


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

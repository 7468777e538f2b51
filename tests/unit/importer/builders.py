"""Builds the detections, records, findings and events of the importer's tests."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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

"""What the importer's tests share: a detection, a record, a delivery, and fakes of AWS."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from functions.finding_importer.cloudtrail import CloudTrailEvent
from functions.finding_importer.detection import Detection
from functions.finding_importer.finding import Finding, HubScope, build

SCOPE = HubScope("aws", "eu-central-1")
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
    "predicate": {
        "all": [
            {"field": "eventName", "equals": ["ConsoleLogin"]},
            {"field": "userIdentity.type", "equals": ["Root"]},
            {"field": "responseElements.ConsoleLogin", "equals": ["Success"]},
            {"not": {"field": "additionalEventData.MFAUsed", "equals": ["Yes", "YES", "yes"]}},
        ]
    },
}


def detection(**changes: Any) -> Detection:
    return Detection.parse({**ENTRY, **changes}, "detections[0]")


def record(**changes: Any) -> dict[str, Any]:
    account = changes.get("recipientAccountId", "111122223333")
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
        "eventID": "7f1c1f6e-0000-4000-8000-000000000001",
        "recipientAccountId": account,
        **changes,
    }


def finding(record_changes: Mapping[str, Any] | None = None, **detection_changes: Any) -> Finding:
    event = CloudTrailEvent.parse(record(**(record_changes or {})))
    return build(event, detection(**detection_changes), SCOPE)


def logs_event(*messages: Any, message_type: str = "DATA_MESSAGE") -> dict[str, Any]:
    """Take strings as they are, and anything else as JSON."""
    texts = [m if isinstance(m, str) else json.dumps(m) for m in messages]
    payload = {
        "messageType": message_type,
        "owner": "999988887777",
        "logGroup": "trail",
        "logEvents": [
            {"id": str(i), "timestamp": 0, "message": text} for i, text in enumerate(texts)
        ],
    }
    return encoded(json.dumps(payload).encode())


def encoded(payload: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(gzip.compress(payload)).decode()}}


def client_error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused by the fake"}}, operation)


@dataclass
class FakeSts:
    """Gives credentials whose access key tells the account; some accounts have no such role."""

    closed: frozenset[str] = frozenset()
    calls: list[dict[str, str]] = field(default_factory=list)

    def assume_role(self, **parameters: str) -> dict[str, Any]:
        self.calls.append(parameters)
        account = parameters["RoleArn"].split(":")[4]
        if account in self.closed:
            raise client_error("AccessDenied", "AssumeRole")
        return {
            "Credentials": {
                "AccessKeyId": account,
                "SecretAccessKey": "secret",
                "SessionToken": "token",
            }
        }


@dataclass
class FakeSecurityHub:
    """One account's hub: refuses findings of other accounts, and calls beyond AWS's limit."""

    account: str
    refused: frozenset[str] = frozenset()  # Ids
    error: Exception | None = None
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def imported(self) -> list[str]:
        return [one["Id"] for batch in self.batches for one in batch if not self._refusal(one)]

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        findings = parameters["Findings"]
        if not 1 <= len(findings) <= 100:
            raise client_error("InvalidInputException", "BatchImportFindings")
        if self.error:
            raise self.error
        self.batches.append(findings)
        failed = [failure for one in findings if (failure := self._refusal(one))]
        return {
            "FailedCount": len(failed),
            "SuccessCount": len(findings) - len(failed),
            "FailedFindings": failed,
        }

    def _refusal(self, one: Mapping[str, Any]) -> dict[str, str] | None:
        if one["AwsAccountId"] == self.account and one["Id"] not in self.refused:
            return None
        return {"Id": one["Id"], "ErrorCode": "InvalidAccess", "ErrorMessage": "not enabled"}


@dataclass
class FakeSns:
    """Takes what SNS takes: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""

    error: Exception | None = None
    published: list[dict[str, str]] = field(default_factory=list)

    def publish(self, **parameters: str) -> dict[str, str]:
        subject = parameters["Subject"]
        if not (subject.isascii() and subject.isprintable() and len(subject) < 100):
            raise client_error("InvalidParameter", "Publish")
        if self.error:
            raise self.error
        self.published.append(parameters)
        return {"MessageId": str(len(self.published))}

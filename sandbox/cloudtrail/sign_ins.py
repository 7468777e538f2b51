"""Console sign-in events as CloudTrail records them.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
"""

import uuid
from datetime import UTC, datetime
from typing import Any

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CONSOLE = "https://console.aws.amazon.com/console/home"

type Record = dict[str, Any]


def root_without_mfa(account: str) -> Record:
    return _sign_in(account, _root(account), mfa_used="No", address="203.0.113.7")


def root_with_mfa(account: str) -> Record:
    return _sign_in(account, _root(account), mfa_used="Yes", address="198.51.100.23")


def root_failing(account: str) -> Record:
    record = _sign_in(account, _root(account), mfa_used="No", address="192.0.2.99")
    record["responseElements"] = {"ConsoleLogin": "Failure"}
    record["errorMessage"] = "Failed authentication"
    return record


def single_sign_on(account: str) -> Record:
    """MFAUsed is always No for federated users: the identity provider verifies MFA."""
    role = "AWSReservedSSO_ReadOnly_0123456789abcdef"
    identity = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE0000000001:ana@example.com",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/ana@example.com",
        "accountId": account,
    }
    return _sign_in(account, identity, mfa_used="No", address="198.51.100.23")


def iam_user_without_mfa(account: str) -> Record:
    identity = {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE0000000001",
        "arn": f"arn:aws:iam::{account}:user/ben",
        "accountId": account,
        "userName": "ben",
    }
    return _sign_in(account, identity, mfa_used="No", address="198.51.100.42")


def _root(account: str) -> Record:
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": "",
    }


def _sign_in(account: str, identity: Record, *, mfa_used: str, address: str) -> Record:
    return {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": address,
        "userAgent": FIREFOX,
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"LoginTo": CONSOLE, "MobileVersion": "No", "MFAUsed": mfa_used},
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "signin.aws.amazon.com",
        },
    }

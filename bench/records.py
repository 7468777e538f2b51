"""Generates CloudTrail records of many services, 1 to 2 KB each, of which few match.

The records depend on the seed only.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

type Fields = dict[str, Any]

ONE_MATCHES_IN = 1000
_ACCOUNTS = ("444444444444", "555555555555", "666666666666")
_REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2")
_USER_AGENTS = (
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.8.0 md/arch#aarch64 lang/python#3.13.1",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) aws-sdk-go-v2/1.32.3",
    "aws-cli/2.27.49 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 exec-env/none lang/python#3.13.4",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
)


def lines(count: int, seed: int = 20260314) -> Iterator[bytes]:
    """Yield records as compact JSON, without line ends."""
    random = Random(seed)  # noqa: S311  # Not a secret.
    for number in range(1, count + 1):
        record = _root_sign_in(random) if number % ONE_MATCHES_IN == 0 else _ordinary(random)
        yield json.dumps(record, separators=(",", ":")).encode()


def _ordinary(random: Random) -> Fields:
    kinds: tuple[Callable[[Random], Fields], ...] = (
        _describe_instances,
        _assume_role,
        _decrypt,
        _get_object_metadata,
        _create_log_stream,
        _single_sign_on,
    )
    return _record(random, **random.choices(kinds, weights=(30, 25, 20, 15, 9, 1))[0](random))


def _record(random: Random, **fields: Any) -> Fields:
    """Return the common fields in the order of CloudTrail, replaced by the given ones."""
    account = random.choice(_ACCOUNTS)
    seconds = random.randrange(86_400)
    return {
        "eventVersion": "1.11",
        "userIdentity": _session(random, account),
        "eventTime": f"2026-03-14T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": random.choice(_REGIONS),
        "sourceIPAddress": f"203.0.113.{random.randrange(256)}",
        "userAgent": random.choice(_USER_AGENTS),
        "requestParameters": None,
        "responseElements": None,
        "requestID": _uuid(random),
        "eventID": _uuid(random),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "service.us-east-1.amazonaws.com",
        },
        **fields,
    }


def _session(random: Random, account: str) -> Fields:
    role, principal = f"workload-{random.randrange(40)}", f"AROA{random.randrange(16**17):017X}"
    session = f"session-{random.randrange(10_000)}"
    return {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
        "accountId": account,
        "accessKeyId": f"ASIA{random.randrange(16**16):016X}",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": principal,
                "arn": f"arn:aws:iam::{account}:role/{role}",
                "accountId": account,
                "userName": role,
            },
            "attributes": {"creationDate": "2026-03-14T00:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def _describe_instances(random: Random) -> Fields:
    instances = [{"instanceId": f"i-{random.randrange(16**17):017x}"} for _ in range(3)]
    return {
        "requestParameters": {"instancesSet": {"items": instances}, "filterSet": {}},
        "sessionCredentialFromConsole": "true",
    }


def _assume_role(random: Random) -> Fields:
    account = random.choice(_ACCOUNTS)
    role = f"arn:aws:iam::{account}:role/workload-{random.randrange(40)}"
    return {
        "userIdentity": {"type": "AWSService", "invokedBy": "ecs-tasks.amazonaws.com"},
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "sourceIPAddress": "ecs-tasks.amazonaws.com",
        "userAgent": "ecs-tasks.amazonaws.com",
        "requestParameters": {
            "roleArn": role,
            "roleSessionName": f"{random.randrange(16**32):032x}",
            "durationSeconds": 3600,
        },
        "responseElements": {
            "credentials": {
                "accessKeyId": f"ASIA{random.randrange(16**16):016X}",
                "sessionToken": f"{random.randrange(16**160):0160x}",
                "expiration": "Mar 14, 2026, 4:09:26 PM",
            },
            "assumedRoleUser": {"assumedRoleId": "AROAEXAMPLE", "arn": role},
        },
        "sharedEventID": _uuid(random),
        "resources": [{"accountId": account, "type": "AWS::IAM::Role", "ARN": role}],
    }


def _decrypt(random: Random) -> Fields:
    key = f"arn:aws:kms:us-east-1:{random.choice(_ACCOUNTS)}:key/{_uuid(random)}"
    return {
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "requestParameters": {
            "encryptionContext": {"aws:s3:arn": "arn:aws:s3:::example-bucket/path/to/an/object"},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "keyId": key,
        },
        "resources": [{"accountId": key.split(":")[4], "type": "AWS::KMS::Key", "ARN": key}],
    }


def _get_object_metadata(random: Random) -> Fields:
    bucket = f"example-bucket-{random.randrange(30)}"
    return {
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetBucketAcl",
        "requestParameters": {"bucketName": bucket, "Host": f"{bucket}.s3.amazonaws.com"},
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": f"{random.randrange(16**76):076x}",
            "bytesTransferredOut": 444,
        },
        "resources": [{"type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}],
    }


def _create_log_stream(random: Random) -> Fields:
    return {
        "eventSource": "logs.amazonaws.com",
        "eventName": "CreateLogStream",
        "requestParameters": {
            "logGroupName": f"/aws/lambda/function-{random.randrange(60)}",
            "logStreamName": f"2026/03/14/[$LATEST]{random.randrange(16**32):032x}",
        },
        "readOnly": False,
        "apiVersion": "20140328",
    }


def _single_sign_on(random: Random) -> Fields:
    used = random.choice(("Yes", "No"))  # mostly No for federated sign-ins
    return {**_console_sign_in(), "additionalEventData": {"MobileVersion": "No", "MFAUsed": used}}


def _root_sign_in(random: Random) -> Fields:
    account = random.choice(_ACCOUNTS)
    return _record(
        random,
        **_console_sign_in(),
        userIdentity={
            "type": "Root",
            "principalId": account,
            "arn": f"arn:aws:iam::{account}:root",
            "accountId": account,
            "accessKeyId": "",
        },
        additionalEventData={
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAUsed": "No",
        },
    )


def _console_sign_in() -> Fields:
    return {
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "responseElements": {"ConsoleLogin": "Success"},
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
    }


def _uuid(random: Random) -> str:
    digits = f"{random.randrange(16**32):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

"""Trails with their buckets, keys, log groups and roles."""

from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, ORGANIZATION_ID, SECURITY
from sandbox.tests.resources import REGION, allow, create_key, create_role, policy, service, unique

CLOUDTRAIL = service("cloudtrail")
WRITE_LOG = allow(["logs:CreateLogStream", "logs:PutLogEvents"])


def trail_arn(name: str, owner: str = MANAGEMENT.id) -> str:
    return f"arn:aws:cloudtrail:{REGION}:{owner}:trail/{name}"


def create_bucket(sandbox: Sandbox, source: str | None, owner: str = MANAGEMENT.id) -> str:
    """A bucket with a policy for the trail of this ARN; None for no policy."""
    s3, bucket = sandbox.client("s3", LOG_ARCHIVE.id), unique("bucket")
    s3.create_bucket(Bucket=bucket)
    if source:
        arn = f"arn:aws:s3:::{bucket}"
        own = {"aws:SourceArn": source}
        acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
        read = allow("s3:GetBucketAcl", arn, Principal=CLOUDTRAIL, Condition={"StringEquals": own})
        write = {
            **allow("s3:PutObject", Principal=CLOUDTRAIL, Condition={"StringEquals": own | acl}),
            "Resource": [f"{arn}/AWSLogs/{prefix}/*" for prefix in (owner, ORGANIZATION_ID)],
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=policy(read, write))
    return bucket


def create_trail_key(sandbox: Sandbox, source: str) -> str:
    """A key with a policy for the trail of this ARN."""
    own = {"StringEquals": {"aws:SourceArn": source}}
    encrypt = allow("kms:GenerateDataKey*", Principal=CLOUDTRAIL, Condition=own)
    describe = allow("kms:DescribeKey", Principal=CLOUDTRAIL, Condition=own)
    return create_key(sandbox, LOG_ARCHIVE.id, encrypt, describe)


def create_log_group(sandbox: Sandbox, account: str = SECURITY.id) -> str:
    name = unique("/test/trail")
    sandbox.client("logs", account).create_log_group(logGroupName=name)
    return f"arn:aws:logs:{REGION}:{account}:log-group:{name}:*"


def log_delivery(sandbox: Sandbox, account: str = SECURITY.id, **changes: str) -> dict[str, str]:
    return {
        "CloudWatchLogsLogGroupArn": create_log_group(sandbox, account),
        "CloudWatchLogsRoleArn": create_role(sandbox, account, CLOUDTRAIL, WRITE_LOG),
        **changes,
    }


class TrailCreator:
    """Creates organization trails and deletes them afterwards."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._made: list[tuple[Any, str]] = []

    def __call__(self, name: str, bucket: str, account: str = SECURITY.id, **more: Any) -> Any:
        client = self._sandbox.client("cloudtrail", account)
        settings = {"IsMultiRegionTrail": True, "IsOrganizationTrail": True, **more}
        trail = client.create_trail(Name=name, S3BucketName=bucket, **settings)
        self._made.append((client, trail["TrailARN"]))
        return trail

    def remove(self) -> None:
        for client, arn in self._made:
            client.delete_trail(Name=arn)

"""Organization trails that Rootwatch did not create."""

from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, ORGANIZATION_ID, SECURITY
from sandbox.tests.resources import REGION, allow, create_role, policy, service, unique

CLOUDTRAIL = service("cloudtrail")
GROUP = "trails/organization"
READ_ONLY = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
DATA = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
}
DELEGATED = "aws_cloudtrail_organization_delegated_admin_account"


class TrailCreator:
    """Creates organization trails, with buckets in the log archive account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.client = sandbox.client("cloudtrail")
        self.bucket = unique("logs")

    def __call__(self, account: str | None = None, *, starts: bool = True, **more: Any) -> str:
        """The name of a trail that delivers to a log group in the account, or to none."""
        name, group = unique("main"), {} if account is None else self._delivery(account)
        settings = {"IsOrganizationTrail": True, "IsMultiRegionTrail": True, **group, **more}
        self._create_bucket(name)
        self._sandbox.client("cloudtrail", account or MANAGEMENT.id).create_trail(
            Name=name, S3BucketName=self.bucket, **settings
        )
        if starts:
            self.client.start_logging(Name=name)
        return name

    def second(self, *, starts: bool = True) -> str:
        """A second trail, with another bucket."""
        first, self.bucket = self.bucket, unique("logs")
        name = self(starts=starts)
        self.bucket = first
        return name

    def _create_bucket(self, name: str) -> None:
        s3, arn = self._sandbox.client("s3", LOG_ARCHIVE.id), f"arn:aws:s3:::{self.bucket}"
        s3.create_bucket(Bucket=self.bucket)
        own = {"aws:SourceArn": arn_of(name)}
        acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
        read = allow("s3:GetBucketAcl", arn, Principal=CLOUDTRAIL, Condition={"StringEquals": own})
        write = {
            **allow("s3:PutObject", Principal=CLOUDTRAIL, Condition={"StringEquals": own | acl}),
            "Resource": [f"{arn}/AWSLogs/{one}/*" for one in (MANAGEMENT.id, ORGANIZATION_ID)],
        }
        s3.put_bucket_policy(Bucket=self.bucket, Policy=policy(read, write))

    def _delivery(self, account: str) -> dict[str, str]:
        self._sandbox.client("logs", account).create_log_group(logGroupName=GROUP)
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
        return {
            "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{account}:log-group:{GROUP}:*",
            "CloudWatchLogsRoleArn": create_role(self._sandbox, account, CLOUDTRAIL, write),
        }

    def remove(self) -> None:
        for trail in self.client.describe_trails()["trailList"]:
            self.client.delete_trail(Name=trail["TrailARN"])
        for account in (MANAGEMENT.id, SECURITY.id):
            logs = self._sandbox.client("logs", account)
            for group in logs.describe_log_groups()["logGroups"]:
                logs.delete_log_group(logGroupName=group["logGroupName"])


def arn_of(name: str) -> str:
    return f"arn:aws:cloudtrail:{REGION}:{MANAGEMENT.id}:trail/{name}"

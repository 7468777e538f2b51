"""Resources with the names of Rootwatch's resources, and with any tags."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from modules.naming import Names
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, ORGANIZATION_ID, SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    create_role,
    policy,
    service,
    trusting,
    unique,
    zipped,
)
from tests.preflight.operators import MINIMAL

NAMES = Names(MINIMAL)
OWN = {"rootwatch:deployment": "o-exampleorgid/rootwatch"}
OTHERS = {"project": "rootwatch", "rootwatch:deployment": "o-exampleorgid/another"}
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
PATTERN = json.dumps({"source": ["aws.signin"]})

type Tags = Mapping[str, str]
type Create = Callable[[Sandbox, str, Tags], Any]


def listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def create_bucket(sandbox: Sandbox, account: str, tags: Tags) -> None:
    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=NAMES.trail_bucket)
    s3.put_bucket_tagging(Bucket=NAMES.trail_bucket, Tagging={"TagSet": listed(tags)})


def create_alias(name: str) -> Create:
    def create(sandbox: Sandbox, account: str, tags: Tags) -> None:
        kms = sandbox.client("kms", account)
        kms_tags = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
        key = kms.create_key(Tags=kms_tags)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=name, TargetKeyId=key)

    return create


def create_log_group(name: str) -> Create:
    def create(sandbox: Sandbox, account: str, tags: Tags) -> None:
        logs = sandbox.client("logs", account)
        logs.create_log_group(logGroupName=name, tags=dict(tags))

    return create


def create_named_role(name: str) -> Create:
    """With policies, which have to be deleted first."""

    def create(sandbox: Sandbox, account: str, tags: Tags) -> None:
        iam = sandbox.client("iam", account)
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trusting(service("lambda")),
            Tags=listed(tags),
        )
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(allow("s3:*")))
        managed = f"{name}-policy"
        arn = f"arn:aws:iam::{account}:policy/{managed}"
        if not any(one["Arn"] == arn for one in iam.list_policies(Scope="Local")["Policies"]):
            iam.create_policy(PolicyName=managed, PolicyDocument=policy(allow("sqs:*")))
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    return create


def create_function(sandbox: Sandbox, account: str, tags: Tags) -> None:
    iam = sandbox.client("iam", account)
    if not any(role["RoleName"] == "of-function" for role in iam.list_roles()["Roles"]):
        trust = trusting(service("lambda"))
        iam.create_role(RoleName="of-function", AssumeRolePolicyDocument=trust)
    sandbox.client("lambda", account).create_function(
        FunctionName=NAMES.importer,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{account}:role/of-function",
        Handler="function.handler",
        Code={"ZipFile": zipped("handler = print")},
        Tags=dict(tags),
    )


def create_queue(name: str) -> Create:
    def create(sandbox: Sandbox, account: str, tags: Tags) -> None:
        sandbox.client("sqs", account).create_queue(QueueName=name, tags=dict(tags))

    return create


def create_topic(name: str) -> Create:
    def create(sandbox: Sandbox, account: str, tags: Tags) -> None:
        sandbox.client("sns", account).create_topic(Name=name, Tags=listed(tags))

    return create


def create_table(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("dynamodb", account).create_table(
        TableName=NAMES.idempotency_table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=listed(tags),
    )


def create_bus(sandbox: Sandbox, account: str, tags: Tags) -> None:
    """With a rule, which has to be deleted first."""
    events = sandbox.client("events", account)
    events.create_event_bus(Name=NAMES.event_bus, Tags=listed(tags))
    put_rule(sandbox, account, NAMES.event_bus, {})


def create_rule(sandbox: Sandbox, account: str, tags: Tags) -> None:
    put_rule(sandbox, account, "default", tags)


def put_rule(sandbox: Sandbox, account: str, bus: str, tags: Tags) -> None:
    """With targets, which have to be deleted first."""
    events, on_bus = sandbox.client("events", account), {"EventBusName": bus}
    name = NAMES.event_rule
    events.put_rule(Name=name, EventPattern=PATTERN, Tags=listed(tags), **on_bus)
    queue = f"arn:aws:sqs:{events.meta.region_name}:{account}:any"
    targets = [{"Id": id_, "Arn": queue} for id_ in ("one", "two")]
    events.put_targets(Rule=name, Targets=targets, **on_bus)


def create_trail(sandbox: Sandbox, account: str, tags: Tags) -> None:
    """Not an organization trail, which another check reports."""
    s3, cloudtrail = sandbox.client("s3", account), {"Principal": service("cloudtrail")}
    s3.create_bucket(Bucket="of-trail")
    statements = [
        allow("s3:GetBucketAcl", "arn:aws:s3:::of-trail", **cloudtrail),
        allow("s3:PutObject", "arn:aws:s3:::of-trail/*", **cloudtrail),
    ]
    s3.put_bucket_policy(Bucket="of-trail", Policy=policy(*statements))
    sandbox.client("cloudtrail", account).create_trail(
        Name=NAMES.trail, S3BucketName="of-trail", TagsList=listed(tags)
    )


def create_stack(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("cloudformation", account).create_stack(
        StackName=NAMES.member_stack_set, TemplateBody=TEMPLATE, Tags=listed(tags)
    )


def create_stack_set(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("cloudformation", account).create_stack_set(
        StackSetName=NAMES.member_stack_set,
        TemplateBody=TEMPLATE,
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
        Tags=listed(tags),
    )


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

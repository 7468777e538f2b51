"""A trail is made only where all that it needs admits it, and then records what happens."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sandbox import sign_ins
from sandbox.organization import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
    Account,
    join,
)
from sandbox.services.trails import UndeliverableEventError
from tests.service.sandbox_resources import (
    REGION,
    allow,
    code_of,
    create_key,
    create_role,
    policy,
    service,
    trusting,
    unique,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.local import Sandbox

MEMBER = MEMBERS[0].id
CLOUDTRAIL = service("cloudtrail")
WRITE_LOG = allow(["logs:CreateLogStream", "logs:PutLogEvents"])


def trail_arn(name: str, owner: str = MANAGEMENT.id) -> str:
    return f"arn:aws:cloudtrail:{REGION}:{owner}:trail/{name}"


def create_bucket(sandbox: Sandbox, source: str | None, owner: str = MANAGEMENT.id) -> str:
    """A bucket that admits CloudTrail for the trail of this ARN; without one, nobody."""
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
    """A key that admits CloudTrail for the trail of this ARN."""
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


class Creator:
    """Makes organization trails and removes them again."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._made: list[tuple[Any, str]] = []

    def __call__(self, name: str, bucket: str, account: str = SECURITY.id, **more: Any) -> Any:
        client = self._sandbox.client("cloudtrail", account)
        settings = {"IsMultiRegionTrail": True, "IsOrganizationTrail": True, **more}
        trail = client.create_trail(Name=name, S3BucketName=bucket, **settings)
        self._made.append((client, name))
        return trail

    def remove(self) -> None:
        for client, name in self._made:
            client.delete_trail(Name=name)


@pytest.fixture(scope="module", autouse=True)
def _delegated(sandbox: Sandbox) -> None:
    sandbox.client("cloudtrail").register_organization_delegated_admin(MemberAccountId=SECURITY.id)


@pytest.fixture
def create(sandbox: Sandbox) -> Iterator[Creator]:
    creator = Creator(sandbox)
    yield creator
    creator.remove()


@pytest.fixture
def name() -> str:
    return unique("trail")


@pytest.fixture
def bucket(sandbox: Sandbox, name: str) -> str:
    return create_bucket(sandbox, trail_arn(name))


def refusal_of(create: Creator, *arguments: str, **settings: Any) -> str:
    with pytest.raises(ClientError) as refused:
        create(*arguments, **settings)
    return code_of(refused.value)


def test_a_delegated_administrators_trail_is_the_management_accounts(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    trail = create(name, bucket)

    seen = [
        sandbox.client("cloudtrail", account).get_trail(Name=name)["Trail"]["TrailARN"]
        for account in (SECURITY.id, MANAGEMENT.id)
    ]
    assert trail["TrailARN"] == trail_arn(name)
    assert seen == [trail_arn(name)] * 2


def test_a_bucket_without_a_policy_is_refused(sandbox: Sandbox, create: Creator, name: str) -> None:
    closed = create_bucket(sandbox, None)

    code = refusal_of(create, name, closed)

    trails = sandbox.client("cloudtrail", SECURITY.id).describe_trails()["trailList"]
    assert code == "InsufficientS3BucketPolicyException"
    assert trails == []


@pytest.mark.parametrize("owner", [MANAGEMENT.id, SECURITY.id])
def test_a_bucket_for_another_trail_is_refused(
    sandbox: Sandbox, create: Creator, name: str, owner: str
) -> None:
    stem = name if owner == SECURITY.id else "another"

    other = create_bucket(sandbox, trail_arn(stem, owner))

    assert refusal_of(create, name, other) == "InsufficientS3BucketPolicyException"


def test_a_bucket_without_the_organizations_prefix_is_refused(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    s3 = sandbox.client("s3", LOG_ARCHIVE.id)
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    document["Statement"][1]["Resource"].pop()
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))

    assert refusal_of(create, name, bucket) == "InsufficientS3BucketPolicyException"


def test_a_bucket_that_does_not_exist_is_refused(create: Creator, name: str) -> None:
    assert refusal_of(create, name, unique("gone")) == "S3BucketDoesNotExistException"


def test_a_key_that_admits_the_trail_is_taken(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    key = create_trail_key(sandbox, trail_arn(name))

    assert create(name, bucket, KmsKeyId=key)["KmsKeyId"] == key


def test_a_key_that_does_not_admit_cloudtrail_is_refused(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    closed = create_key(sandbox, LOG_ARCHIVE.id)
    other = create_trail_key(sandbox, trail_arn("another"))

    codes = {refusal_of(create, name, bucket, KmsKeyId=key) for key in (closed, other)}

    assert codes == {"InsufficientEncryptionPolicyException"}


def test_a_role_that_cloudtrail_cannot_assume_is_refused(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    closed = create_role(sandbox, SECURITY.id, service("events"), WRITE_LOG)

    code = refusal_of(create, name, bucket, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed))

    assert code == "InvalidCloudWatchLogsRoleArnException"


def test_a_log_group_outside_the_callers_account_is_refused(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    group = create_log_group(sandbox, MANAGEMENT.id)
    alone = log_delivery(sandbox, CloudWatchLogsLogGroupArn=group)
    with_its_role = log_delivery(sandbox, MANAGEMENT.id)

    codes = {refusal_of(create, name, bucket, **one) for one in (alone, with_its_role)}

    assert codes == {"InvalidCloudWatchLogsLogGroupArnException"}


def test_a_role_outside_the_log_groups_account_is_refused(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    role = create_role(sandbox, MANAGEMENT.id, CLOUDTRAIL, WRITE_LOG)

    code = refusal_of(create, name, bucket, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))

    assert code == "InvalidCloudWatchLogsLogGroupArnException"


def test_a_member_makes_no_organization_trail(create: Creator, name: str, bucket: str) -> None:
    code = refusal_of(create, name, bucket, MEMBER)

    assert code == "NotOrganizationMasterAccountException"


def test_the_management_account_makes_organization_trails(
    create: Creator, name: str, bucket: str
) -> None:
    assert create(name, bucket, MANAGEMENT.id)["TrailARN"] == trail_arn(name)


def test_only_the_management_account_delegates(sandbox: Sandbox) -> None:
    member = sandbox.client("cloudtrail", MEMBER)

    with pytest.raises(ClientError) as refused:
        member.register_organization_delegated_admin(MemberAccountId=MEMBER)

    assert code_of(refused.value) == "NotOrganizationManagementAccountException"


def test_an_event_is_logged_and_stored(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    delivery = log_delivery(sandbox)
    create(name, bucket, **delivery)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)
    event = sign_ins.root_without_mfa(MEMBER)

    trails = sandbox.record(event)

    group = delivery["CloudWatchLogsLogGroupArn"].split(":")[6]
    logged = sandbox.client("logs", SECURITY.id).filter_log_events(logGroupName=group)["events"]
    assert trails == 1
    assert [json.loads(one["message"]) for one in logged] == [event]
    assert logged[0]["logStreamName"].startswith(f"{ORGANIZATION_ID}_")
    assert stored(sandbox, bucket) == [event]


def stored(sandbox: Sandbox, bucket: str) -> list[Any]:
    s3 = sandbox.client("s3", LOG_ARCHIVE.id)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert all(key.startswith(f"AWSLogs/{ORGANIZATION_ID}/{MEMBER}/CloudTrail/") for key in keys)
    files = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    return [record for file in files for record in json.loads(gzip.decompress(file))["Records"]]


def test_a_trail_that_does_not_log_records_nothing(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    create(name, bucket)

    trails = sandbox.record(sign_ins.root_without_mfa(MEMBER))

    assert trails == 0
    assert stored(sandbox, bucket) == []


def test_a_trail_of_one_region_does_not_record_others(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    create(name, bucket, IsMultiRegionTrail=False)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)
    event = sign_ins.root_without_mfa(MEMBER)

    elsewhere = sandbox.record({**event, "awsRegion": "eu-central-1"})

    assert elsewhere == 0
    assert sandbox.record(event) == 1


def test_a_trail_that_lost_its_bucket_policy_says_so(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    create(name, bucket)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)

    sandbox.client("s3", LOG_ARCHIVE.id).delete_bucket_policy(Bucket=bucket)

    with pytest.raises(UndeliverableEventError, match=f"{name} cannot deliver"):
        sandbox.record(sign_ins.root_without_mfa(MEMBER))


@pytest.mark.parametrize("right", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_trail_whose_role_lacks_a_right_says_so(
    sandbox: Sandbox, create: Creator, name: str, bucket: str, right: str
) -> None:
    rights = {"logs:CreateLogStream", "logs:PutLogEvents"} - {right}
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, allow(sorted(rights)))
    create(name, bucket, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)

    with pytest.raises(UndeliverableEventError, match=f"not authorized to perform: {right}"):
        sandbox.record(sign_ins.root_without_mfa(MEMBER))


def test_a_trail_whose_role_trusts_cloudtrail_no_longer_says_so(
    sandbox: Sandbox, create: Creator, name: str, bucket: str
) -> None:
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
    create(name, bucket, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)
    sandbox.record(sign_ins.root_without_mfa(MEMBER))
    sandbox.client("iam", SECURITY.id).update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=trusting(service("lambda"))
    )

    with pytest.raises(UndeliverableEventError, match="no trust policy allows"):
        sandbox.record(sign_ins.root_without_mfa(MEMBER))


def test_an_event_of_an_unknown_account_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(UndeliverableEventError, match="999999999999"):
        sandbox.record(sign_ins.root_without_mfa("999999999999"))


def test_an_event_of_a_suspended_account_is_refused(sandbox: Sandbox) -> None:
    closing = Account("888888888888", "closing")
    join(closing)
    before = sandbox.record(sign_ins.root_without_mfa(closing.id))

    sandbox.client("organizations").close_account(AccountId=closing.id)

    assert before == 0
    with pytest.raises(UndeliverableEventError, match=f"no active account.*{closing.id}"):
        sandbox.record(sign_ins.root_without_mfa(closing.id))

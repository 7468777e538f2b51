"""The checks of CreateTrail, and delivery to buckets and log groups."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.trails import UndeliverableEventError
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
    Account,
    join,
)
from sandbox.tests.cloudtrail.trail_resources import (
    TrailCreator,
    create_bucket,
    create_trail_key,
    log_delivery,
    trail_arn,
)
from sandbox.tests.resources import allow, code_of, create_key, policy, service, unique

MEMBER = MEMBERS[0].id


@pytest.fixture(scope="module", autouse=True)
def _delegated(sandbox: Sandbox) -> None:
    sandbox.client("cloudtrail").register_organization_delegated_admin(MemberAccountId=SECURITY.id)


@pytest.fixture
def create(sandbox: Sandbox) -> Iterator[TrailCreator]:
    creator = TrailCreator(sandbox)
    yield creator
    creator.remove()


@pytest.fixture
def name() -> str:
    return unique("trail")


@pytest.fixture
def bucket(sandbox: Sandbox, name: str) -> str:
    return create_bucket(sandbox, trail_arn(name))


def refusal_of(create: TrailCreator, *arguments: str, **settings: Any) -> str:
    with pytest.raises(ClientError) as refused:
        create(*arguments, **settings)
    return code_of(refused.value)


def test_the_management_account_owns_trails_of_a_delegated_administrator(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    trail = create(name, bucket)

    seen = [
        sandbox.client("cloudtrail", account).get_trail(Name=known)["Trail"]["TrailARN"]
        for account, known in ((SECURITY.id, trail_arn(name)), (MANAGEMENT.id, name))
    ]
    assert trail["TrailARN"] == trail_arn(name)
    assert seen == [trail_arn(name)] * 2


def test_a_bucket_without_a_policy_is_refused(
    sandbox: Sandbox, create: TrailCreator, name: str
) -> None:
    closed = create_bucket(sandbox, None)

    code = refusal_of(create, name, closed)

    trails = sandbox.client("cloudtrail", SECURITY.id).describe_trails()["trailList"]
    assert code == "InsufficientS3BucketPolicyException"
    assert trails == []


@pytest.mark.parametrize("owner", [MANAGEMENT.id, SECURITY.id])
def test_a_bucket_policy_for_another_trail_is_refused(
    sandbox: Sandbox, create: TrailCreator, name: str, owner: str
) -> None:
    stem = name if owner == SECURITY.id else "another"

    other = create_bucket(sandbox, trail_arn(stem, owner))

    assert refusal_of(create, name, other) == "InsufficientS3BucketPolicyException"


def test_a_bucket_policy_must_allow_the_prefix_of_the_organization(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    s3 = sandbox.client("s3", LOG_ARCHIVE.id)
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    document["Statement"][1]["Resource"].pop()
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))

    assert refusal_of(create, name, bucket) == "InsufficientS3BucketPolicyException"


def test_a_missing_bucket_is_refused(create: TrailCreator, name: str) -> None:
    assert refusal_of(create, name, unique("gone")) == "S3BucketDoesNotExistException"


def test_a_key_that_allows_the_trail_is_accepted(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    key = create_trail_key(sandbox, trail_arn(name))

    assert create(name, bucket, KmsKeyId=key)["KmsKeyId"] == key


def test_a_key_that_denies_cloudtrail_is_refused(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    closed = create_key(sandbox, LOG_ARCHIVE.id)
    other = create_trail_key(sandbox, trail_arn("another"))

    codes = {refusal_of(create, name, bucket, KmsKeyId=key) for key in (closed, other)}

    assert codes == {"InsufficientEncryptionPolicyException"}


def test_a_member_cannot_create_an_organization_trail(
    create: TrailCreator, name: str, bucket: str
) -> None:
    code = refusal_of(create, name, bucket, MEMBER)

    assert code == "NotOrganizationMasterAccountException"


def test_the_management_account_can_create_organization_trails(
    create: TrailCreator, name: str, bucket: str
) -> None:
    assert create(name, bucket, MANAGEMENT.id)["TrailARN"] == trail_arn(name)


def test_only_the_management_account_delegates(sandbox: Sandbox) -> None:
    member = sandbox.client("cloudtrail", MEMBER)

    with pytest.raises(ClientError) as refused:
        member.register_organization_delegated_admin(MemberAccountId=MEMBER)

    assert code_of(refused.value) == "NotOrganizationManagementAccountException"


def test_an_event_is_logged_and_stored(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    delivery = log_delivery(sandbox)
    create(name, bucket, **delivery)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=trail_arn(name))
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


def test_a_trail_records_nothing_before_start_logging(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    create(name, bucket)

    trails = sandbox.record(sign_ins.root_without_mfa(MEMBER))

    assert trails == 0
    assert stored(sandbox, bucket) == []


def test_a_trail_of_one_region_ignores_other_regions(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    create(name, bucket, IsMultiRegionTrail=False)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=trail_arn(name))
    event = sign_ins.root_without_mfa(MEMBER)

    elsewhere = sandbox.record({**event, "awsRegion": "eu-central-1"})

    assert elsewhere == 0
    assert sandbox.record(event) == 1


def test_delivery_fails_without_the_bucket_policy(
    sandbox: Sandbox, create: TrailCreator, name: str, bucket: str
) -> None:
    create(name, bucket)
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=trail_arn(name))

    sandbox.client("s3", LOG_ARCHIVE.id).delete_bucket_policy(Bucket=bucket)

    with pytest.raises(UndeliverableEventError, match=f"{name} cannot deliver"):
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
    with pytest.raises(UndeliverableEventError, match=f"got {closing.id}"):
        sandbox.record(sign_ins.root_without_mfa(closing.id))


READ_ONLY = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
DATA = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
}


@pytest.fixture
def cloudtrail(sandbox: Sandbox) -> Any:
    return sandbox.client("cloudtrail")


@pytest.fixture
def trail(sandbox: Sandbox, cloudtrail: Any) -> Iterator[str]:
    s3, bucket, name = sandbox.client("s3"), unique("bucket"), unique("trail")
    s3.create_bucket(Bucket=bucket)
    principal = {"Principal": service("cloudtrail")}
    statements = [
        allow("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", **principal),
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*", **principal),
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(*statements))
    cloudtrail.create_trail(Name=name, S3BucketName=bucket)
    yield name
    cloudtrail.delete_trail(Name=name)


def test_a_new_trail_records_all_management_events(cloudtrail: Any, trail: str) -> None:
    (selector,) = cloudtrail.get_event_selectors(TrailName=trail)["EventSelectors"]

    assert selector["ReadWriteType"] == "All"
    assert selector["IncludeManagementEvents"] is True


def test_basic_and_advanced_selectors_replace_each_other(cloudtrail: Any, trail: str) -> None:
    cloudtrail.put_event_selectors(TrailName=trail, AdvancedEventSelectors=[DATA])
    advanced = cloudtrail.get_event_selectors(TrailName=trail)
    cloudtrail.put_event_selectors(TrailName=trail, EventSelectors=[READ_ONLY])
    basic = cloudtrail.get_event_selectors(TrailName=trail)

    assert not advanced.get("EventSelectors")
    assert advanced["AdvancedEventSelectors"] == [DATA]
    assert basic["EventSelectors"][0]["ReadWriteType"] == "ReadOnly"
    assert not basic.get("AdvancedEventSelectors")

"""Only the organization trail can write to its bucket, its key and its log group."""

import pytest

from config.settings import Settings
from sandbox.iam.policy import ResourcePolicyKind
from tests.synth.access import (
    OVER_TLS,
    PLAIN_HTTP,
    aws_service,
    decided_by_identity,
    decided_by_resource,
    role_session,
)
from tests.synth.terraform_json import Resource, Stack, actions, allowing, statement, statements

ORDINARY, TRUST, KEY = (
    ResourcePolicyKind.ORDINARY,
    ResourcePolicyKind.TRUST,
    ResourcePolicyKind.KEY,
)
CLOUDTRAIL = aws_service("cloudtrail")


@pytest.fixture
def bucket_arn(bucket: Resource, settings: Settings) -> str:
    return f"arn:{settings.partition}:s3:::{bucket['bucket']}"


@pytest.fixture
def bucket_policy(trail: Stack, bucket: Resource) -> str:
    [policy] = trail.pointing_to("aws_s3_bucket_policy", "bucket", bucket)
    return str(policy["policy"])


@pytest.fixture
def trail_arn(trail: Stack, settings: Settings) -> str:
    """The management account owns the trail that the security account creates."""
    name = trail.only("aws_cloudtrail")["name"]
    owner = f"{settings.home_region}:{settings.accounts.management}"
    return f"arn:{settings.partition}:cloudtrail:{owner}:trail/{name}"


@pytest.fixture
def foreign_trail_arn(trail_arn: str, settings: Settings) -> str:
    return trail_arn.replace(settings.accounts.management, "999999999999")


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_the_bucket_denies_plain_http(
    bucket_policy: str, bucket_arn: str, trail_arn: str, action: str
) -> None:
    resource = bucket_arn if action == "s3:ListBucket" else f"{bucket_arn}/AWSLogs/x"
    context = PLAIN_HTTP | {"aws:SourceArn": trail_arn}
    decision = decided_by_resource(bucket_policy, ORDINARY, CLOUDTRAIL, action, resource, context)

    assert statement(bucket_policy, "DenyInsecureTransport")["Principal"] == "*"
    assert not decision.allowed
    assert "DenyInsecureTransport" in decision.reason


def test_the_organization_trail_can_write_log_files_and_read_the_acl(
    bucket_policy: str, bucket_arn: str, trail_arn: str, settings: Settings
) -> None:
    reading = OVER_TLS | {"aws:SourceArn": trail_arn}
    writing = reading | {"s3:x-amz-acl": "bucket-owner-full-control"}
    asked = [("s3:GetBucketAcl", bucket_arn, reading)] + [
        ("s3:PutObject", f"{bucket_arn}/AWSLogs/{owner}/file.json.gz", writing)
        for owner in (settings.accounts.management, settings.organization.id)
    ]

    for action, resource, context in asked:
        decision = decided_by_resource(
            bucket_policy, ORDINARY, CLOUDTRAIL, action, resource, context
        )
        assert decision.allowed, decision.reason


@pytest.mark.parametrize("change", ["trail", "acl", "prefix"])
def test_the_bucket_accepts_no_other_trail_acl_or_prefix(
    bucket_policy: str,
    bucket_arn: str,
    trail_arn: str,
    foreign_trail_arn: str,
    settings: Settings,
    change: str,
) -> None:
    prefix = "999999999999" if change == "prefix" else settings.organization.id
    context = OVER_TLS | {
        "aws:SourceArn": foreign_trail_arn if change == "trail" else trail_arn,
        "s3:x-amz-acl": "private" if change == "acl" else "bucket-owner-full-control",
    }
    resource = f"{bucket_arn}/AWSLogs/{prefix}/file.json.gz"
    decision = decided_by_resource(
        bucket_policy, ORDINARY, CLOUDTRAIL, "s3:PutObject", resource, context
    )

    assert not decision.allowed


def test_every_permission_of_cloudtrail_is_restricted_to_the_organization_trail(
    trail: Stack, bucket_policy: str, trail_arn: str
) -> None:
    for policy in (bucket_policy, trail.only("aws_kms_key")["policy"]):
        grants = [one for one in allowing(policy) if "Service" in one["Principal"]]
        assert grants
        for grant in grants:
            assert grant["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
            assert grant["Condition"]["StringEquals"]["aws:SourceArn"] == trail_arn


def test_only_the_organization_trail_can_use_the_key(
    trail: Stack, trail_arn: str, foreign_trail_arn: str
) -> None:
    policy = trail.only("aws_kms_key")["policy"]
    encryption = "kms:EncryptionContext:aws:cloudtrail:arn"
    own = {"aws:SourceArn": trail_arn, encryption: trail_arn}
    foreign = {"aws:SourceArn": foreign_trail_arn, encryption: foreign_trail_arn}
    key = "arn:aws:kms:us-east-1:999999999999:key/1"

    for action in ("kms:GenerateDataKey", "kms:DescribeKey", "kms:Decrypt"):
        assert decided_by_resource(policy, KEY, CLOUDTRAIL, action, key, own).allowed
        assert not decided_by_resource(policy, KEY, CLOUDTRAIL, action, key, foreign).allowed
    for context in (own | {encryption: foreign_trail_arn}, {"aws:SourceArn": trail_arn}):
        asked = decided_by_resource(policy, KEY, CLOUDTRAIL, "kms:GenerateDataKey", key, context)
        assert not asked.allowed


def test_the_key_is_rotated_and_administered_by_its_own_account_only(
    trail: Stack, settings: Settings
) -> None:
    key = trail.only("aws_kms_key")
    identities = [one for one in allowing(key["policy"]) if "AWS" in one["Principal"]]

    assert key["enable_key_rotation"] is True
    assert [one["Principal"]["AWS"] for one in identities] == [
        f"arn:{settings.partition}:iam::{settings.accounts.log_archive}:root"
    ]


def test_only_cloudtrail_can_assume_the_delivery_role_without_a_source(
    delivery_role: Resource,
) -> None:
    trust = delivery_role["assume_role_policy"]

    def may_assume(service: str) -> bool:
        principal = aws_service(service)
        role = "arn:aws:iam::999999999999:role/delivery"
        return decided_by_resource(trust, TRUST, principal, "sts:AssumeRole", role, {}).allowed

    assert may_assume("cloudtrail")
    assert not may_assume("events")
    assert all("Condition" not in one for one in statements(trust))


def test_the_delivery_role_has_two_actions(delivery_policy: Resource) -> None:
    policy = delivery_policy["policy"]

    assert len(statements(policy)) == 1
    assert actions(policy) == {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
@pytest.mark.parametrize("prefix", ["", "{organization}_"])
@pytest.mark.parametrize("account", ["management", "security"])
def test_the_delivery_role_can_write_to_all_streams_of_the_trails_log_group_only(
    trail: Stack,
    delivery_policy: Resource,
    settings: Settings,
    action: str,
    prefix: str,
    account: str,
) -> None:
    accounts, region = settings.accounts, settings.home_region
    role = role_session(settings.partition, accounts.security, "delivery")
    home = f"arn:{settings.partition}:logs:{region}:{accounts.security}"
    owner = prefix.format(organization=settings.organization.id) + getattr(accounts, account)

    def may_write(group: str) -> bool:
        resource = f"{home}:log-group:{group}:log-stream:{owner}_CloudTrail_{region}"
        return decided_by_identity(delivery_policy["policy"], role, action, resource, {}).allowed

    group = trail.only("aws_cloudwatch_log_group")["name"]
    assert may_write(group)
    assert not may_write("/other/group")
    assert not may_write(f"{group}-2")

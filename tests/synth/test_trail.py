"""The organization trail, its bucket and its log group."""

import pytest

from config.settings import Settings
from sandbox.iam.policy import ResourcePolicyKind
from tests.synth.terraform_json import (
    OVER_TLS,
    PLAIN_HTTP,
    Resource,
    Stack,
    actions,
    allowing,
    aws_service,
    decided_by_identity,
    decided_by_resource,
    role_session,
    statement,
    statements,
)


def test_the_trail_records_every_account_and_region_and_protects_its_files(trail: Stack) -> None:
    made = trail.only("aws_cloudtrail")

    assert made["is_organization_trail"] is True
    assert made["is_multi_region_trail"] is True
    assert made["include_global_service_events"] is True
    assert made["enable_log_file_validation"] is True
    assert made.arguments.get("enable_logging", True) is True
    assert "event_selector" not in made.arguments
    assert "advanced_event_selector" not in made.arguments


def test_the_trail_writes_to_the_bucket_encrypted_with_its_key(
    trail: Stack, bucket: Resource
) -> None:
    made = trail.only("aws_cloudtrail")

    assert trail.follow(made["s3_bucket_name"], "id") == bucket
    assert trail.follow(made["kms_key_id"], "arn") == trail.only("aws_kms_key")


def test_terraform_refuses_to_delete_the_archive_and_the_log_group_while_they_are_protected(
    trail: Stack, settings: Settings
) -> None:
    expected = {"prevent_destroy": True} if settings.protect else None

    for kind in ("aws_s3_bucket", "aws_kms_key", "aws_cloudwatch_log_group"):
        assert trail.only(kind).arguments.get("lifecycle") == expected


def test_the_key_is_destroyed_after_the_bucket(trail: Stack, bucket: Resource) -> None:
    """A key that waits for its deletion cannot decrypt the objects."""
    assert trail.only("aws_kms_key").address in bucket["depends_on"]


def test_the_trail_delivers_to_the_log_group_with_the_configured_retention(
    trail: Stack, settings: Settings
) -> None:
    stream_arn = trail.only("aws_cloudtrail")["cloud_watch_logs_group_arn"]
    group = trail.follow(stream_arn.removesuffix(":*"), "arn")

    assert stream_arn.endswith(":*")
    assert group["retention_in_days"] == settings.retention.log_group_days
    assert group.arguments.get("log_group_class", "STANDARD") == "STANDARD"


def test_the_trail_depends_on_its_permissions_to_write(
    trail: Stack, bucket: Resource, delivery_policy: Resource
) -> None:
    [bucket_policy] = trail.pointing_to("aws_s3_bucket_policy", "bucket", bucket)

    assert set(trail.only("aws_cloudtrail")["depends_on"]) >= {
        bucket_policy.address,
        delivery_policy.address,
    }


def test_the_bucket_is_in_the_log_archive_and_the_log_group_in_the_security_account(
    trail: Stack, bucket: Resource, delivery_role: Resource, settings: Settings
) -> None:
    # CreateTrail requires a log group of the calling account.
    in_security = [
        trail.only("aws_cloudtrail"),
        trail.only("aws_cloudwatch_log_group"),
        delivery_role,
    ]

    assert {trail.account(one) for one in in_security} == {settings.accounts.security}
    assert trail.account(bucket) == settings.accounts.log_archive
    assert trail.account(trail.only("aws_kms_key")) == settings.accounts.log_archive


def test_the_bucket_is_versioned_and_encrypted_with_the_trails_key(
    trail: Stack, bucket: Resource
) -> None:
    [versioning] = trail.pointing_to("aws_s3_bucket_versioning", "bucket", bucket)
    [encryption] = trail.pointing_to(
        "aws_s3_bucket_server_side_encryption_configuration", "bucket", bucket
    )
    [rule] = encryption["rule"]
    by_default = rule["apply_server_side_encryption_by_default"]

    assert versioning["versioning_configuration"] == {"status": "Enabled"}
    assert by_default["sse_algorithm"] == "aws:kms"
    assert rule["bucket_key_enabled"] is True
    assert trail.follow(by_default["kms_master_key_id"], "arn") == trail.only("aws_kms_key")


def test_the_bucket_blocks_public_access_and_acls(trail: Stack, bucket: Resource) -> None:
    [block] = trail.pointing_to("aws_s3_bucket_public_access_block", "bucket", bucket)
    [ownership] = trail.pointing_to("aws_s3_bucket_ownership_controls", "bucket", bucket)

    for switch in (
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    ):
        assert block[switch] is True, switch
    assert ownership["rule"] == {"object_ownership": "BucketOwnerEnforced"}


def test_log_files_expire_as_configured_after_a_transition_to_cheaper_storage(
    trail: Stack, bucket: Resource, settings: Settings
) -> None:
    [lifecycle] = trail.pointing_to("aws_s3_bucket_lifecycle_configuration", "bucket", bucket)
    [rule] = lifecycle["rule"]
    days = settings.retention.bucket_days
    transitions = rule.get("transition", [])

    assert rule["status"] == "Enabled"
    assert rule["filter"] == [{"prefix": ""}]
    assert rule["expiration"] == [{"days": days}]
    assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": 90}]
    assert rule["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 7}]
    # S3 rejects a transition on the day of the expiration.
    assert transitions == [{"days": 90, "storage_class": "STANDARD_IA"}] * (days > 90)


def test_terraform_cannot_destroy_a_bucket_with_files(bucket: Resource) -> None:
    assert bucket.arguments.get("force_destroy", False) is False


def test_the_trail_depends_on_the_delegation_to_the_security_account(
    trail: Stack, settings: Settings
) -> None:
    accounts = settings.accounts
    delegations = trail.resources("aws_cloudtrail_organization_delegated_admin_account")
    needs = trail.only("aws_cloudtrail")["depends_on"]

    assert [one["account_id"] for one in delegations] == [accounts.security] * (
        accounts.security != accounts.management
    )
    assert {one.address for one in delegations} <= set(needs)
    assert all(trail.account(one) == accounts.management for one in delegations)


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

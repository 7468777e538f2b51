"""The organization trail, its bucket and its log group."""

from config.settings import Settings
from tests.synth.terraform_json import Resource, Stack


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

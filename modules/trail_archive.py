"""The log archive account's part of the trail: a bucket and the key that encrypts it.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
"""

from typing import Any

from constructs import Construct

from config.settings import Settings
from modules import aws
from modules.naming import Names
from modules.policy_document import Statement, administer_key, deny_plain_http, policy_document

CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
INFREQUENT_ACCESS_DAYS = 90  # after it, a trail's files are read in investigations only
MULTIPART_DAYS = 7


class TrailArchive(Construct):
    """`bucket` and `key` exist, and `policy` lets CloudTrail write, before a trail is created."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._in_log_archive: dict[str, Any] = {"provider": provider}
        self.key = self._create_key()
        self.bucket = self._create_bucket()
        self._protect_bucket()
        self._expire_objects()
        self.policy = aws.S3BucketPolicy(
            self,
            "policy",
            bucket=self.bucket.id,
            policy=policy_document(self._bucket_statements()),
            **self._in_log_archive,
        )

    def _create_key(self) -> aws.KmsKey:
        key = aws.KmsKey(
            self,
            "key",
            description="Encrypts the organization trail's log files.",
            enable_key_rotation=True,
            policy=policy_document(self._key_statements()),
            **self._in_log_archive,
        )
        aws.KmsAlias(
            self,
            "key_alias",
            name=self._names.trail_key_alias,
            target_key_id=key.key_id,
            **self._in_log_archive,
        )
        return key

    def _create_bucket(self) -> aws.S3Bucket:
        return aws.S3Bucket(self, "bucket", bucket=self._names.trail_bucket, **self._in_log_archive)

    def _protect_bucket(self) -> None:
        bucket = self.bucket.id
        by_default = (
            aws.S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                sse_algorithm="aws:kms", kms_master_key_id=self.key.arn
            )
        )
        aws.S3BucketVersioningA(
            self,
            "versioning",
            bucket=bucket,
            versioning_configuration={"status": "Enabled"},
            **self._in_log_archive,
        )
        aws.S3BucketServerSideEncryptionConfigurationA(
            self,
            "encryption",
            bucket=bucket,
            rule=[
                aws.S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True
                )
            ],
            **self._in_log_archive,
        )
        aws.S3BucketPublicAccessBlock(
            self,
            "public_access_block",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            **self._in_log_archive,
        )
        aws.S3BucketOwnershipControls(
            self,
            "ownership",
            bucket=bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            **self._in_log_archive,
        )

    def _expire_objects(self) -> None:
        aws.S3BucketLifecycleConfiguration(
            self,
            "lifecycle",
            bucket=self.bucket.id,
            rule=[
                aws.S3BucketLifecycleConfigurationRule(
                    id="expire",
                    status="Enabled",
                    filter=[aws.S3BucketLifecycleConfigurationRuleFilter(prefix="")],
                    transition=self._transitions(),
                    expiration=[
                        aws.S3BucketLifecycleConfigurationRuleExpiration(
                            days=self._settings.retention.bucket_days
                        )
                    ],
                    noncurrent_version_expiration=[
                        aws.S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                            noncurrent_days=INFREQUENT_ACCESS_DAYS
                        )
                    ],
                    abort_incomplete_multipart_upload=[
                        aws.S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                            days_after_initiation=MULTIPART_DAYS
                        )
                    ],
                )
            ],
            **self._in_log_archive,
        )

    def _transitions(self) -> list[aws.S3BucketLifecycleConfigurationRuleTransition]:
        """S3 refuses a transition at or after the expiration."""
        if self._settings.retention.bucket_days <= INFREQUENT_ACCESS_DAYS:
            return []
        return [
            aws.S3BucketLifecycleConfigurationRuleTransition(
                days=INFREQUENT_ACCESS_DAYS, storage_class="STANDARD_IA"
            )
        ]

    def _for_this_trail(self) -> dict[str, str]:
        return {"aws:SourceArn": self._names.trail_arn}

    def _bucket_statements(self) -> list[Statement]:
        bucket = f"arn:{self._settings.partition}:s3:::{self._names.trail_bucket}"
        return [
            {
                "Sid": "TrailReadsAcl",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "s3:GetBucketAcl",
                "Resource": bucket,
                "Condition": {"StringEquals": self._for_this_trail()},
            },
            {
                "Sid": "TrailWrites",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "s3:PutObject",
                "Resource": [
                    f"{bucket}/AWSLogs/{self._settings.accounts.management}/*",
                    f"{bucket}/AWSLogs/{self._settings.organization.id}/*",
                ],
                "Condition": {
                    "StringEquals": {
                        **self._for_this_trail(),
                        "s3:x-amz-acl": "bucket-owner-full-control",
                    }
                },
            },
            deny_plain_http("s3:*", [bucket, f"{bucket}/*"]),
        ]

    def _key_statements(self) -> list[Statement]:
        partition, accounts = self._settings.partition, self._settings.accounts
        trails = f"arn:{partition}:cloudtrail:*:{accounts.management}:trail/*"
        return [
            administer_key(partition, accounts.log_archive),
            {
                "Sid": "TrailEncrypts",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "kms:GenerateDataKey*",
                "Resource": "*",
                "Condition": {
                    "StringEquals": self._for_this_trail(),
                    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails},
                },
            },
            {
                "Sid": "TrailUsesBucketKey",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": ["kms:DescribeKey", "kms:Decrypt"],
                "Resource": "*",
                "Condition": {"StringEquals": self._for_this_trail()},
            },
        ]

"""The organization trail's bucket and its key, in the log archive account.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
"""

from constructs import Construct

from modules import aws
from modules.naming import Names
from modules.policies import (
    Statement,
    create_key,
    deny_insecure_transport,
    policy_document,
    protection,
)

CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
INFREQUENT_ACCESS_DAYS = 90  # older log files are read in investigations only
MULTIPART_DAYS = 7


class TrailArchive(Construct):
    """A trail depends on `policy`, which allows CloudTrail to write to `bucket`."""

    def __init__(
        self, scope: Construct, id_: str, *, names: Names, provider: aws.AwsProvider
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._settings = names.settings
        self._provider = provider
        self.key = create_key(
            self,
            "key",
            alias=names.trail_key_alias,
            description="Encrypts the log files of the organization trail.",
            owner_arn=names.account_arn(self._settings.accounts.log_archive),
            statements=self._key_statements(),
            is_protected=self._settings.protect,
            provider=provider,
        )
        self.bucket = aws.S3Bucket(
            self,
            "bucket",
            bucket=names.trail_bucket,
            lifecycle=protection(is_protected=self._settings.protect),
            # Destroyed before the key: no key waits for its deletion while objects need it.
            depends_on=[self.key],
            provider=provider,
        )
        self._protect_bucket()
        self._expire_objects()
        self.policy = aws.S3BucketPolicy(
            self,
            "policy",
            bucket=self.bucket.id,
            policy=policy_document(self._bucket_statements()),
            provider=provider,
        )

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
            provider=self._provider,
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
            provider=self._provider,
        )
        aws.S3BucketPublicAccessBlock(
            self,
            "public_access_block",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            provider=self._provider,
        )
        aws.S3BucketOwnershipControls(
            self,
            "ownership",
            bucket=bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            provider=self._provider,
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
            provider=self._provider,
        )

    def _transitions(self) -> list[aws.S3BucketLifecycleConfigurationRuleTransition]:
        """S3 rejects a transition that is not before the expiration."""
        if self._settings.retention.bucket_days <= INFREQUENT_ACCESS_DAYS:
            return []
        return [
            aws.S3BucketLifecycleConfigurationRuleTransition(
                days=INFREQUENT_ACCESS_DAYS, storage_class="STANDARD_IA"
            )
        ]

    @property
    def _source(self) -> dict[str, str]:
        return {"aws:SourceArn": self._names.trail_arn}

    def _bucket_statements(self) -> list[Statement]:
        bucket = f"arn:{self._settings.partition}:s3:::{self._names.trail_bucket}"
        return [
            {
                "Sid": "AllowCloudTrailAclCheck",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "s3:GetBucketAcl",
                "Resource": bucket,
                "Condition": {"StringEquals": self._source},
            },
            {
                "Sid": "AllowCloudTrailWrite",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "s3:PutObject",
                "Resource": [
                    f"{bucket}/AWSLogs/{self._settings.accounts.management}/*",
                    f"{bucket}/AWSLogs/{self._settings.organization.id}/*",
                ],
                "Condition": {
                    "StringEquals": {
                        **self._source,
                        "s3:x-amz-acl": "bucket-owner-full-control",
                    }
                },
            },
            deny_insecure_transport("s3:*", [bucket, f"{bucket}/*"]),
        ]

    def _key_statements(self) -> list[Statement]:
        management = self._settings.accounts.management
        trails = f"arn:{self._settings.partition}:cloudtrail:*:{management}:trail/*"
        return [
            {
                "Sid": "AllowCloudTrailEncryption",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": "kms:GenerateDataKey*",
                "Resource": "*",
                "Condition": {
                    "StringEquals": self._source,
                    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails},
                },
            },
            {
                "Sid": "AllowCloudTrailBucketKey",
                "Effect": "Allow",
                "Principal": CLOUDTRAIL,
                "Action": ["kms:DescribeKey", "kms:Decrypt"],
                "Resource": "*",
                "Condition": {"StringEquals": self._source},
            },
        ]

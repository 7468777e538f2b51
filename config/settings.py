"""The configuration: complete, valid and immutable."""

from dataclasses import dataclass
from typing import Literal

SIGN_IN_REGION = "us-east-1"
PROJECT_TAG = "project"
OWN_TAG_PREFIX = "rootwatch:"  # of tags that the configuration cannot set
DEPLOYMENT_TAG = f"{OWN_TAG_PREFIX}deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: str
    targets: tuple[str, ...]  # IDs of roots and organizational units
    excluded_accounts: tuple[str, ...]  # below the targets, without member access


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The IDs of the designated accounts. One account can have several roles."""

    management: str
    log_archive: str
    security: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    emails: tuple[str, ...]
    low_priority_emails: tuple[str, ...]
    runbook_base_url: str | None  # of the published folder detections/


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionOverride:
    """Changes of one detection; None keeps the value of its rule."""

    detection: str  # name
    enabled: bool
    level: str | None
    priority: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionChoice:
    packs: tuple[str, ...]
    overrides: tuple[DetectionOverride, ...]  # sorted by detection


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    log_group_days: int
    bucket_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The organization trail: one that Rootwatch creates, or an existing one."""

    managed: bool  # by Rootwatch
    name: str
    log_group: str  # in the security account
    bucket: str  # in the log archive account


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSet:
    retain_stacks_on_account_removal: bool
    failure_tolerance_percentage: int
    max_concurrent_percentage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHub:
    managed: bool  # by Rootwatch; otherwise the other fields do not apply
    configuration: Literal["central", "local"]
    linked_regions: Literal["all", "none"] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalState:
    """Terraform state in files in the project folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3State:
    """Terraform state in a bucket, encrypted and locked."""

    bucket: str
    region: str
    key_prefix: str
    kms_key_id: str | None  # None: the bucket's default encryption


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    partition: str
    home_region: str
    organization: Organization
    accounts: Accounts
    deployment_role: str  # a role's name, not its ARN
    notifications: Notifications
    detections: DetectionChoice
    name_prefix: str
    tags: tuple[tuple[str, str], ...]  # of the configuration, sorted by key
    protect: bool  # from deletion: the trail's bucket, key and log group, and the table
    trail: Trail
    stack_set: StackSet
    retention: Retention
    security_hub: SecurityHub
    state: LocalState | S3State

    @property
    def deployment(self) -> str:
        """Unique: the organization, and the prefix of the names in it."""
        return f"{self.organization.id}/{self.name_prefix}"

    @property
    def all_tags(self) -> dict[str, str]:
        """Of each resource: those of the configuration, and those that show whose it is."""
        own = {PROJECT_TAG: self.name_prefix, DEPLOYMENT_TAG: self.deployment}
        return {**dict(self.tags), **own}

    @property
    def sign_in_region(self) -> str:
        """The Region that records root sign-ins, whatever Region the console shows.

        In GovCloud, the root user cannot sign in to the console. For China, the Region is not
        confirmed. In both partitions, EventBridge sends no events to another Region.
        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
        """
        return SIGN_IN_REGION if self.partition == "aws" else self.home_region

    @property
    def placeholders(self) -> dict[str, str]:
        """The values of %name% in the rules of detections, by name."""
        return {
            "partition": self.partition,
            "home_region": self.home_region,
            "name_prefix": self.name_prefix,
            "management_account": self.accounts.management,
            "log_archive_account": self.accounts.log_archive,
            "security_account": self.accounts.security,
            "trail_name": self.trail.name,
            "trail_log_group": self.trail.log_group,
            "trail_bucket": self.trail.bucket,
        }

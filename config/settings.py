"""The configuration as the rest of the code sees it: complete, checked and immutable."""

from dataclasses import dataclass
from typing import Literal

SIGN_IN_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: str
    targets: tuple[str, ...]  # ids of roots and organizational units
    excluded_accounts: tuple[str, ...]  # below the targets, but without member access


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Twelve-digit account ids; one account may play several parts."""

    management: str
    log_archive: str
    security: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    emails: tuple[str, ...]
    low_priority_emails: tuple[str, ...]
    runbook_base_url: str | None  # where the folder detections/ is published


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What is to be different with one detection; None leaves it as the rule says."""

    detection: str  # its name
    enabled: bool
    level: str | None
    priority: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionChoice:
    packs: tuple[str, ...]
    overrides: tuple[Override, ...]  # sorted by detection


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    log_group_days: int
    bucket_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The organization trail that is read: Rootwatch's own, or one that exists already."""

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
    managed: bool  # by Rootwatch, rather than elsewhere; if not, the others say nothing
    configuration: Literal["central", "local"]
    linked_regions: Literal["all", "none"] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalState:
    """Terraform state in files beside the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3State:
    """Terraform state in a bucket, always encrypted and locked."""

    bucket: str
    region: str
    key_prefix: str
    kms_key_id: str | None  # None: the bucket's own default key


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
    tags: tuple[tuple[str, str], ...]  # sorted by key
    trail: Trail
    stack_set: StackSet
    retention: Retention
    security_hub: SecurityHub
    state: LocalState | S3State

    @property
    def sign_in_region(self) -> str:
        """Where root's sign-ins are recorded, whichever region the console shows.

        GovCloud has no console for root, China's is unconfirmed, and neither sends events from one
        region to another.
        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
        """
        return SIGN_IN_REGION if self.partition == "aws" else self.home_region

    @property
    def placeholders(self) -> dict[str, str]:
        """What the rules of the detections call %name%, by name."""
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

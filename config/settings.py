"""The configuration as the rest of the code sees it: complete, checked and immutable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: str
    targets: tuple[str, ...]  # ids of roots and organizational units


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
class SecurityHub:
    managed: bool  # by Rootwatch, rather than elsewhere


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
    retention: Retention
    security_hub: SecurityHub
    state: LocalState | S3State

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
        }

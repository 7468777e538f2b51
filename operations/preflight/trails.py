"""Trails as CloudTrail describes them, and those that the management account has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from operations.preflight.access import management
from operations.preflight.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    region: str
    account: str
    name: str

    @classmethod
    def of_arn(cls, arn: str) -> Self:
        _, _, _, region, account, _, name, *_ = arn.split(":")
        return cls(region=region, account=account, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    name: str
    arn: str
    home_region: str
    bucket: str
    log_group: LogGroup | None
    log_role_arn: str | None
    covers_organization: bool
    covers_regions: bool

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        log_group = described.get("CloudWatchLogsLogGroupArn")
        return cls(
            name=described["Name"],
            arn=described["TrailARN"],
            home_region=described["HomeRegion"],
            bucket=described["S3BucketName"],
            log_group=LogGroup.of_arn(log_group) if log_group else None,
            log_role_arn=described.get("CloudWatchLogsRoleArn"),
            covers_organization=described.get("IsOrganizationTrail", False),
            covers_regions=described.get("IsMultiRegionTrail", False),
        )


def trails(facts: Facts) -> tuple[Trail, ...]:
    """The management account owns organization trails, whoever made them."""
    answer = facts.of(management).read("cloudtrail", "DescribeTrails", includeShadowTrails=True)
    found = map(Trail.of, answer["trailList"])
    return tuple(sorted(found, key=lambda trail: trail.arn))


def organization_trails(facts: Facts) -> tuple[Trail, ...]:
    return tuple(trail for trail in facts.of(trails) if trail.covers_organization)


def status(facts: Facts, trail: Trail) -> dict[str, Any]:
    return asked(facts, trail, "GetTrailStatus", Name=trail.arn)


def selectors(facts: Facts, trail: Trail) -> dict[str, Any]:
    return asked(facts, trail, "GetEventSelectors", TrailName=trail.arn)


def asked(facts: Facts, trail: Trail, operation: str, **parameters: Any) -> dict[str, Any]:
    """CloudTrail knows a trail's selectors, status and tags in its home region."""
    account = facts.of(management)
    return account.read("cloudtrail", operation, region=trail.home_region, **parameters)


def config_lines(facts: Facts, trail: Trail, log_group: LogGroup) -> tuple[str, ...]:
    """What the configuration says where this trail is read."""
    settings = facts.settings
    lines = [
        "trail:",
        "  managed: false",
        f"  name: {trail.name}",
        f"  log_group: {log_group.name}",
        f"  bucket: {trail.bucket}",
    ]
    if log_group.region != settings.home_region:
        lines = [f"home_region: {log_group.region}", *lines]
    if log_group.account != settings.accounts.security:
        lines += ["accounts:", f'  security: "{log_group.account}"']
    return tuple(lines)

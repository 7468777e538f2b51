"""An organization trail besides Rootwatch's own: AWS charges the second copy of its events.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-manage-costs.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.preflight.access import management
from operations.preflight.check import Check, has_own_trail
from operations.preflight.deployment import is_own, tags_of
from operations.preflight.log_delivery import give_log_group
from operations.preflight.recording import records_management_events
from operations.preflight.result import Remedy, Result, missing, ok
from operations.preflight.trails import (
    LogGroup,
    Trail,
    config_lines,
    organization_trails,
    selectors,
    status,
)

if TYPE_CHECKING:
    from operations.preflight.facts import Facts


def _second_trail(facts: Facts) -> Result:
    paid = [trail for trail in facts.of(organization_trails) if _is_paid_twice(facts, trail)]
    if not paid:
        return ok("no other organization trail records management events")
    told = ", ".join(f"{trail.name} ({_destination(trail)})" for trail in paid)
    chosen = min(paid, key=lambda trail: trail.log_group is None)
    return missing(f"there is {told}", _read_it(facts, chosen))


def _is_paid_twice(facts: Facts, trail: Trail) -> bool:
    """One that is stopped, or records data events only, is not."""
    if _is_rootwatchs(facts, trail) or not status(facts, trail)["IsLogging"]:
        return False
    return records_management_events(selectors(facts, trail))


def _is_rootwatchs(facts: Facts, trail: Trail) -> bool:
    if trail.arn != facts.names.trail_arn:
        return False
    listed = facts.of(management).listed(
        "cloudtrail", "ListTags", "ResourceTagList", ResourceIdList=[trail.arn]
    )
    return any(is_own(facts.settings, tags_of(one["TagsList"])) for one in listed)


def _destination(trail: Trail) -> str:
    if trail.log_group is None:
        return "no log group"
    return (
        f"log group {trail.log_group.name} in {trail.log_group.account}, {trail.log_group.region}"
    )


def _read_it(facts: Facts, trail: Trail) -> Remedy:
    right = "Rootwatch reads that trail, so that its events are paid for once"
    if trail.log_group is None:
        log_group = _log_group_to_be(facts, trail)
        return Remedy(
            right=f"{right}; it needs a log group in the security account first",
            commands=give_log_group(facts, trail, log_group),
            config=config_lines(facts, trail, log_group),
        )
    if trail.log_group.account == facts.settings.accounts.management:
        right += "; the account of its log group is the security account, and Security Hub's"
        right += " administrator cannot be the management account"
        config = (*config_lines(facts, trail, trail.log_group), "security_hub:", "  managed: false")
        return Remedy(right=right, config=config)
    return Remedy(right=right, config=config_lines(facts, trail, trail.log_group))


def _log_group_to_be(facts: Facts, trail: Trail) -> LogGroup:
    """In the trail's home region, and of whoever changes the trail."""
    return LogGroup(
        region=trail.home_region,
        account=facts.settings.accounts.security,
        name=f"cloudtrail/{trail.name}",
    )


CHECKS = (Check("trail.second", "a trail paid for twice", _second_trail, has_own_trail),)

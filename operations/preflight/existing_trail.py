"""The trail that Rootwatch is to read: is it there, does it record, and is there room for it?"""

from typing import Any

from operations.preflight import access, trails
from operations.preflight.aws_cli import as_json
from operations.preflight.check import Check, reads_another_trail
from operations.preflight.errors import NotLookedAtError
from operations.preflight.facts import Facts
from operations.preflight.log_delivery import give_log_group
from operations.preflight.recording import records, sign_in, with_sign_ins
from operations.preflight.result import Command, Remedy, Result, missing, ok
from operations.preflight.trails import LogGroup, Trail

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
SUBSCRIPTION_FILTERS = 2
METRIC_FILTERS = 100
DELIVERY_ERRORS = ("LatestDeliveryError", "LatestCloudWatchLogsDeliveryError")


def existing(facts: Facts) -> Trail:
    trail = _named(facts)
    if trail is None:
        raise NotLookedAtError(f"there is no trail {facts.settings.trail.name}")
    return trail


def _named(facts: Facts) -> Trail | None:
    name = facts.settings.trail.name
    return next((trail for trail in facts.of(trails.trails) if trail.name == name), None)


def _coverage(facts: Facts) -> Result:
    trail = _named(facts)
    if trail is None:
        return missing(f"there is no trail {facts.settings.trail.name}", _another(facts))
    wanted = {
        "--is-organization-trail": (trail.covers_organization, "no organization trail"),
        "--is-multi-region-trail": (trail.covers_regions, "of one region only"),
    }
    lacking = {option: told for option, (is_so, told) in wanted.items() if not is_so}
    if not lacking:
        return ok(f"{trail.name}, of all accounts and regions")
    command = _at_home(facts, trail, "update-trail", "--name", trail.arn, *lacking)
    right = f"{trail.name} covers every account and region"
    return missing(", ".join(lacking.values()), Remedy(right=right, commands=(command,)))


def _another(facts: Facts) -> Remedy:
    found = facts.of(trails.organization_trails)
    for trail in found:
        if trail.log_group:
            config = trails.config_lines(facts, trail, trail.log_group)
            return Remedy(right="the configuration names a trail that exists", config=config)
    config = ("trail:", "  managed: true")
    return Remedy(right="a trail that exists, or one of Rootwatch's own", config=config)


def _recording(facts: Facts) -> Result:
    trail, settings = facts.of(existing), facts.settings
    found = trails.selectors(facts, trail)
    if records(found, sign_in(settings.partition, settings.accounts.security)):
        return ok("root's sign-ins, among the management events")
    option, complete = with_sign_ins(found)
    words = ("put-event-selectors", "--trail-name", trail.arn, option, as_json(complete))
    right = f"{trail.name} records management events that write, which a root sign-in is one of"
    remedy = Remedy(right=right, commands=(_at_home(facts, trail, *words),))
    return missing("no root sign-ins", remedy)


def _delivery(facts: Facts) -> Result:
    trail = facts.of(existing)
    found = trails.status(facts, trail)
    if not found["IsLogging"]:
        command = _at_home(facts, trail, "start-logging", "--name", trail.arn)
        remedy = Remedy(right=f"{trail.name} logs", commands=(command,))
        return missing("is stopped", remedy)
    errors = [f"{name}: {found[name]}" for name in DELIVERY_ERRORS if found.get(name)]
    if not errors:
        return ok("logs, and its last deliveries went well")
    command = _at_home(facts, trail, "get-trail-status", "--name", trail.arn)
    right = "CloudTrail may write to the bucket, the key and the log group, by their policies"
    return missing(", ".join(errors), Remedy(right=right, commands=(command,)))


def _destination(facts: Facts) -> Result:
    trail, settings, names = facts.of(existing), facts.settings, facts.names
    group = trail.log_group
    if group is None:
        right = f"{trail.name} delivers to a log group in {settings.accounts.security}"
        wanted_group = LogGroup(
            region=trail.home_region,
            account=settings.accounts.security,
            name=names.trail_log_group,
        )
        commands = give_log_group(facts, trail, wanted_group)
        return missing("no log group", Remedy(right=right, commands=commands))
    told = f"log group {group.name} in {group.account}, {group.region}; bucket {trail.bucket}"
    given = (group.name, group.account, group.region, trail.bucket)
    wanted = (
        names.trail_log_group,
        settings.accounts.security,
        settings.home_region,
        names.trail_bucket,
    )
    if given == wanted:
        return ok(told)
    right = "the configuration names what the trail delivers to"
    return missing(told, Remedy(right=right, config=trails.config_lines(facts, trail, group)))


def _log_group(facts: Facts) -> Result:
    name, account = facts.names.trail_log_group, facts.of(access.security)
    group = _described(facts)
    if group is None:
        right = f"the log group that the trail delivers to, in {account.id}, {account.region}"
        words = ("logs", "describe-log-groups", "--log-group-name-prefix", name)
        command = facts.cli.command(account.id, *words, region=account.region)
        return missing(f"{name} does not exist", Remedy(right=right, commands=(command,)))
    if (kind := group.get("logGroupClass", "STANDARD")) != "STANDARD":
        right = "a log group of the class STANDARD: the others have no metric filters"
        return missing(f"is of the class {kind}", Remedy(right=right))
    return _room(facts)


def _described(facts: Facts) -> dict[str, Any] | None:
    name = facts.names.trail_log_group
    listed = facts.of(access.security).listed(
        "logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name
    )
    return next((group for group in listed if group["logGroupName"] == name), None)


def _room(facts: Facts) -> Result:
    """For Rootwatch's filters beside those of others."""
    own = [one.name for one in facts.detections if "metric_filter" in one.evaluated_by]
    metric = _others(facts, "metricFilters", {facts.names.metric_filter(one) for one in own})
    subscription = _others(facts, "subscriptionFilters", {facts.names.importer})
    told = (
        f"{len(subscription)} of {SUBSCRIPTION_FILTERS} subscription filters and {len(metric)} of"
        f" {METRIC_FILTERS} metric filters are of others"
    )
    too_many = subscription if len(subscription) >= SUBSCRIPTION_FILTERS else []
    commands = _deletions(facts, "delete-subscription-filter", too_many)
    if len(metric) + len(own) > METRIC_FILTERS:
        commands += _deletions(facts, "delete-metric-filter", metric)
    if not commands:
        return ok(told)
    right = f"room for one subscription filter and {len(own)} metric filters"
    return missing(told, Remedy(right=right, commands=commands, some_suffice=True))


def _others(facts: Facts, key: str, own: set[str]) -> list[str]:
    operation = f"Describe{key[0].upper()}{key[1:]}"
    listed = facts.of(access.security).listed(
        "logs", operation, key, logGroupName=facts.names.trail_log_group
    )
    return sorted({one["filterName"] for one in listed} - own)


def _deletions(facts: Facts, operation: str, filters: list[str]) -> tuple[Command, ...]:
    account = facts.of(access.security)
    group = ("--log-group-name", facts.names.trail_log_group)
    return tuple(
        facts.cli.command(
            account.id, "logs", operation, *group, "--filter-name", one, region=account.region
        )
        for one in filters
    )


def _at_home(facts: Facts, trail: Trail, *words: str) -> Command:
    """In the trail's own account and region."""
    account = facts.settings.accounts.management
    return facts.cli.command(account, "cloudtrail", *words, region=trail.home_region)


CHECKS = (
    Check("trail.coverage", "the trail that exists", _coverage, reads_another_trail),
    Check("trail.recording", "what it records", _recording, reads_another_trail),
    Check("trail.delivery", "whether it delivers", _delivery, reads_another_trail),
    Check("trail.destination", "where it delivers to", _destination, reads_another_trail),
    Check("trail.log_group", "room in its log group", _log_group, reads_another_trail),
)

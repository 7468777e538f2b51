"""The existing trail that Rootwatch uses, and duplicate organization trails.

AWS charges for the second copy of management events:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-manage-costs.html
"""

from typing import Any

from compiler.cloudwatch import MAX_METRIC_FILTERS
from operations.preflight import trails
from operations.preflight.access import security_account
from operations.preflight.aws import ReadError, SkippedError
from operations.preflight.check import (
    Check,
    CheckContext,
    as_json,
    manages_trail,
    uses_existing_trail,
)
from operations.preflight.result import CheckResult, Command, Remedy, failed, passed, warned
from operations.preflight.terraform import states
from operations.preflight.trails import TrailDescription, TrailLogGroup

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
# The pages differ between 2 and 5, so that Service Quotas decides.
MIN_SUBSCRIPTION_FILTERS = 2
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
MAX_TRAILS = 5
DELIVERY_ERRORS = ("LatestDeliveryError", "LatestCloudWatchLogsDeliveryError")
DESTROY = "ROOTWATCH_CONFIG=former.yaml make destroy STACK=trail"


def existing_trail(context: CheckContext) -> TrailDescription:
    trail = _find_trail(context)
    if trail is None:
        raise SkippedError(f"trail {context.settings.trail.name} does not exist")
    return trail


def _find_trail(context: CheckContext) -> TrailDescription | None:
    name = context.settings.trail.name
    return next((trail for trail in context.cached(trails.trails) if trail.name == name), None)


def _check_coverage(context: CheckContext) -> CheckResult:
    trail = _find_trail(context)
    if trail is None:
        detail = f"trail {context.settings.trail.name} does not exist"
        return failed(detail, _other_trail(context))
    settings = {
        "--is-organization-trail": (trail.is_organization_trail, "not an organization trail"),
        "--is-multi-region-trail": (trail.is_multi_region, "not a multi-Region trail"),
    }
    problems = {option: problem for option, (is_set, problem) in settings.items() if not is_set}
    if not problems:
        return passed(f"{trail.name}, an organization trail for all Regions")
    words = ("update-trail", "--name", trail.arn, *problems)
    effect = f"{trail.name} then logs more accounts or Regions, which AWS charges for."
    command = trails.in_home_region(context, trail, *words, effect=effect)
    expected = f"{trail.name} logs the events of all accounts and Regions"
    return failed(", ".join(problems.values()), Remedy(expected=expected, commands=(command,)))


def _other_trail(context: CheckContext) -> Remedy:
    for trail in context.cached(trails.organization_trails):
        if trail.log_group:
            config = trails.trail_config(context, trail, trail.log_group)
            return Remedy(expected="the name of an existing organization trail", config=config)
    expected = "an existing organization trail, or one that Rootwatch creates"
    return Remedy(expected=expected, config=("trail:", "  managed: true"))


def _check_events(context: CheckContext) -> CheckResult:
    trail, settings = context.cached(existing_trail), context.settings
    selectors = trails.read_selectors(context, trail)
    event = trails.root_sign_in(settings.partition, settings.accounts.security)
    if trails.logs_event(selectors, event):
        return passed("logs root sign-ins")
    option, value = trails.with_management_events(selectors)
    words = ("put-event-selectors", "--trail-name", trail.arn, option, as_json(value))
    effect = f"Replaces the event selectors of {trail.name}: these, with management events."
    command = trails.in_home_region(context, trail, *words, effect=effect)
    expected = f"{trail.name} logs write management events, which include root sign-ins"
    return failed("does not log root sign-ins", Remedy(expected=expected, commands=(command,)))


def _check_delivery(context: CheckContext) -> CheckResult:
    trail = context.cached(existing_trail)
    status = trails.read_status(context, trail)
    if not status["IsLogging"]:
        command = trails.in_home_region(context, trail, "start-logging", "--name", trail.arn)
        return failed("stopped", Remedy(expected="logging is started", commands=(command,)))
    errors = [f"{name}: {status[name]}" for name in DELIVERY_ERRORS if status.get(name)]
    if not errors:
        return passed("logging, without delivery errors")
    command = trails.in_home_region(context, trail, "get-trail-status", "--name", trail.arn)
    expected = (
        "the policies of the bucket, the key and the log delivery role allow CloudTrail to deliver"
    )
    return failed(", ".join(errors), Remedy(expected=expected, commands=(command,)))


def _check_destination(context: CheckContext) -> CheckResult:
    trail, settings, names = context.cached(existing_trail), context.settings, context.names
    security, region = settings.accounts.security, settings.home_region
    group = trail.log_group
    if group is None:
        new_group = TrailLogGroup(
            region=trail.home_region, account=security, name=names.trail_log_group
        )
        remedy = Remedy(
            expected=f"{trail.name} delivers to a log group in {security}",
            commands=trails.add_log_group(context, trail, new_group),
        )
        return failed("no log group", remedy)
    detail = f"{group}; bucket {trail.bucket}"
    configured = TrailLogGroup(region=region, account=security, name=names.trail_log_group)
    if (group, trail.bucket) == (configured, names.trail_bucket):
        return passed(detail)
    expected = f"{configured}; bucket {names.trail_bucket}, as in the configuration"
    config = trails.trail_config(context, trail, group)
    return failed(detail, Remedy(expected=expected, config=config))


def _check_log_group(context: CheckContext) -> CheckResult:
    name, account = context.names.trail_log_group, context.cached(security_account)
    group = _find_log_group(context)
    if group is None:
        words = ("logs", "describe-log-groups", "--log-group-name-prefix", name)
        command = context.cli.command(account.id, *words, region=account.region)
        expected = f"the log group that the trail delivers to, in {account.id}, {account.region}"
        detail = f"log group {name} does not exist"
        return failed(detail, Remedy(expected=expected, commands=(command,)))
    if (log_class := group.get("logGroupClass", "STANDARD")) != "STANDARD":
        expected = "log class STANDARD; the others do not support metric filters"
        return failed(f"log class {log_class}", Remedy(expected=expected))
    return _check_filter_quotas(context)


def _find_log_group(context: CheckContext) -> dict[str, Any] | None:
    name = context.names.trail_log_group
    listed = context.cached(security_account).paginate(
        "logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name
    )
    return next((group for group in listed if group["logGroupName"] == name), None)


def _check_filter_quotas(context: CheckContext) -> CheckResult:
    """It proposes no filter to delete, because the preflight cannot find out which are in use."""
    names = context.names
    own = [one.name for one in context.detections if "metric_filter" in one.evaluated_by]
    metric = _other_filters(context, "metricFilters", {names.metric_filter(one) for one in own})
    subscription = _other_filters(context, "subscriptionFilters", {names.importer})
    quota = context.cached(subscription_filter_quota)
    detail = (
        f"{len(subscription)} other subscription filters of {quota or 'an unknown quota'},"
        f" {len(metric)} other metric filters of {MAX_METRIC_FILTERS}"
    )
    expected = f"capacity for 1 subscription filter and {len(own)} metric filters"
    has_capacity = len(metric) + len(own) <= MAX_METRIC_FILTERS
    if not has_capacity or len(subscription) >= (quota or len(subscription) + 1):
        expected += "; delete unused filters, or request a higher quota"
        return failed(detail, Remedy(expected=expected))
    if quota is None and len(subscription) >= MIN_SUBSCRIPTION_FILTERS:
        expected += "; the deployment fails with LimitExceededException if the quota is used"
        return warned(detail, Remedy(expected=expected))
    return passed(detail)


def subscription_filter_quota(context: CheckContext) -> int | None:
    """Of each log group; None if Service Quotas cannot be read or does not list it.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """
    listed = context.cached(security_account).paginate(
        "service-quotas", "ListServiceQuotas", "Quotas", ServiceCode="logs"
    )
    try:
        quotas = [one for one in listed if "subscription filters" in one["QuotaName"].lower()]
    except ReadError:
        return None
    return int(quotas[0]["Value"]) if len(quotas) == 1 else None


def _other_filters(context: CheckContext, key: str, own: set[str]) -> list[str]:
    operation = f"Describe{key[0].upper()}{key[1:]}"
    listed = context.cached(security_account).paginate(
        "logs", operation, key, logGroupName=context.names.trail_log_group
    )
    return sorted({one["filterName"] for one in listed} - own)


def _check_duplicates(context: CheckContext) -> CheckResult:
    duplicates = [one for one in context.cached(other_trails) if _is_charged(context, one)]
    if not duplicates:
        return passed("no other organization trail logs management events")
    detail = ", ".join(f"{one.name} ({one.log_group or 'no log group'})" for one in duplicates)
    if not context.settings.trail.managed:
        detail = f"{detail}, in addition to {context.settings.trail.name}"
        expected = (
            "one organization trail that logs management events; before you stop one of them,"
            " check who reads its bucket and its log group"
        )
        return warned(detail, Remedy(expected=expected))
    chosen = min(duplicates, key=lambda trail: trail.log_group is None)
    return failed(detail, _use_trail(context, chosen))


def other_trails(context: CheckContext) -> tuple[TrailDescription, ...]:
    """Organization trails that Rootwatch neither creates nor uses."""
    known = {trail.arn for trail in context.cached(trails.rootwatch_trails)}
    if not context.settings.trail.managed:
        known.add(context.cached(existing_trail).arn)
    found = context.cached(trails.organization_trails)
    return tuple(trail for trail in found if trail.arn not in known)


def _is_charged(context: CheckContext, trail: TrailDescription) -> bool:
    """A stopped trail, and one for data events only, is not a duplicate."""
    if not trails.read_status(context, trail)["IsLogging"]:
        return False
    return trails.logs_management_events(trails.read_selectors(context, trail))


def _use_trail(context: CheckContext, trail: TrailDescription) -> Remedy:
    expected = "Rootwatch uses the existing trail, so that AWS charges for its events once"
    settings, group = context.settings, trail.log_group
    if group is None:
        account, name = settings.accounts.security, f"cloudtrail/{trail.name}"
        group = TrailLogGroup(region=trail.home_region, account=account, name=name)
        return Remedy(
            expected=f"{expected}; it requires a log group in the security account",
            commands=trails.add_log_group(context, trail, group),
            config=trails.trail_config(context, trail, group),
        )
    config = trails.trail_config(context, trail, group)
    if group.account == settings.accounts.management:
        expected += "; the account of its log group becomes the security account, and the"
        expected += " management account cannot be the Security Hub administrator"
        config = (*config, "security_hub:", "  managed: false")
    return Remedy(expected=expected, config=config)


def _check_former_trail(context: CheckContext) -> CheckResult:
    """With trail.managed: false, the stack `trail` is not synthesized and cannot be destroyed."""
    name = context.settings.trail.name
    former = [trail.name for trail in context.cached(trails.rootwatch_trails) if trail.name != name]
    if former:
        return failed(f"{', '.join(former)} still exists", _destroy_stack())
    state = context.cached(states)["trail"]
    if state and state.resources and not state.contains("aws_cloudtrail", name):
        return failed("the stack trail is still deployed", _destroy_stack())
    return passed("none")


def _destroy_stack() -> Remedy:
    expected = (
        "the stack trail is destroyed with the configuration that created it (former.yaml, with"
        " trail.managed: true), after its bucket is emptied as in docs/operating.md; `make deploy`"
        " and `make destroy` with the new configuration do not change this stack"
    )
    effect = "Deletes the former trail, its log group and its bucket: they receive no more events."
    return Remedy(expected=expected, commands=(Command(None, DESTROY, effect),))


def _check_quota(context: CheckContext) -> CheckResult:
    """The management account owns the trail, also one that an administrator creates."""
    others = [one for one in context.cached(trails.trails) if one.arn != context.names.trail_arn]
    detail = f"{len(others)} other trails of {MAX_TRAILS} in {context.settings.home_region}"
    if len(others) < MAX_TRAILS:
        return passed(detail)
    expected = (
        f"capacity for 1 trail; the quota of {MAX_TRAILS} cannot be increased. Use an existing"
        " organization trail (docs/deploying.md)"
    )
    return failed(detail, Remedy(expected=expected))


CHECKS = (
    Check("trail.duplicate", "duplicate organization trail", _check_duplicates),
    Check("trail.quota", "number of trails", _check_quota, manages_trail),
    Check("trail.former", "former trail of Rootwatch", _check_former_trail, uses_existing_trail),
    Check("trail.coverage", "existing trail", _check_coverage, uses_existing_trail),
    Check("trail.events", "events of the existing trail", _check_events, uses_existing_trail),
    Check("trail.delivery", "delivery of the existing trail", _check_delivery, uses_existing_trail),
    Check(
        "trail.destination",
        "destination of the existing trail",
        _check_destination,
        uses_existing_trail,
    ),
    Check("trail.log_group", "quotas of its log group", _check_log_group, uses_existing_trail),
)

"""The documented rates of AWS's control-plane APIs, for each account and Region.

Where AWS publishes no rate, the sandbox assumes one. Data-plane operations such as Publish,
PutEvents, SendMessage and PutItem have rates that the sandbox cannot reach.
"""

from collections.abc import Iterable
from dataclasses import dataclass

READS = ("Get", "Describe", "List", "Lookup")


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: `burst` calls at once, refilled at this rate.

    Operations with one `group` share the bucket; without a group, each has its own.
    """

    per_second: float
    burst: int
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """The error of a throttled call."""

    code: str
    status: int
    message: str = "Rate exceeded"


def _each(per_second: int, operations: Iterable[str]) -> dict[str, Quota]:
    quota = Quota(per_second, per_second)
    return dict.fromkeys(operations, quota)


# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
_CLOUDTRAIL_READS = Quota(10, 10)
_CLOUDTRAIL = Quota(1, 1)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests
_LAMBDA = Quota(15, 15, "control plane")
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_EVENTS = Quota(50, 50)
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/Welcome.html
_SECURITY_HUB = Quota(10, 30)
# IAM, STS and Organizations throttle with token buckets, whose rates are unpublished: assumed.
# https://aws.amazon.com/blogs/security/how-to-monitor-and-query-iam-resources-at-scale-part-2/
_IAM_READS = Quota(20, 100, "reads")
_IAM = Quota(5, 20, "changes")
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
_ORGANIZATIONS_READS = Quota(8, 15)
_ORGANIZATIONS = Quota(1, 5)

_OPERATIONS: dict[str, dict[str, Quota]] = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
    "cloudwatch": {
        **_each(3, ("PutMetricAlarm", "DeleteAlarms", "SetAlarmState", "DescribeAlarmHistory")),
        **_each(9, ("DescribeAlarms", "DescribeAlarmsForMetric")),
        **_each(10, ("PutDashboard", "GetDashboard", "ListDashboards", "DeleteDashboards")),
    },
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    "logs": {
        **_each(5, ("PutMetricFilter", "DeleteMetricFilter", "DescribeMetricFilters")),
        **_each(5, ("PutSubscriptionFilter", "DeleteSubscriptionFilter")),
        **_each(5, ("DescribeSubscriptionFilters", "TestMetricFilter", "FilterLogEvents")),
        **_each(10, ("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups")),
        **_each(50, ("CreateLogStream",)),
        **_each(25, ("DescribeLogStreams",)),
    },
    "lambda": {**_each(100, ("GetFunction",)), **_each(15, ("GetPolicy",))},
    "securityhub": {
        "BatchEnableStandards": Quota(1, 1),
        "GetFindings": Quota(3, 6),
        "UpdateStandardsControl": Quota(1, 5),
    },
    # https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html and the pages of the others
    "sns": {
        **_each(100, ("Subscribe", "Unsubscribe")),
        **_each(30, ("ListSubscriptions", "ListSubscriptionsByTopic", "ListTopics")),
        **_each(10, ("TagResource", "UntagResource", "ListTagsForResource")),
    },
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    "sts": {"AssumeRole": Quota(600, 600)},
}
_UNLIMITED = {"lambda": ("Invoke", "InvokeAsync"), "events": ("PutEvents",)}

_THROTTLED = Throttle("ThrottlingException", 400)
_QUERY = Throttle("Throttling", 400)
_ERRORS = {
    "cloudwatch": _QUERY,
    "iam": _QUERY,
    "sns": _QUERY,
    "sts": _QUERY,
    "lambda": Throttle("TooManyRequestsException", 429),
    "securityhub": Throttle("TooManyRequestsException", 429),
    "organizations": Throttle(
        "TooManyRequestsException",
        400,
        "You have sent too many requests in too short a period of time. The quota helps protect "
        "against denial-of-service attacks. Try again later.",
    ),
}


def quota_of(service: str, operation: str) -> Quota | None:
    """By the service's IAM prefix; None where no rate is documented or assumed."""
    if operation in _UNLIMITED.get(service, ()):
        return None
    named = _OPERATIONS.get(service, {}).get(operation)
    return named or _default(service, is_read=operation.startswith(READS))


def _default(service: str, *, is_read: bool) -> Quota | None:
    return {
        "cloudtrail": _CLOUDTRAIL_READS if is_read else _CLOUDTRAIL,
        "events": _EVENTS,
        "iam": _IAM_READS if is_read else _IAM,
        "lambda": _LAMBDA,
        "organizations": _ORGANIZATIONS_READS if is_read else _ORGANIZATIONS,
        "securityhub": _SECURITY_HUB,
    }.get(service)


def error_of(service: str) -> Throttle:
    return _ERRORS.get(service, _THROTTLED)

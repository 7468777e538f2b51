"""The checks of metric filters and subscription filters.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

import functools
import json
from typing import Any

from moto.logs.exceptions import InvalidParameterException, LimitExceededException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from sandbox.iam.authorization import authorize_service
from sandbox.iam.resources import invoke_access
from sandbox.logs.filter_pattern import FilterPattern, FilterPatternError, parse
from sandbox.logs.filter_pattern.nodes import And, Expression, Or, RegexValue, ValueComparison
from sandbox.organizations.organization import PARTITION

SERVICE = "logs.amazonaws.com"
# Quotas of a log group; metric and subscription filters share the one for patterns with a regex.
MAX_METRIC_FILTERS = 100
MAX_SUBSCRIPTION_FILTERS = 2
MAX_REGEX_PATTERNS = 5
MAX_TEST_MESSAGES = 50  # for each call of TestMetricFilter


def matches(pattern: str, message: str) -> bool:
    parsed = _parsed(pattern)
    return parsed is None or parsed.matches(message)


@functools.lru_cache(maxsize=256)
def _parsed(pattern: str) -> FilterPattern | None:
    """None for the empty pattern, which matches every message. Raises FilterPatternError."""
    return parse(pattern) if pattern.strip() else None


def _check_pattern(pattern: str) -> None:
    try:
        _parsed(pattern)
    except FilterPatternError as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error.reason}") from error


def _check_quotas(same_kind: dict[str, str], maximum: int, other_kind: dict[str, str]) -> None:
    """The patterns of a log group by the name of their filter.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    with_regex = sum(map(_has_regex, [*same_kind.values(), *other_kind.values()]))
    if len(same_kind) > maximum or with_regex > MAX_REGEX_PATTERNS:
        raise LimitExceededException


def _has_regex(pattern: str) -> bool:
    parsed = _parsed(pattern)
    return parsed is not None and _compares_with_regex(parsed.expression)


def _compares_with_regex(expression: Expression) -> bool:
    match expression:
        case And(operands) | Or(operands):
            return any(map(_compares_with_regex, operands))
        case ValueComparison(value=RegexValue()):
            return True
    return False


def _metric_patterns(backend: LogsBackend, group: str) -> dict[str, str]:
    filters = backend.describe_metric_filters(log_group_name=group)
    return {one["filterName"]: one["filterPattern"] for one in filters}


def _subscription_patterns(backend: LogsBackend, group: str) -> dict[str, str]:
    return {one.name: one.filter_pattern for one in backend.describe_subscription_filters(group)}


def put_metric_filter(
    backend: LogsBackend,
    filter_name: str,
    filter_pattern: str,
    log_group_name: str,
    metric_transformations: Any,  # moto's annotation says str
) -> None:
    backend.ensure_log_group(log_group_name)
    _check_pattern(filter_pattern)
    _check_transformation(metric_transformations[0])
    patterns = _metric_patterns(backend, log_group_name) | {filter_name: filter_pattern}
    _check_quotas(patterns, MAX_METRIC_FILTERS, _subscription_patterns(backend, log_group_name))
    backend.delete_metric_filter(filter_name, log_group_name)
    backend.filters.add_filter(filter_name, filter_pattern, log_group_name, metric_transformations)


def _check_transformation(transformation: dict[str, Any]) -> None:
    if transformation.get("dimensions") and transformation.get("defaultValue") is not None:
        raise InvalidParameterException(
            "Invalid metric transformation: dimensions and default value are mutually exclusive."
        )


def put_subscription_filter(
    backend: LogsBackend,
    log_group_name: str,
    filter_name: str,
    filter_pattern: str,
    destination_arn: str,
    role_arn: str,
) -> None:
    patterns = _subscription_patterns(backend, log_group_name) | {filter_name: filter_pattern}
    _check_pattern(filter_pattern)
    _check_quotas(patterns, MAX_SUBSCRIPTION_FILTERS, _metric_patterns(backend, log_group_name))
    _check_destination(backend, log_group_name, destination_arn)
    group = backend.groups[log_group_name]
    existing = group.subscription_filters.get(filter_name)
    if existing:  # moto would count it twice
        existing.update(filter_pattern, destination_arn, role_arn)
    else:
        group.put_subscription_filter(filter_name, filter_pattern, destination_arn, role_arn)


def _check_destination(backend: LogsBackend, log_group_name: str, destination_arn: str) -> None:
    if not destination_arn.startswith(f"arn:{PARTITION}:lambda:"):
        raise InvalidParameterException(
            f"destinationArn: got {destination_arn}, the sandbox supports Lambda functions only"
        )
    account, region = backend.account_id, backend.region_name
    if destination_arn.split(":")[4] != account:
        raise InvalidParameterException(
            "destinationArn for vendor lambda cannot be used with another account"
        )
    source = f"{backend.groups[log_group_name].arn}:*"
    access = invoke_access(destination_arn, {})
    context = {"aws:SourceArn": source, "aws:SourceAccount": account, "aws:RequestedRegion": region}
    if not authorize_service(SERVICE, access, context).allowed:
        raise InvalidParameterException(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
            "permission to execute your function."
        )


def test_metric_filter(response: LogsResponse) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html."""
    request = json.loads(response.body)
    messages = request["logEventMessages"]
    if not 1 <= len(messages) <= MAX_TEST_MESSAGES:
        raise InvalidParameterException(
            f"logEventMessages: got {len(messages)}, expected 1 to {MAX_TEST_MESSAGES}"
        )
    pattern = request["filterPattern"]
    _check_pattern(pattern)
    matching = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
        for number, message in enumerate(messages, start=1)
        if matches(pattern, message)
    ]
    return json.dumps({"matches": matching})

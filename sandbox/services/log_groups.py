"""CloudWatch Logs in the sandbox: filters that are checked when set and act on every event.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow
from moto.logs.exceptions import InvalidParameterException, LimitExceededException
from moto.logs.models import LogsBackend, LogStream, SubscriptionFilter
from moto.logs.responses import LogsResponse

from sandbox.authority import authorize_service
from sandbox.filter_pattern import FilterPatternError, parse
from sandbox.resources import invoke_access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.services.functions import Functions

SERVICE = "logs.amazonaws.com"
METRIC_FILTERS = 100  # a log group
SUBSCRIPTION_FILTERS = 2  # a log group
TEST_MESSAGES = 50  # a call of TestMetricFilter


class LogGroups:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._lock = threading.RLock()

    @contextmanager
    def installed(self) -> Iterator[None]:
        replacements: list[tuple[type, str, Any]] = [
            (LogsBackend, "put_metric_filter", _putting_metric_filter()),
            (
                LogsBackend,
                "put_subscription_filter",
                _putting_subscription_filter(LogsBackend.put_subscription_filter),
            ),
            (LogStream, "put_log_events", self._putting_events(LogStream.put_log_events)),
            (LogStream, "_send_log_events", self._sending()),
        ]
        with ExitStack() as stack:
            for owner, name, replacement in replacements:
                stack.enter_context(patch.object(owner, name, replacement))
            stack.enter_context(
                patch.object(LogsResponse, "test_metric_filter", _test_metric_filter, create=True)
            )
            yield

    def _putting_events(self, put_log_events: Any) -> Any:
        @functools.wraps(put_log_events)
        def putting(stream: LogStream, log_events: list[dict[str, Any]]) -> str:
            with self._lock:  # moto's counters are shared by its threads
                token: str = put_log_events(stream, log_events)
            _count(stream, [event["message"] for event in log_events])
            return token

        return putting

    def _sending(self) -> Any:
        def send(
            stream: LogStream,
            service: str,
            destination_arn: str,
            filter_name: str,
            log_events: list[dict[str, Any]],
        ) -> None:
            if service != "lambda":
                raise NotImplementedError(f"subscriptions to {service} are not in the sandbox")
            subscription = stream.log_group.subscription_filters[filter_name]
            matches = _compiled(subscription.filter_pattern)
            matching = [event for event in log_events if matches(event["message"])]
            if matching:
                payload = _payload(stream, filter_name, matching)
                self._functions.invoke_later(destination_arn, payload)

        return send


def _payload(stream: LogStream, filter_name: str, events: list[dict[str, Any]]) -> bytes:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html."""
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": stream.account_id,
        "logGroup": stream.log_group.name,
        "logStream": stream.log_stream_name,
        "subscriptionFilters": [filter_name],
        "logEvents": [{**event, "id": f"{event['id']:056d}"} for event in events],
    }
    packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
    return json.dumps({"awslogs": {"data": packed}}).encode()


def _count(stream: LogStream, messages: list[str]) -> None:
    """A metric filter's value for each match, or its default for a batch without one."""
    from moto.logs.models import logs_backends  # noqa: PLC0415  patched while moto loads it

    filters = logs_backends[stream.account_id][stream.region].describe_metric_filters(
        log_group_name=stream.log_group.name
    )
    for metric_filter in filters:
        matches = _compiled(metric_filter["filterPattern"])
        matched = sum(map(matches, messages))
        transformation = metric_filter["metricTransformations"][0]
        if matched:
            values = [transformation["metricValue"]] * matched
        elif transformation.get("defaultValue") is not None:
            values = [transformation["defaultValue"]]
        else:
            continue
        cloudwatch_backends[stream.account_id][stream.region].put_metric_data(
            transformation["metricNamespace"],
            [
                {
                    "MetricName": transformation["metricName"],
                    "Value": float(value),
                    "Timestamp": utcnow(),
                }
                for value in values
            ],
        )


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    return parse(pattern).matches if pattern.strip() else lambda _message: True


def _check_pattern(pattern: str) -> None:
    try:
        _compiled(pattern)
    except FilterPatternError as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error.reason}") from error


def _putting_metric_filter() -> Any:
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
        others = [
            existing
            for existing in backend.describe_metric_filters(log_group_name=log_group_name)
            if existing["filterName"] != filter_name
        ]
        if len(others) >= METRIC_FILTERS:
            raise LimitExceededException
        backend.delete_metric_filter(filter_name, log_group_name)
        backend.filters.add_filter(
            filter_name, filter_pattern, log_group_name, metric_transformations
        )

    return put_metric_filter


def _check_transformation(transformation: dict[str, Any]) -> None:
    if transformation.get("dimensions") and transformation.get("defaultValue") is not None:
        raise InvalidParameterException(
            "Invalid metric transformation: dimensions and default value are mutually exclusive."
        )


def _putting_subscription_filter(put_subscription_filter: Any) -> Any:
    @functools.wraps(put_subscription_filter)
    def putting(
        backend: LogsBackend,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        destination_arn: str,
        role_arn: str,
    ) -> None:
        _check_pattern(filter_pattern)
        filters: list[SubscriptionFilter] = list(
            backend.describe_subscription_filters(log_group_name)
        )
        others = [existing for existing in filters if existing.name != filter_name]
        if len(others) >= SUBSCRIPTION_FILTERS:
            raise LimitExceededException
        _check_may_invoke(backend, log_group_name, destination_arn)
        for replaced in filters:  # moto counts it as one more
            if replaced.name == filter_name:
                replaced.update(filter_pattern, destination_arn, role_arn)
                return
        put_subscription_filter(
            backend, log_group_name, filter_name, filter_pattern, destination_arn, role_arn
        )

    return putting


def _check_may_invoke(backend: LogsBackend, log_group_name: str, destination_arn: str) -> None:
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


def _test_metric_filter(response: LogsResponse) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html."""
    request = json.loads(response.body)
    messages = request["logEventMessages"]
    if not 1 <= len(messages) <= TEST_MESSAGES:
        raise InvalidParameterException(f"logEventMessages takes 1 to {TEST_MESSAGES} messages")
    _check_pattern(request["filterPattern"])
    matches = _compiled(request["filterPattern"])
    return json.dumps(
        {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
                for number, message in enumerate(messages, start=1)
                if matches(message)
            ]
        }
    )

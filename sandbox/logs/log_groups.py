"""CloudWatch Logs: filters apply to every log event."""

import base64
import gzip
import json
import threading
from collections import defaultdict
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow
from moto.logs.models import LogsBackend, LogStream
from moto.logs.responses import LogsResponse

from sandbox.aws_lambda.functions import Functions
from sandbox.cloudwatch.embedded_metrics import metric_data
from sandbox.logs.filters import (
    matches,
    put_metric_filter,
    put_subscription_filter,
    test_metric_filter,
)
from sandbox.overrides import Override, add, replace, wrap


class LogGroups:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._lock = threading.RLock()

    def overrides(self) -> list[Override]:
        return [
            *replace(
                LogsBackend,
                put_metric_filter=put_metric_filter,
                put_subscription_filter=put_subscription_filter,
            ),
            *add(LogsResponse, test_metric_filter=test_metric_filter),
            *wrap(LogStream, put_log_events=self._put_log_events),
            *replace(LogStream, _send_log_events=self._send_log_events),
        ]

    def _put_log_events(
        self, put_log_events: Any, stream: LogStream, log_events: list[dict[str, Any]]
    ) -> str:
        with self._lock:  # moto's counters are not thread-safe
            token: str = put_log_events(stream, log_events)
        _put_metrics(stream, [event["message"] for event in log_events])
        return token

    def _send_log_events(
        self,
        stream: LogStream,
        *,
        destination_arn: str,
        filter_name: str,
        log_events: list[dict[str, Any]],
        **_service: str,
    ) -> None:
        subscription = stream.log_group.subscription_filters[filter_name]
        pattern = subscription.filter_pattern
        matching = [event for event in log_events if matches(pattern, event["message"])]
        if matching:
            payload = _payload(stream, filter_name, matching)
            self._functions.invoke_later(destination_arn, payload)


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


def _put_metrics(stream: LogStream, messages: list[str]) -> None:
    """The metrics of filters and of the events, with one call for each namespace.

    So the alarms are evaluated once.
    """
    from moto.logs.models import logs_backends  # noqa: PLC0415  overridden when moto imports it

    filters = logs_backends[stream.account_id][stream.region].describe_metric_filters(
        log_group_name=stream.log_group.name
    )
    data = defaultdict(list, metric_data(messages))
    for metric_filter in filters:
        transformation = metric_filter["metricTransformations"][0]
        data[transformation["metricNamespace"]] += [
            {"MetricName": transformation["metricName"], "Value": value, "Timestamp": utcnow()}
            for value in _values(metric_filter["filterPattern"], transformation, messages)
        ]
    cloudwatch = cloudwatch_backends[stream.account_id][stream.region]
    for namespace, values in data.items():
        cloudwatch.put_metric_data(namespace, values)


def _values(pattern: str, transformation: dict[str, Any], messages: list[str]) -> list[float]:
    """The value of a metric filter for each match, or its default for a batch without matches."""
    matched = sum(matches(pattern, message) for message in messages)
    if matched:
        return [float(transformation["metricValue"])] * matched
    default = transformation.get("defaultValue")
    return [] if default is None else [float(default)]

"""CloudWatch Logs: filters apply to every log event."""

import base64
import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.models import LogsBackend, LogStream
from moto.logs.responses import LogsResponse

from sandbox.aws_lambda.functions import Functions
from sandbox.clock import MINUTE_SECONDS, Clock
from sandbox.cloudwatch.embedded_metrics import metric_data
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.logs.filters import (
    matches,
    put_metric_filter,
    put_subscription_filter,
    test_metric_filter,
)
from sandbox.overrides import Override, add, replace, wrap

type LogEvent = Mapping[str, Any]


class LogGroups:
    def __init__(self, functions: Functions, metrics: ServiceMetrics) -> None:
        self._functions = functions
        self._metrics = metrics
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
        account, region, group = stream.account_id, stream.region, stream.log_group.name
        self._metrics.count_log_events(account, region, group, len(log_events))
        _put_metrics(stream, log_events, self._metrics.clock)
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


def _put_metrics(stream: LogStream, events: Sequence[LogEvent], clock: Clock) -> None:
    """The metrics of filters and of the events, with one call for each namespace.

    So the alarms are evaluated once.
    """
    from moto.logs.models import logs_backends  # noqa: PLC0415  overridden when moto imports it

    filters = logs_backends[stream.account_id][stream.region].describe_metric_filters(
        log_group_name=stream.log_group.name
    )
    data = defaultdict(list, metric_data([event["message"] for event in events], clock))
    for metric_filter in filters:
        transformation = metric_filter["metricTransformations"][0]
        data[transformation["metricNamespace"]] += [
            {"MetricName": transformation["metricName"], "Value": value, "Timestamp": when}
            for when, value in _values(metric_filter["filterPattern"], transformation, events)
        ]
    cloudwatch = cloudwatch_backends[stream.account_id][stream.region]
    for namespace, values in data.items():
        cloudwatch.put_metric_data(namespace, values)


def _values(
    pattern: str, transformation: dict[str, Any], events: Sequence[LogEvent]
) -> Iterator[tuple[datetime, float]]:
    """The value for each match, with the time of its log event.

    The default value for each minute that has log events in the batch and no match.
    """
    default = transformation.get("defaultValue")
    for _, minute in groupby(sorted(events, key=_time), key=_minute):
        logged = list(minute)
        matching = [event for event in logged if matches(pattern, event["message"])]
        for event in matching:
            yield _datetime(event), float(transformation["metricValue"])
        if default is not None and not matching:
            yield _datetime(logged[0]), float(default)


def _time(event: LogEvent) -> int:
    """In milliseconds."""
    return int(event["timestamp"])


def _minute(event: LogEvent) -> int:
    return _time(event) // (MINUTE_SECONDS * 1000)


def _datetime(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(_time(event) / 1000, UTC).replace(tzinfo=None)

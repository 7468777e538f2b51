"""CloudWatch in the sandbox: alarms that act on their metric and tell their topic.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from __future__ import annotations

import functools
import json
import logging
import threading
from bisect import bisect_left, insort
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.cloudwatch.models import CloudWatchBackend, MetricAggregatedDatum, cloudwatch_backends
from moto.core.utils import utcnow
from moto.sns.models import sns_backends

from sandbox.authority import authorize_service
from sandbox.resources import publish_accesses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.cloudwatch.models import Alarm, MetricDatumBase

type TimedValue = tuple[datetime, float]

LOG = logging.getLogger(__name__)
SERVICE = "cloudwatch.amazonaws.com"
TICK_SECONDS = 1.0
BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
MISSING_DATA = {
    "notBreaching": "OK",
    "breaching": "ALARM",
    "missing": "INSUFFICIENT_DATA",
    "ignore": None,  # keeps its state
}
ACTIONS = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}


class MetricHistory:
    """A backend's values by metric, in order of time.

    moto has one list of all that was ever put, which only grows: each datum is read from it once.
    """

    def __init__(self) -> None:
        self._read = 0  # of moto's list
        self._values: defaultdict[tuple[str, str], list[TimedValue]] = defaultdict(list)

    def read_on(self, data: list[MetricDatumBase]) -> None:
        new = data[self._read :]
        self._read += len(new)
        for datum in new:
            if not datum.dimensions:  # with dimensions it is another metric
                value = (datum.timestamp.replace(tzinfo=None), _sum(datum))
                insort(self._values[datum.namespace, datum.name], value)

    def values_since(self, namespace: str, name: str, since: datetime) -> list[float]:
        values = self._values[namespace, name]
        return [value for _, value in values[bisect_left(values, since, key=_timestamp) :]]


def _sum(datum: MetricDatumBase) -> float:
    name = "sum" if isinstance(datum, MetricAggregatedDatum) else "value"
    return float(vars(datum)[name])


def _timestamp(value: TimedValue) -> datetime:
    return value[0]


class Alarms:
    """Evaluates every alarm when a metric arrives and once a second.

    Of an alarm's features only those of one metric's sum are known; another one is logged and its
    state left as it is, so that nothing passes by a lenient evaluation.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.RLock()
        self._histories: defaultdict[CloudWatchBackend, MetricHistory] = defaultdict(MetricHistory)
        self.undelivered: list[str] = []  # why an action's message reached nobody

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name, replacing in {
                "put_metric_data": self._putting_data,
                "put_metric_alarm": self._putting_alarm,
            }.items():
                replacement = replacing(getattr(CloudWatchBackend, name))
                stack.enter_context(patch.object(CloudWatchBackend, name, replacement))
            ticker = threading.Thread(target=self._tick, name="alarms", daemon=True)
            ticker.start()
            stack.callback(ticker.join)
            stack.callback(self._stopped.set)
            yield

    def _putting_data(self, put_metric_data: Any) -> Any:
        @functools.wraps(put_metric_data)
        def putting(backend: CloudWatchBackend, *args: Any, **kwargs: Any) -> None:
            put_metric_data(backend, *args, **kwargs)
            self.evaluate(backend)

        return putting

    def _putting_alarm(self, put_metric_alarm: Any) -> Any:
        @functools.wraps(put_metric_alarm)
        def putting(backend: CloudWatchBackend, name: str, **properties: Any) -> Alarm:
            with self._lock:
                replaced = backend.alarms.get(name)
                alarm: Alarm = put_metric_alarm(backend, name, **properties)
                _set_first_state(alarm, replaced)
            if not _is_known(alarm):
                LOG.warning("alarm %s: only one period's Sum of one plain metric is known", name)
            return alarm

        return putting

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            for regions in list(cloudwatch_backends.values()):
                for backend in list(regions.values()):
                    self.evaluate(backend)

    def evaluate(self, backend: CloudWatchBackend) -> None:
        with self._lock:
            history = self._histories[backend]
            history.read_on(backend.metric_data)
            for alarm in filter(_is_known, list(backend.alarms.values())):
                state = _state(history, alarm)
                if state is not None and state != alarm.state_value:
                    self._change(alarm, state)

    def _change(self, alarm: Alarm, state: str) -> None:
        previous = alarm.state_value
        reason = f"Threshold: {alarm.comparison_operator} {alarm.threshold}"
        alarm.update_state(reason, "{}", state)
        if not alarm.actions_enabled:
            return
        for topic_arn in getattr(alarm, ACTIONS[state]) or ():
            self._tell(alarm, topic_arn, previous)

    def _tell(self, alarm: Alarm, topic_arn: str, previous: str) -> None:
        """CloudWatch drops a message that topic or key do not let it send, and tells nobody."""
        _, _, _, region, account, _ = topic_arn.split(":")
        topic = sns_backends[account][region].topics.get(topic_arn)
        if topic is None:
            self.undelivered.append(f"{topic_arn} does not exist")
            return
        source = alarm.alarm_arn
        context = {"aws:SourceArn": source, "aws:SourceAccount": source.split(":")[4]}
        for access in publish_accesses(topic):
            decision = authorize_service(SERVICE, access, context)
            if not decision.allowed:
                self.undelivered.append(decision.reason)
                LOG.warning("alarm %s reaches nobody: %s", alarm.name, decision.reason)
                return
        subject = f'{alarm.state_value}: "{alarm.name}" in {region}'
        topic.publish(_message(alarm, previous), subject=subject)


def _set_first_state(alarm: Alarm, replaced: Alarm | None) -> None:
    """A new alarm has no data yet, an updated one keeps its state; moto lets both be OK.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    if replaced is None:
        alarm.state_value = "INSUFFICIENT_DATA"
        return
    alarm.state_value = replaced.state_value
    alarm.state_reason = replaced.state_reason
    alarm.state_reason_data = replaced.state_reason_data
    alarm.state_updated_timestamp = replaced.state_updated_timestamp
    alarm.history = replaced.history


def _state(history: MetricHistory, alarm: Alarm) -> str | None:
    """Over the window that slides with each evaluation; None where the alarm keeps its state.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
    """
    since = utcnow() - timedelta(seconds=int(alarm.period) * int(alarm.evaluation_periods))
    values = history.values_since(alarm.namespace, alarm.metric_name, since)
    if not values:
        return MISSING_DATA[alarm.treat_missing_data or "missing"]
    breaches = BREACHES[alarm.comparison_operator](sum(values), float(alarm.threshold))
    return "ALARM" if breaches else "OK"


def _is_known(alarm: Alarm) -> bool:
    one_period = {int(alarm.evaluation_periods or 0), int(alarm.datapoints_to_alarm or 1)} == {1}
    plain = not alarm.dimensions and not alarm.unit and bool(alarm.metric_name)
    return one_period and plain and alarm.statistic == "Sum"


def _message(alarm: Alarm, previous: str) -> str:
    """The message of an alarm's state change, as subscribers of its topic read it."""
    arn = alarm.alarm_arn
    changed = alarm.state_updated_timestamp
    document = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": arn.split(":")[4],
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": changed.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": arn.split(":")[3],
        "AlarmArn": arn,
        "OldStateValue": previous,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "Statistic": "SUM",
            "Period": int(alarm.period),
            "EvaluationPeriods": int(alarm.evaluation_periods),
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": float(alarm.threshold),
            "TreatMissingData": alarm.treat_missing_data,
        },
    }
    return json.dumps(document)

"""CloudWatch alarms: they evaluate their metric and publish to their topics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends
from moto.sns.models import sns_backends

from sandbox.clock import Clock
from sandbox.cloudwatch.evaluation import MetricHistory, is_supported, state
from sandbox.conditions import Conditions
from sandbox.iam.authorization import authorize_service
from sandbox.iam.resources import publish_accesses
from sandbox.overrides import Override, wrap

LOG = logging.getLogger(__name__)
SERVICE = "cloudwatch.amazonaws.com"
TICK_SECONDS = 1.0
LAST_MOMENT = timedelta(milliseconds=1)  # of a minute
ACTIONS = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}


class Alarms:
    """Evaluates every alarm once a minute; or when a metric arrives, and once a second.

    An unsupported alarm causes a warning and keeps its state.
    """

    def __init__(
        self, clock: Clock, conditions: Conditions, publish_metrics: Callable[[datetime], None]
    ) -> None:
        """`publish_metrics` receives the time for the metrics of services."""
        self._clock = clock
        self._waits = conditions.alarms_wait
        self._more_periods = conditions.alarm_range_periods
        self._publish_metrics = publish_metrics
        self._stopped = threading.Event()
        self._lock = threading.RLock()
        self._histories: defaultdict[CloudWatchBackend, MetricHistory] = defaultdict(MetricHistory)
        self.undelivered: list[str] = []  # the reasons

    def overrides(self) -> list[Override]:
        return wrap(
            CloudWatchBackend,
            put_metric_data=self._put_metric_data,
            put_metric_alarm=self._put_metric_alarm,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        if self._waits:
            self._clock.each_minute(self._evaluate_minute)
        ticker = threading.Thread(target=self._tick, name="alarms", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            self._stopped.set()
            ticker.join()

    def _put_metric_data(
        self, put_metric_data: Any, backend: CloudWatchBackend, *args: Any, **kwargs: Any
    ) -> None:
        put_metric_data(backend, *args, **kwargs)
        if not self._waits:
            self.evaluate(backend)

    def _put_metric_alarm(
        self, put_metric_alarm: Any, backend: CloudWatchBackend, name: str, **properties: Any
    ) -> Alarm:
        with self._lock:
            replaced = backend.alarms.get(name)
            alarm: Alarm = put_metric_alarm(backend, name, **properties)
            _set_first_state(alarm, replaced)
        if not is_supported(alarm):
            LOG.warning("alarm %s: only a statistic of one metric is supported", name)
        return alarm

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            self._clock.advance()
            if not self._waits:
                self._publish_metrics(self._clock.now())
                self._evaluate_all()

    def _evaluate_minute(self, end: datetime) -> None:
        """The minute that has ended."""
        self._publish_metrics(end - LAST_MOMENT)
        self._evaluate_all(end)

    def _evaluate_all(self, until: datetime | None = None) -> None:
        for regions in list(cloudwatch_backends.values()):
            for backend in list(regions.values()):
                self.evaluate(backend, until)

    def evaluate(self, backend: CloudWatchBackend, until: datetime | None = None) -> None:
        """With the data before `until`, or with the data of the present."""
        with self._lock:
            history, now = self._histories[backend], self._clock.now()
            history.update(backend.metric_data)
            for alarm in filter(is_supported, list(backend.alarms.values())):
                new = state(history, alarm, until, now, self._more_periods)
                if new is not None and new != alarm.state_value:
                    self._change(alarm, new)

    def _change(self, alarm: Alarm, state: str) -> None:
        previous = alarm.state_value
        reason = f"Threshold: {alarm.comparison_operator} {alarm.threshold}"
        alarm.update_state(reason, "{}", state)
        if not alarm.actions_enabled:
            return
        for topic_arn in getattr(alarm, ACTIONS[state]) or ():
            self._publish(alarm, topic_arn, previous)

    def _publish(self, alarm: Alarm, topic_arn: str, previous: str) -> None:
        """CloudWatch drops a message that the topic's policy or key denies, without an error."""
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
                LOG.warning("alarm %s cannot publish: %s", alarm.name, decision.reason)
                return
        subject = f'{alarm.state_value}: "{alarm.name}" in {region}'
        topic.publish(_message(alarm, previous), subject=subject)


def _set_first_state(alarm: Alarm, replaced: Alarm | None) -> None:
    """A new alarm has insufficient data, an updated one keeps its state; in moto both are OK.

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


def _message(alarm: Alarm, previous: str) -> str:
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
            "Statistic": str(alarm.statistic).upper(),
            "Dimensions": [{"value": one.value, "name": one.name} for one in alarm.dimensions],
            "Period": int(alarm.period),
            "EvaluationPeriods": int(alarm.evaluation_periods),
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": float(alarm.threshold),
            "TreatMissingData": alarm.treat_missing_data,
        },
    }
    return json.dumps(document)

"""CloudWatch in the sandbox: the values of a metric, and the state of an alarm over them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from moto.cloudwatch.models import Alarm, Dimension, MetricAggregatedDatum, MetricDatumBase

type MetricKey = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions

BREACHES: Mapping[str, Callable[[float, float], bool]] = {
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
DECISIVE = frozenset({"notBreaching", "breaching"})  # for one period among several, too
STATISTICS: Mapping[str, Callable[[list[Point]], float]] = {
    "Sum": lambda points: sum(point.sum for point in points),
    "Maximum": lambda points: max(point.maximum for point in points),
}


@dataclass(frozen=True, slots=True, order=True)
class Point:
    time: datetime
    sum: float
    maximum: float


class MetricHistory:
    """A backend's values by metric, in order of time.

    moto has one list of all that was ever put, which only grows: each datum is read from it once.
    """

    def __init__(self) -> None:
        self._read = 0  # of moto's list
        self._points: defaultdict[MetricKey, list[Point]] = defaultdict(list)

    def read_on(self, data: list[MetricDatumBase]) -> None:
        new = data[self._read :]
        self._read += len(new)
        for datum in new:
            key = _key(datum.namespace, datum.name, datum.dimensions)
            insort(self._points[key], _point(datum))

    def points(self, key: MetricKey, since: datetime, until: datetime) -> list[Point]:
        """From `since` on and before `until`."""
        points = self._points[key]
        return points[_first(points, since) : _first(points, until)]


def is_known(alarm: Alarm) -> bool:
    """One metric's sum or maximum over periods of which a missing one says something."""
    decisive = alarm.treat_missing_data in DECISIVE or int(alarm.evaluation_periods or 0) == 1
    plain = not alarm.unit and bool(alarm.metric_name) and not alarm.metric_data_queries
    return decisive and plain and alarm.statistic in STATISTICS


def state(history: MetricHistory, alarm: Alarm, now: datetime) -> str | None:
    """Over windows that slide with each evaluation; None where the alarm keeps its state."""
    values = [
        _value(history, alarm, now, period) for period in range(int(alarm.evaluation_periods))
    ]
    treatment = alarm.treat_missing_data or "missing"
    if all(value is None for value in values):
        return MISSING_DATA[treatment]
    breaches = BREACHES[alarm.comparison_operator]
    threshold = float(alarm.threshold)
    bad = [
        treatment == "breaching" if value is None else breaches(value, threshold)
        for value in values
    ]
    needed = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    return "ALARM" if sum(bad) >= needed else "OK"


def _value(history: MetricHistory, alarm: Alarm, now: datetime, period: int) -> float | None:
    """The last period is number 0; it has no end, as a value's time may be a little ahead."""
    length = timedelta(seconds=int(alarm.period))
    until = datetime.max if period == 0 else now - period * length  # noqa: DTZ901  as moto's times
    key = _key(alarm.namespace, alarm.metric_name, alarm.dimensions)
    points = history.points(key, now - (period + 1) * length, until)
    return STATISTICS[alarm.statistic](points) if points else None


def _key(namespace: str, name: str, dimensions: Iterable[Dimension]) -> MetricKey:
    return namespace, name, frozenset((str(one.name), str(one.value)) for one in dimensions)


def _point(datum: MetricDatumBase) -> Point:
    time = datum.timestamp.replace(tzinfo=None)
    if isinstance(datum, MetricAggregatedDatum):
        return Point(time, float(datum.sum), float(datum.max))
    value = float(vars(datum)["value"])
    return Point(time, value, value)


def _first(points: list[Point], since: datetime) -> int:
    return bisect_left(points, since, key=lambda point: point.time)

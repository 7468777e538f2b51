"""The values of a metric, and the state of an alarm.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from moto.cloudwatch.models import Alarm, Dimension, MetricAggregatedDatum, MetricDatumBase

type MetricKey = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions


@dataclass(frozen=True, slots=True, order=True)
class Point:
    time: datetime
    sum: float
    maximum: float


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
    "ignore": None,  # the alarm keeps its state
}
DECISIVE = frozenset({"notBreaching", "breaching"})  # also for one of several periods
STATISTICS: Mapping[str, Callable[[list[Point]], float]] = {
    "Sum": lambda points: sum(point.sum for point in points),
    "Maximum": lambda points: max(point.maximum for point in points),
}


class MetricHistory:
    """The values of a backend by metric, ordered by time.

    moto keeps one list of all data, which only grows; each datum is read once.
    """

    def __init__(self) -> None:
        self._read = 0  # the number of data read from moto's list
        self._points: defaultdict[MetricKey, list[Point]] = defaultdict(list)

    def update(self, data: list[MetricDatumBase]) -> None:
        new = data[self._read :]
        self._read += len(new)
        for datum in new:
            key = _key(datum.namespace, datum.name, datum.dimensions)
            insort(self._points[key], _point(datum))

    def points(self, key: MetricKey, since: datetime, until: datetime) -> list[Point]:
        """From `since`, before `until`."""
        points = self._points[key]
        return points[_first(points, since) : _first(points, until)]


def is_supported(alarm: Alarm) -> bool:
    """The sum or maximum of one metric, with missing data that decides the state."""
    is_decisive = alarm.treat_missing_data in DECISIVE or int(alarm.evaluation_periods or 0) == 1
    is_simple = not alarm.unit and bool(alarm.metric_name) and not alarm.metric_data_queries
    return is_decisive and is_simple and alarm.statistic in STATISTICS


def state(history: MetricHistory, alarm: Alarm, now: datetime) -> str | None:
    """By periods that end now; None if the alarm keeps its state."""
    values = [
        _value(history, alarm, now, period) for period in range(int(alarm.evaluation_periods))
    ]
    treatment = alarm.treat_missing_data or "missing"
    if all(value is None for value in values):
        return MISSING_DATA[treatment]
    breaches = BREACHES[alarm.comparison_operator]
    threshold = float(alarm.threshold)
    breaching = [
        treatment == "breaching" if value is None else breaches(value, threshold)
        for value in values
    ]
    needed = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    return "ALARM" if sum(breaching) >= needed else "OK"


def _value(history: MetricHistory, alarm: Alarm, now: datetime, period: int) -> float | None:
    """Period 0 is the latest; it has no end, as a timestamp may be slightly in the future."""
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

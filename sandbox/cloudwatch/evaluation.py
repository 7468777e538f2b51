"""The values of a metric, and the state of an alarm.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
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
    minimum: float
    count: float


BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
STATISTICS: Mapping[str, Callable[[list[Point]], float]] = {
    "Sum": lambda points: sum(point.sum for point in points),
    "Maximum": lambda points: max(point.maximum for point in points),
    "Minimum": lambda points: min(point.minimum for point in points),
    "SampleCount": lambda points: sum(point.count for point in points),
    "Average": lambda points: (
        sum(point.sum for point in points) / sum(point.count for point in points)
    ),
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
    """A statistic of one metric."""
    is_simple = not alarm.unit and bool(alarm.metric_name) and not alarm.metric_data_queries
    return is_simple and alarm.statistic in STATISTICS


def state(
    history: MetricHistory, alarm: Alarm, until: datetime | None, now: datetime, more_periods: int
) -> str | None:
    """By periods that end `until`, or that include the present; None if the alarm keeps its state.

    AWS retrieves more periods than the alarm evaluates, and does not document how many.
    """
    number = int(alarm.evaluation_periods) + more_periods
    values = [_value(history, alarm, until, now, period) for period in range(number)]
    breaches, threshold = BREACHES[alarm.comparison_operator], float(alarm.threshold)
    return decided(
        [None if value is None else breaches(value, threshold) for value in values],
        evaluated=int(alarm.evaluation_periods),
        needed=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        treatment=alarm.treat_missing_data or "missing",
    )


def decided(
    retrieved: list[bool | None], *, evaluated: int, needed: int, treatment: str
) -> str | None:
    """The state by which datapoints are breaching or missing, the latest first.

    Missing data counts only where fewer datapoints exist than the alarm evaluates.
    """
    existing = [one for one in retrieved if one is not None][:evaluated]
    breaching, missing = sum(existing), evaluated - len(existing)
    if breaching >= needed:
        return "ALARM"
    if not missing or not all(existing) or treatment in {"breaching", "notBreaching"}:
        filled = missing if treatment == "breaching" else 0
        return "ALARM" if breaching + filled >= needed else "OK"
    if treatment == "ignore":
        return None
    if not existing:
        return "INSUFFICIENT_DATA"
    return "ALARM" if any(retrieved[needed - 1 : evaluated]) else "OK"


def _value(
    history: MetricHistory, alarm: Alarm, until: datetime | None, now: datetime, period: int
) -> float | None:
    """Period 0 is the latest; it has no end if `until` is None, as a timestamp may be later."""
    length = timedelta(seconds=int(alarm.period))
    end = (until or now) - period * length
    is_open = until is None and period == 0
    key = _key(alarm.namespace, alarm.metric_name, alarm.dimensions)
    points = history.points(key, end - length, datetime.max if is_open else end)  # noqa: DTZ901  as moto's times
    return STATISTICS[alarm.statistic](points) if points else None


def _key(namespace: str, name: str, dimensions: Iterable[Dimension]) -> MetricKey:
    return namespace, name, frozenset((str(one.name), str(one.value)) for one in dimensions)


def _point(datum: MetricDatumBase) -> Point:
    time = datum.timestamp.replace(tzinfo=None)
    if isinstance(datum, MetricAggregatedDatum):
        count = float(datum.sample_count)
        return Point(time, float(datum.sum), float(datum.max), float(datum.min), count)
    value = float(vars(datum)["value"])
    return Point(time, value, value, value, 1.0)


def _first(points: list[Point], since: datetime) -> int:
    return bisect_left(points, since, key=lambda point: point.time)

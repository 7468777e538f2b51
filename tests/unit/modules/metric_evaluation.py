"""A small model of how CloudWatch evaluates an alarm with datapoints that arrive late.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modules.alarm_conditions import AlarmCondition

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Datapoint:
    """Times in seconds."""

    timestamp: float
    value: float
    available: float  # from when on CloudWatch retrieves it

    @property
    def minute(self) -> int:
        """CloudWatch stores the datapoint under the beginning of its minute."""
        return math.floor(self.timestamp / MINUTE) * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """AWS does not document how many more periods it retrieves than it evaluates.

    Nor whether the last period ends with the current minute or with the last complete one.
    """

    condition: AlarmCondition
    more_periods: int
    includes_current_minute: bool

    def alarm_times(
        self, datapoints: Sequence[Datapoint], begin: float, end: float
    ) -> Iterator[float]:
        """The evaluations in state ALARM: one a minute from `begin`, before `end`."""
        for number in range(math.ceil((end - begin) / MINUTE)):
            now = begin + number * MINUTE
            if self.is_alarm(datapoints, now):
                yield now

    def is_alarm(self, datapoints: Sequence[Datapoint], now: float) -> bool:
        by_minute: defaultdict[int, list[float]] = defaultdict(list)
        for point in datapoints:
            if point.available <= now:
                by_minute[point.minute].append(point.value)
        condition = self.condition
        retrieved = range(condition.evaluated_periods + self.more_periods)
        values = (self._value(by_minute, now, number) for number in retrieved)
        existing = [value for value in values if value is not None][: condition.evaluated_periods]
        missing = condition.evaluated_periods - len(existing)
        breaching = sum(map(self._breaches, existing))
        breaching += missing if condition.missing_data == "breaching" else 0
        return breaching >= condition.breaching_periods

    def _value(self, by_minute: Mapping[int, list[float]], now: float, number: int) -> float | None:
        """Of the period with this number, the latest first."""
        length = self.condition.period_seconds
        until = self._end(now) - number * length
        minutes = range(until - length, until, MINUTE)
        values = [value for minute in minutes for value in by_minute.get(minute, ())]
        if not values:
            return None
        return sum(values) if self.condition.statistic == "Sum" else max(values)

    def _end(self, now: float) -> int:
        rounded = math.ceil if self.includes_current_minute else math.floor
        return rounded(now / MINUTE) * MINUTE

    def _breaches(self, value: float) -> bool:
        if self.condition.comparison == "LessThanThreshold":
            return value < self.condition.threshold
        return value >= self.condition.threshold

    @property
    def seconds(self) -> int:
        """How far an evaluation reaches back, with the current minute."""
        periods = self.condition.evaluated_periods + self.more_periods
        return periods * self.condition.period_seconds + MINUTE

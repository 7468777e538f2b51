"""Each match raises its alarm, however late it arrives, and nothing else does."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.rule_file import MAX_TIMESPAN_HOURS
from modules.alarm_conditions import (
    EVALUATION_MARGIN_SECONDS,
    MAX_DELIVERY_DELAY_SECONDS,
    AlarmCondition,
    any_occurrence,
    level,
    occurrences,
    silence,
)

MINUTE = 60
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
MIN_DELIVERY_DELAY_SECONDS = MINUTE
MAX_METRIC_DELAY_SECONDS = EVALUATION_MARGIN_SECONDS - 2 * MINUTE
LOWEST_VALUE = -(2.0**360)  # that PutMetricData accepts
ONE = occurrences(1, MINUTE, MAX_DELIVERY_DELAY_SECONDS)
COUNT, WITHIN = 5, 5 * MINUTE
SEVERAL = occurrences(COUNT, WITHIN, MAX_DELIVERY_DELAY_SECONDS)

begins = st.floats(0, 3600)
times = st.floats(0, 2 * HOUR)
delivery_delays = st.floats(MIN_DELIVERY_DELAY_SECONDS, MAX_DELIVERY_DELAY_SECONDS)
metric_delays = st.floats(0, MAX_METRIC_DELAY_SECONDS)


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
    """A small model of how CloudWatch evaluates an alarm with datapoints that arrive late.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    AWS does not document how many more periods it retrieves than it evaluates.
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


@dataclass(frozen=True, slots=True)
class Match:
    """An event that matches, and its datapoint."""

    time: float
    delivered: float
    datapoint: Datapoint


@st.composite
def matches(draw: st.DrawFn, at: st.SearchStrategy[float], *, is_delivery_time: bool) -> Match:
    time = draw(at)
    delivered = time + draw(delivery_delays)
    timestamp = delivered if is_delivery_time else time
    return Match(time, delivered, Datapoint(timestamp, 1, delivered + draw(metric_delays)))


@st.composite
def match_lists(draw: st.DrawFn, at: st.SearchStrategy[float], max_size: int) -> list[Match]:
    """All with the same kind of timestamp."""
    one = matches(at, is_delivery_time=draw(st.booleans()))
    return draw(st.lists(one, max_size=max_size))


@st.composite
def forged(draw: st.DrawFn) -> Datapoint:
    """Of PutMetricData, to hide a match."""
    return Datapoint(draw(times), draw(st.floats(LOWEST_VALUE, 0)), draw(times))


def evaluators(condition: AlarmCondition) -> st.SearchStrategy[Evaluator]:
    return st.builds(
        Evaluator,
        condition=st.just(condition),
        more_periods=st.integers(0, 3),
        includes_current_minute=st.booleans(),
    )


def alarm_times(evaluator: Evaluator, datapoints: Sequence[Datapoint], begin: float) -> list[float]:
    return list(evaluator.alarm_times(datapoints, begin - HOUR, begin + 4 * HOUR))


def is_raised(ups: Sequence[float], match: Match) -> bool:
    """By one of the two evaluations after its datapoint is available and its minute complete."""
    available = match.datapoint.available
    return any(available <= up <= available + 2 * MINUTE for up in ups)


@given(match_lists(times, 6), st.lists(forged(), max_size=30), evaluators(ONE), begins)
def test_each_match_raises_the_alarm_and_nothing_else_does(
    found: list[Match], noise: list[Datapoint], evaluator: Evaluator, begin: float
) -> None:
    datapoints = [one.datapoint for one in found]
    ups = alarm_times(evaluator, [*datapoints, *noise], begin)

    assert all(is_raised(ups, one) for one in found)
    for up in ups:
        available = (one for one in datapoints if one.available <= up)
        assert any(up - one.minute <= evaluator.seconds for one in available)


@given(st.lists(forged(), max_size=30), evaluators(ONE), begins)
def test_without_a_match_the_alarm_stays_ok(
    noise: list[Datapoint], evaluator: Evaluator, begin: float
) -> None:
    assert alarm_times(evaluator, noise, begin) == []


@given(st.data(), times, match_lists(times, 6), evaluators(SEVERAL), begins)
def test_a_burst_raises_the_alarm_although_its_events_arrive_apart(
    data: st.DataObject, first: float, others: list[Match], evaluator: Evaluator, begin: float
) -> None:
    one = matches(
        st.floats(first, first + WITHIN), is_delivery_time=data.draw(st.booleans(), "delivery time")
    )
    burst = data.draw(st.lists(one, min_size=COUNT, max_size=COUNT), "burst")
    ups = alarm_times(evaluator, [match.datapoint for match in [*burst, *others]], begin)

    assert is_raised(ups, max(burst, key=lambda match: match.datapoint.available))


@given(match_lists(st.floats(0, 12 * HOUR), 12), evaluators(SEVERAL), begins)
def test_fewer_events_than_the_count_never_raise_the_alarm(
    found: list[Match], evaluator: Evaluator, begin: float
) -> None:
    """Fewer within the period and the delays by which deliveries can bring them together."""
    reach = SEVERAL.period_seconds + MAX_DELIVERY_DELAY_SECONDS
    by_time = sorted(one.time for one in found)
    has_burst = any(
        last - first <= reach for first, last in zip(by_time, by_time[COUNT - 1 :], strict=False)
    )
    ups = list(evaluator.alarm_times([one.datapoint for one in found], begin, begin + 13 * HOUR))

    assert has_burst or ups == []


@pytest.mark.parametrize(
    ("condition", "a_minute_shorter", "within"),
    [
        (ONE, replace(ONE, evaluated_periods=ONE.evaluated_periods - 1), 0),
        (SEVERAL, replace(SEVERAL, period_seconds=SEVERAL.period_seconds - MINUTE), WITHIN),
    ],
    ids=["one", "several"],
)
def test_the_latest_datapoints_need_the_delay_and_the_margin(
    condition: AlarmCondition, a_minute_shorter: AlarmCondition, within: float
) -> None:
    """The worst case passes: the timestamps are those of the events, at the end of a minute."""
    first, begin = MINUTE - 1, MINUTE - 1.1
    events = [first] + [first + within] * (condition.threshold - 1)
    delay = MAX_DELIVERY_DELAY_SECONDS + MAX_METRIC_DELAY_SECONDS
    points = [Datapoint(event, 1, event + delay) for event in events]

    def is_raised_by(condition: AlarmCondition) -> bool:
        evaluator = Evaluator(condition=condition, more_periods=0, includes_current_minute=True)
        return any(evaluator.alarm_times(points, begin, begin + HOUR))

    assert is_raised_by(condition)
    assert not is_raised_by(a_minute_shorter)


def test_one_period_misses_a_match_that_arrives_late() -> None:
    """So did each alarm with a default value of zero."""
    late = Datapoint(0, 1, 10 * MINUTE)
    zeros = [Datapoint(minute * MINUTE, 0, minute * MINUTE) for minute in range(30)]
    one_period = replace(ONE, statistic="Sum", evaluated_periods=1)
    before, now = (
        Evaluator(condition=condition, more_periods=3, includes_current_minute=True)
        for condition in (one_period, ONE)
    )

    assert list(before.alarm_times([late, *zeros], 0, HOUR)) == []
    assert any(now.alarm_times([late], 0, HOUR))


def test_a_negative_value_cancels_a_sum_but_no_maximum() -> None:
    points = [Datapoint(0, 1, 0), Datapoint(1, LOWEST_VALUE, 1)]
    by_sum, by_maximum = (
        Evaluator(condition=condition, more_periods=0, includes_current_minute=True)
        for condition in (replace(ONE, statistic="Sum"), ONE)
    )

    assert not by_sum.is_alarm(points, 30)
    assert by_maximum.is_alarm(points, 30)


@given(st.lists(times, max_size=40), st.integers(0, 3), begins)
def test_silence_is_detected_after_its_time_and_not_before(
    deliveries: list[float], more_periods: int, begin: float
) -> None:
    minutes = 15
    evaluator = Evaluator(
        condition=silence(minutes), more_periods=more_periods, includes_current_minute=False
    )
    points = [Datapoint(one, 1, one + MINUTE) for one in deliveries]
    ups = alarm_times(evaluator, points, begin)
    latest = (minutes + more_periods + 3) * MINUTE

    for previous, following in pairwise(sorted([*deliveries, 4 * HOUR])):
        in_gap = [up for up in ups if previous + 2 * MINUTE < up < following]
        if following - previous > latest:
            assert any(up <= previous + latest for up in in_gap)
        if following - previous <= (minutes - 1) * MINUTE:
            assert in_gap == []


@pytest.mark.parametrize(
    "condition",
    [
        ONE,
        SEVERAL,
        occurrences(2, MAX_TIMESPAN_HOURS * HOUR, MAX_DELIVERY_DELAY_SECONDS),
        level(900),
        silence(15),
    ],
)
def test_cloudwatch_accepts_the_periods_and_evaluates_them_each_minute(
    condition: AlarmCondition,
) -> None:
    """An alarm over more than a day is evaluated once an hour."""
    assert condition.period_seconds % MINUTE == 0
    assert condition.period_seconds * condition.evaluated_periods <= DAY
    assert 1 <= condition.breaching_periods <= condition.evaluated_periods


def test_a_count_of_one_is_any_occurrence() -> None:
    assert any_occurrence(MAX_DELIVERY_DELAY_SECONDS) == ONE
    assert ONE.evaluated_periods == 20
    assert SEVERAL.period_seconds == WITHIN + MAX_DELIVERY_DELAY_SECONDS + EVALUATION_MARGIN_SECONDS

"""The model of the evaluation decides as the sandbox does, against which the system is deployed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from moto.cloudwatch.models import MetricDatum

from modules.alarm_conditions import AlarmCondition, any_occurrence, level, occurrences, silence
from sandbox.cloudwatch.evaluation import MetricHistory, state
from tests.unit.modules.test_alarm_conditions import MINUTE, Datapoint, Evaluator

NAMESPACE, NAME = "Tests", "events"
CONDITIONS = (any_occurrence(900), occurrences(3, 300, 900), level(1), silence(15))

seconds = st.integers(0, 90 * MINUTE)
datapoints = st.builds(Datapoint, seconds, st.integers(-2, 2), seconds)


def is_alarm_in_sandbox(
    condition: AlarmCondition, points: Sequence[Datapoint], now: float, more_periods: int
) -> bool:
    """At the end of a minute."""
    history = MetricHistory()
    history.update([_datum(point) for point in points if point.available <= now])
    alarm: Any = SimpleNamespace(
        namespace=NAMESPACE,
        metric_name=NAME,
        dimensions=[],
        statistic=condition.statistic,
        period=condition.period_seconds,
        evaluation_periods=condition.evaluated_periods,
        datapoints_to_alarm=condition.breaching_periods,
        threshold=condition.threshold,
        comparison_operator=condition.comparison,
        treat_missing_data=condition.missing_data,
    )
    return state(history, alarm, _time(now), _time(now), more_periods) == "ALARM"


def _datum(point: Datapoint) -> MetricDatum:
    return MetricDatum(NAMESPACE, NAME, point.value, [], _time(point.timestamp))


def _time(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)


@given(
    st.lists(datapoints, max_size=30),
    st.sampled_from(CONDITIONS),
    st.integers(0, 3),
    st.integers(0, 120),
)
def test_the_sandbox_decides_as_the_model(
    points: list[Datapoint], condition: AlarmCondition, more_periods: int, minute: int
) -> None:
    model = Evaluator(condition=condition, more_periods=more_periods, includes_current_minute=False)
    now = minute * MINUTE

    in_sandbox = is_alarm_in_sandbox(condition, points, now, more_periods)
    assert in_sandbox is model.is_alarm(points, now)

"""How missing data decides the state of an alarm: the examples of the CloudWatch User Guide.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cloudwatch.evaluation import decided

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
DATAPOINTS = {"0": False, "X": True, "-": None}
OK, ALARM, NO_DATA, KEPT = "OK", "ALARM", "INSUFFICIENT_DATA", None


def states(needed: int, datapoints: str) -> list[str | None]:
    """Of an alarm that evaluates three datapoints, by treatment; the latest is the last."""
    retrieved = [DATAPOINTS[one] for one in reversed(datapoints.split())]
    return [
        decided(retrieved, evaluated=3, needed=needed, treatment=treatment)
        for treatment in TREATMENTS
    ]


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("0 - X - X", [OK, OK, OK, OK]),
        ("- - - - 0", [OK, OK, OK, OK]),
        ("- - - - -", [NO_DATA, KEPT, ALARM, OK]),
        ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("- - X - -", [ALARM, KEPT, ALARM, OK]),
    ],
)
def test_three_of_three_datapoints(datapoints: str, expected: list[str | None]) -> None:
    assert states(3, datapoints) == expected


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 - X - -", [OK, OK, ALARM, OK]),
        ("- - - - 0", [OK, OK, ALARM, OK]),
        ("- - - X -", [ALARM, KEPT, ALARM, OK]),
    ],
)
def test_two_of_three_datapoints(datapoints: str, expected: list[str | None]) -> None:
    assert states(2, datapoints) == expected


@pytest.mark.parametrize("datapoints", ["- - - - X", "- - - X -"])
def test_an_alarm_is_not_raised_prematurely(datapoints: str) -> None:
    """The next datapoint may not be breaching."""
    missing, ignore, *_ = states(3, datapoints)

    assert ALARM not in {missing, ignore}


@given(
    retrieved=st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=8),
    needed=st.integers(1, 8),
    treatment=st.sampled_from(TREATMENTS),
)
def test_enough_datapoints_leave_nothing_to_the_treatment(
    retrieved: list[bool | None], needed: int, treatment: str
) -> None:
    existing = [one for one in retrieved if one is not None]
    evaluated = max(1, len(existing))
    needed = min(needed, evaluated)

    state = decided(retrieved, evaluated=evaluated, needed=needed, treatment=treatment)

    if existing:
        assert state == (ALARM if sum(existing) >= needed else OK)

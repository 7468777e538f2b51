"""The sandbox's clock."""

import itertools
from datetime import UTC, datetime, timedelta

from sandbox.clock import MINUTE_SECONDS, Clock


def whole_minutes(clock: Clock) -> list[datetime]:
    """Those that the clock will announce."""
    minutes: list[datetime] = []
    clock.each_minute(minutes.append)
    return minutes


def test_a_clock_begins_at_real_time() -> None:
    before = datetime.now(UTC).replace(tzinfo=None)

    now = Clock().now()

    assert before <= now <= datetime.now(UTC).replace(tzinfo=None)


def test_a_clock_is_ahead_by_what_it_was_advanced() -> None:
    clock = Clock()
    moment = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

    clock.advance(90)
    clock.advance(3600)

    ahead = clock.of_real_time(moment) - moment
    assert timedelta(seconds=3689) < ahead <= timedelta(seconds=3690)
    assert clock.now() > datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=59)


def test_each_whole_minute_is_announced_once_and_in_order() -> None:
    clock = Clock()
    announced = whole_minutes(clock)
    begin = clock.now()

    for seconds in (20, 0, 300, 40, 0):
        clock.advance(seconds)

    steps = {b - a for a, b in itertools.pairwise(announced)}
    assert len(announced) in {6, 7}
    assert steps == {timedelta(minutes=1)}
    assert begin < announced[0] <= begin + timedelta(minutes=1)
    assert all((one.second, one.microsecond) == (0, 0) for one in announced)
    assert announced[-1] <= clock.now() < announced[-1] + timedelta(minutes=1)


def test_a_listener_sees_the_minute_that_it_is_called_for() -> None:
    clock = Clock()
    seen: list[timedelta] = []
    clock.each_minute(lambda minute: seen.append(clock.now() - minute))

    clock.advance(10 * MINUTE_SECONDS)

    assert len(seen) in {10, 11}
    assert all(timedelta(0) <= late < timedelta(seconds=MINUTE_SECONDS) for late in seen)


def test_the_next_minute_can_be_reached() -> None:
    clock = Clock()
    announced = whole_minutes(clock)

    clock.advance_to_next_minute()
    first = list(announced)
    clock.advance_to_next_minute()

    assert len(first) in {1, 2}
    assert announced[-1] == first[-1] + timedelta(minutes=1)

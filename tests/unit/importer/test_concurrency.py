"""All accounts of an invocation at once: none waits for another, and none begins too late."""

import threading
import time

import pytest

from tests.unit.importer.cloud import Cloud
from tests.unit.importer.doubles import id_of, logs_event, sign_in
from tests.unit.importer.fakes import Faults, client_error

FIRST, SECOND, THIRD = "111111111111", "222222222222", "333333333333"


class TestAccountsApart:
    @pytest.mark.parametrize("bad", [FIRST, SECOND, THIRD])
    def test_an_account_that_fails_keeps_no_other_from_its_findings(self, bad: str) -> None:
        cloud = Cloud()
        cloud.sts.errors[bad] = client_error("Throttling")
        accounts = (FIRST, SECOND, THIRD)

        [delivery], _ = cloud.handle(logs_event(*map(sign_in, accounts)))

        assert cloud.active() == {a: [id_of(a)] for a in accounts if a != bad}
        assert [one.finding.account for one in delivery.jobs] == [bad]
        assert len(cloud.sns.published) == 3

    def test_an_error_that_nobody_foresaw_is_one_accounts_and_its_jobs_are_left(self) -> None:
        cloud = Cloud()
        cloud.hub(SECOND).faults.always = ZeroDivisionError()

        [delivery], _ = cloud.handle(logs_event(*map(sign_in, (FIRST, SECOND, THIRD))))

        assert cloud.active() == {a: [id_of(a)] for a in (FIRST, THIRD)}
        assert [one.finding.account for one in delivery.jobs] == [SECOND]

    def test_as_many_accounts_as_may_are_entered_at_once_and_no_more(self) -> None:
        cloud, accounts = Cloud(accounts_at_once=3), [f"{number:012}" for number in range(9)]
        meeting = Meeting()
        for account in accounts:
            cloud.hub(account).faults = meeting

        cloud.handle(logs_event(*map(sign_in, accounts)))

        assert meeting.most == 3
        assert sorted(cloud.active()) == accounts


class Meeting(Faults):
    """Waits until three call at once, and counts how many do."""

    def __init__(self) -> None:
        super().__init__()
        self.together, self.lock, self.here, self.most = (
            threading.Barrier(3),
            threading.Lock(),
            0,
            0,
        )

    def strike(self) -> None:
        with self.lock:
            self.here += 1
            self.most = max(self.most, self.here)
        self.together.wait(10)
        time.sleep(0.02)  # for a fourth, who must not come
        with self.lock:
            self.here -= 1


class TestTime:
    def test_without_time_nothing_is_begun_and_all_is_left(self) -> None:
        cloud = Cloud()

        event = logs_event(sign_in(FIRST), sign_in(SECOND))
        [delivery], counts = cloud.handle(event, seconds_left=lambda: 44.9)

        assert cloud.journal == []
        assert [one.finding.account for one in delivery.jobs] == [FIRST, SECOND]
        assert (counts["FindingsNotImported"], counts["Requeued"]) == (2, 2)

    def test_what_comes_too_late_is_left_be_it_an_account_or_a_notification(self) -> None:
        cloud, clock = Cloud(accounts_at_once=1), Hourglass(100.0)
        for account in (FIRST, SECOND, THIRD):
            cloud.hub(account).faults = clock

        event = logs_event(*map(sign_in, (FIRST, SECOND, THIRD)))
        [delivery], _ = cloud.handle(event, seconds_left=lambda: clock.left)

        assert sorted(cloud.active()) == [FIRST, SECOND]
        assert len(cloud.sns.published) == 1
        assert [one.finding.account for one in delivery.jobs] == [SECOND, THIRD]


class Hourglass(Faults):
    """Each call takes half a minute."""

    def __init__(self, left: float) -> None:
        super().__init__()
        self.left = left

    def strike(self) -> None:
        self.left -= 30

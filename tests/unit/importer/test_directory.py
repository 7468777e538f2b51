"""What AWS Organizations knows of an account: looked up once, and never waited for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.finding_importer.notifications.directory import GONE, UNKNOWN, Account, Directory
from tests.unit.importer.doubles import OWNER
from tests.unit.importer.fakes import FakeOrganizations, client_error

JOINED = datetime(2025, 3, 4, tzinfo=UTC)
OTHER = "444455556666"


@dataclass
class Clock:
    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def organizations() -> Iterator[FakeOrganizations]:
    fake = FakeOrganizations(
        accounts={OWNER: {"Name": "Payments", "JoinedTimestamp": JOINED}},
        parents={OWNER: "ou-2", "ou-2": "ou-1", "ou-1": "r-exam"},
        units={"ou-1": "Workloads", "ou-2": "Prod"},
    )
    yield fake
    fake.answers.set()  # so that no thread is left behind


def directory(organizations: FakeOrganizations, clock: Clock | None = None) -> Directory:
    made = Directory(organizations, clock or Clock())
    made.begin_invocation()
    return made


def test_an_account_has_a_name_a_status_a_date_and_a_path(organizations: FakeOrganizations) -> None:
    assert directory(organizations).account(OWNER) == Account(
        name="Payments", status="ACTIVE", joined=JOINED, path="Root / Workloads / Prod"
    )


def test_an_account_is_looked_up_once_and_a_unit_once_for_all(
    organizations: FakeOrganizations,
) -> None:
    organizations.parents[OTHER] = "ou-2"
    known = directory(organizations)
    for _ in range(2):
        known.account(OWNER)
        known.account(OTHER)

    assert organizations.calls == [OWNER, OWNER, "ou-2", "ou-2", "ou-1", "ou-1", OTHER, OTHER]


def test_what_is_an_hour_old_is_looked_up_again(organizations: FakeOrganizations) -> None:
    clock = Clock()
    known = directory(organizations, clock)
    known.account(OWNER)
    organizations.accounts[OWNER] = {"Name": "Renamed"}

    clock.seconds += 3600
    assert known.account(OWNER).name == "Payments"
    clock.seconds += 1
    known.begin_invocation()
    assert known.account(OWNER).name == "Renamed"


def test_a_look_up_that_takes_too_long_is_not_waited_for_and_may_serve_later(
    organizations: FakeOrganizations,
) -> None:
    organizations.answers.clear()
    clock = Clock()
    known = directory(organizations, clock)

    clock.seconds += 3
    assert known.account(OWNER) == UNKNOWN
    assert known.account(OTHER) == UNKNOWN
    assert organizations.calls.count(OWNER) <= 1

    organizations.answers.set()
    known.begin_invocation()
    assert known.account(OWNER).name == "Payments"
    assert organizations.calls.count(OWNER) == 2  # itself and its parents, once


def test_all_look_ups_of_an_invocation_share_what_it_may_wait(
    organizations: FakeOrganizations, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    class Slow:
        def done(self) -> bool:
            return False

        def exception(self, timeout: float) -> None:
            waited.append(timeout)
            clock.seconds += timeout
            raise TimeoutError

    clock = Clock()
    known = directory(organizations, clock)
    monkeypatch.setattr(known, "_pool", type("Pool", (), {"submit": lambda *_: Slow()})())
    for number in range(5):
        assert known.account(f"{number:012}") == UNKNOWN

    assert waited == [3.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("TooManyRequestsException"),
        EndpointConnectionError(endpoint_url="https://organizations"),
        KeyError("Account"),
    ],
)
def test_a_failure_is_kept_for_a_minute_only(
    organizations: FakeOrganizations, error: Exception
) -> None:
    organizations.faults.next = [error]
    clock = Clock()
    known = directory(organizations, clock)

    assert known.account(OWNER) == UNKNOWN
    clock.seconds += 60
    assert known.account(OWNER) == UNKNOWN
    clock.seconds += 1
    known.begin_invocation()
    assert known.account(OWNER).name == "Payments"


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_account_whose_path_cannot_be_told_has_none(
    organizations: FakeOrganizations, failing: int
) -> None:
    organizations.faults.next = [*[None] * failing, client_error("AccessDeniedException")]

    assert directory(organizations).account(OWNER) == Account(
        name="Payments", status="ACTIVE", joined=JOINED
    )


def test_a_path_that_could_not_be_told_is_asked_for_again_soon(
    organizations: FakeOrganizations,
) -> None:
    organizations.faults.next = [None, client_error("AccessDeniedException")]
    clock = Clock()
    known = directory(organizations, clock)
    known.account(OWNER)

    clock.seconds += 61
    known.begin_invocation()
    assert known.account(OWNER).path == "Root / Workloads / Prod"


def test_a_unit_that_was_renamed_is_told_by_its_new_name_within_an_hour(
    organizations: FakeOrganizations,
) -> None:
    clock = Clock()
    known = directory(organizations, clock)
    known.account(OWNER)
    organizations.units["ou-2"] = "Live"

    clock.seconds += 3601
    known.begin_invocation()
    assert known.account(OWNER).path == "Root / Workloads / Live"


def test_an_error_that_nobody_foresaw_is_no_answer(organizations: FakeOrganizations) -> None:
    organizations.faults.next = [ZeroDivisionError()]
    clock = Clock()
    known = directory(organizations, clock)

    assert known.account(OWNER) == UNKNOWN
    clock.seconds += 61
    known.begin_invocation()
    assert known.account(OWNER).name == "Payments"


def test_an_account_of_no_organization_is_gone(organizations: FakeOrganizations) -> None:
    organizations.strangers.add(OTHER)

    assert directory(organizations).account(OTHER) == GONE


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"State": "CLOSED", "Status": "SUSPENDED"}, "CLOSED"),
        ({"State": "SUSPENDED", "Status": None}, "SUSPENDED"),
        ({"Status": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({"Status": None}, None),
    ],
)
def test_the_state_is_told_by_its_newer_name_where_there_is_one(
    organizations: FakeOrganizations, told: dict[str, str], status: str | None
) -> None:
    organizations.accounts[OWNER] = told

    assert directory(organizations).account(OWNER).status == status


def test_a_name_is_one_clean_line_or_none(organizations: FakeOrganizations) -> None:
    organizations.accounts[OWNER] = {"Name": "two\nlines\u202e" + "x" * 200}
    organizations.accounts[OTHER] = {"Name": "\n"}
    organizations.units["ou-2"] = "Pr\nod"
    known = directory(organizations)

    assert str(known.account(OWNER).name).startswith("two lines xxx")
    assert len(str(known.account(OWNER).name)) == 128
    assert known.account(OWNER).path == "Root / Workloads / Pr od"
    assert known.account(OTHER).name is None


def test_units_that_hold_each_other_end_somewhere(organizations: FakeOrganizations) -> None:
    organizations.parents["ou-1"] = "ou-2"

    assert str(directory(organizations).account(OWNER).path).startswith("Root / ")


@pytest.mark.parametrize(
    ("joined", "expected"),
    [
        (None, None),
        (JOINED, True),
        (JOINED - timedelta(days=34, hours=23), True),
        (JOINED - timedelta(days=35), False),
    ],
)
def test_an_account_is_new_for_35_days(joined: Any, *, expected: bool | None) -> None:
    assert Account(joined=joined).is_new(at=JOINED) is expected

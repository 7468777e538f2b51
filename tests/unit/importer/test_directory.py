"""Looking up accounts in AWS Organizations, with a cache and a limited wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.finding_importer.notifications.directory import (
    NOT_FOUND,
    UNKNOWN,
    AccountDirectory,
    AccountInfo,
)
from tests.unit.importer.builders import OWNER
from tests.unit.importer.fakes import FakeOrganizations, client_error

JOINED = datetime(2025, 3, 4, tzinfo=UTC)
OTHER = "444455556666"


@dataclass
class MonotonicClock:
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
    fake.available.set()  # ends the waiting threads


def directory(
    organizations: FakeOrganizations, clock: MonotonicClock | None = None
) -> AccountDirectory:
    created = AccountDirectory(organizations, clock or MonotonicClock())
    created.begin_invocation()
    return created


def test_an_account_has_a_name_a_status_a_date_and_a_path(organizations: FakeOrganizations) -> None:
    assert directory(organizations).account(OWNER) == AccountInfo(
        name="Payments", status="ACTIVE", joined=JOINED, path="Root / Workloads / Prod"
    )


def test_accounts_and_units_are_looked_up_once(
    organizations: FakeOrganizations,
) -> None:
    organizations.parents[OTHER] = "ou-2"
    accounts = directory(organizations)
    for _ in range(2):
        accounts.account(OWNER)
        accounts.account(OTHER)

    assert organizations.calls == [OWNER, OWNER, "ou-2", "ou-2", "ou-1", "ou-1", OTHER, OTHER]


def test_an_account_is_looked_up_again_after_an_hour(organizations: FakeOrganizations) -> None:
    clock = MonotonicClock()
    accounts = directory(organizations, clock)
    accounts.account(OWNER)
    organizations.accounts[OWNER] = {"Name": "Renamed"}

    clock.seconds += 3600
    assert accounts.account(OWNER).name == "Payments"
    clock.seconds += 1
    accounts.begin_invocation()
    assert accounts.account(OWNER).name == "Renamed"


def test_a_slow_lookup_is_unknown_and_serves_a_later_invocation(
    organizations: FakeOrganizations,
) -> None:
    organizations.available.clear()
    clock = MonotonicClock()
    accounts = directory(organizations, clock)

    clock.seconds += 3
    assert accounts.account(OWNER) == UNKNOWN
    assert accounts.account(OTHER) == UNKNOWN
    assert organizations.calls.count(OWNER) <= 1

    organizations.available.set()
    accounts.begin_invocation()
    assert accounts.account(OWNER).name == "Payments"
    assert organizations.calls.count(OWNER) == 2  # the account and its parents


def test_all_lookups_of_an_invocation_share_its_maximum_wait(
    organizations: FakeOrganizations, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    class SlowLookup:
        def done(self) -> bool:
            return False

        def exception(self, timeout: float) -> None:
            waited.append(timeout)
            clock.seconds += timeout
            raise TimeoutError

    clock = MonotonicClock()
    accounts = directory(organizations, clock)
    monkeypatch.setattr(accounts, "_pool", type("Pool", (), {"submit": lambda *_: SlowLookup()})())
    for number in range(5):
        assert accounts.account(f"{number:012}") == UNKNOWN

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
def test_a_failure_is_cached_for_a_minute(
    organizations: FakeOrganizations, error: Exception
) -> None:
    organizations.errors.next = [error]
    clock = MonotonicClock()
    accounts = directory(organizations, clock)

    assert accounts.account(OWNER) == UNKNOWN
    clock.seconds += 60
    assert accounts.account(OWNER) == UNKNOWN
    clock.seconds += 1
    accounts.begin_invocation()
    assert accounts.account(OWNER).name == "Payments"


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_account_without_a_path_has_its_other_details(
    organizations: FakeOrganizations, failing: int
) -> None:
    organizations.errors.next = [*[None] * failing, client_error("AccessDeniedException")]

    assert directory(organizations).account(OWNER) == AccountInfo(
        name="Payments", status="ACTIVE", joined=JOINED
    )


def test_a_missing_path_is_looked_up_again_after_a_minute(
    organizations: FakeOrganizations,
) -> None:
    organizations.errors.next = [None, client_error("AccessDeniedException")]
    clock = MonotonicClock()
    accounts = directory(organizations, clock)
    accounts.account(OWNER)

    clock.seconds += 61
    accounts.begin_invocation()
    assert accounts.account(OWNER).path == "Root / Workloads / Prod"


def test_a_renamed_unit_has_its_new_name_after_an_hour(
    organizations: FakeOrganizations,
) -> None:
    clock = MonotonicClock()
    accounts = directory(organizations, clock)
    accounts.account(OWNER)
    organizations.units["ou-2"] = "Live"

    clock.seconds += 3601
    accounts.begin_invocation()
    assert accounts.account(OWNER).path == "Root / Workloads / Live"


def test_an_unexpected_error_is_cached_like_a_failure(organizations: FakeOrganizations) -> None:
    organizations.errors.next = [ZeroDivisionError()]
    clock = MonotonicClock()
    accounts = directory(organizations, clock)

    assert accounts.account(OWNER) == UNKNOWN
    clock.seconds += 61
    accounts.begin_invocation()
    assert accounts.account(OWNER).name == "Payments"


def test_an_account_of_another_organization_is_not_found(organizations: FakeOrganizations) -> None:
    organizations.unknown_accounts.add(OTHER)

    assert directory(organizations).account(OTHER) == NOT_FOUND


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ({"State": "CLOSED", "Status": "SUSPENDED"}, "CLOSED"),
        ({"State": "SUSPENDED", "Status": None}, "SUSPENDED"),
        ({"Status": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({"Status": None}, None),
    ],
)
def test_state_takes_precedence_over_the_retired_status(
    organizations: FakeOrganizations, response: dict[str, str], status: str | None
) -> None:
    organizations.accounts[OWNER] = response

    assert directory(organizations).account(OWNER).status == status


def test_names_are_clean_lines_of_limited_length(organizations: FakeOrganizations) -> None:
    organizations.accounts[OWNER] = {"Name": "two\nlines\u202e" + "x" * 200}
    organizations.accounts[OTHER] = {"Name": "\n"}
    organizations.units["ou-2"] = "Pr\nod"
    accounts = directory(organizations)

    assert str(accounts.account(OWNER).name).startswith("two lines xxx")
    assert len(str(accounts.account(OWNER).name)) == 128
    assert accounts.account(OWNER).path == "Root / Workloads / Pr od"
    assert accounts.account(OTHER).name is None


def test_a_cycle_of_units_ends_at_the_maximum_depth(organizations: FakeOrganizations) -> None:
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
def test_an_account_is_in_its_grace_period_for_35_days(
    joined: Any, *, expected: bool | None
) -> None:
    assert AccountInfo(joined=joined).is_in_grace_period(at=JOINED) is expected

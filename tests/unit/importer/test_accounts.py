"""Assuming the owning account's role: once, until shortly before the credentials expire."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from botocore.parsers import ResponseParserError

from functions.finding_importer.delivery.accounts import OwningAccounts
from functions.finding_importer.errors import AccountAccessError
from functions.finding_importer.findings.refusal import Cause
from tests.unit.importer.doubles import OWNER
from tests.unit.importer.fakes import FakeSts, client_error

START = datetime(2025, 3, 4, tzinfo=UTC)
OTHER = "444455556666"


@dataclass
class Clock:
    time: datetime = START

    def __call__(self) -> datetime:
        return self.time


def entering(sts: FakeSts, clock: Clock) -> OwningAccounts:
    sts.now = clock
    return OwningAccounts(sts, "aws", "rootwatch-member", clock)


def test_the_owning_accounts_role_is_assumed_in_its_partition() -> None:
    sts = FakeSts()

    OwningAccounts(sts, "aws-us-gov", "rootwatch-member").credentials(OWNER)

    assert sts.calls == [
        {
            "RoleArn": "arn:aws-us-gov:iam::111122223333:role/rootwatch-member",
            "RoleSessionName": "rootwatch-finding-importer",
        }
    ]


def test_credentials_are_kept_for_each_account_until_they_nearly_expire() -> None:
    sts, clock = FakeSts(), Clock()
    accounts = entering(sts, clock)
    first = accounts.credentials(OWNER)

    clock.time = START + timedelta(minutes=54, seconds=59)
    assert accounts.credentials(OWNER) is first
    assert accounts.credentials(OTHER).access_key_id == OTHER
    assert len(sts.calls) == 2

    clock.time = START + timedelta(minutes=55)
    renewed = accounts.credentials(OWNER)
    assert renewed.expires == clock.time + timedelta(hours=1)
    assert len(sts.calls) == 3


def test_credentials_that_were_forgotten_are_got_again_and_others_are_kept() -> None:
    sts = FakeSts()
    accounts = entering(sts, Clock())
    for account in (OWNER, OTHER):
        accounts.credentials(account)

    accounts.forget(OWNER)
    accounts.forget("000000000000")
    for account in (OWNER, OTHER):
        accounts.credentials(account)

    assert [call["RoleArn"].split(":")[4] for call in sts.calls] == [OWNER, OTHER, OWNER]


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(entering(FakeSts(), Clock()).credentials(OWNER))

    assert "secret" not in shown
    assert "token" not in shown
    assert "access_key_id='111122223333'" in shown


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (client_error("AccessDenied", "AssumeRole", 403), Cause.ROLE_NOT_ASSUMABLE),
        (client_error("RegionDisabledException", "AssumeRole", 403), Cause.REGION_NOT_ENABLED),
        (client_error("Throttling", "AssumeRole"), Cause.THROTTLED),
        (ResponseParserError("no XML"), Cause.UNKNOWN),
    ],
)
def test_a_role_that_cannot_be_assumed_is_told_with_its_account_and_cause(
    error: Exception, cause: Cause
) -> None:
    accounts = entering(FakeSts(errors={OWNER: error}), Clock())

    with pytest.raises(AccountAccessError, match=f"account {OWNER}: {cause.value}") as caught:
        accounts.credentials(OWNER)

    assert (caught.value.account, caught.value.refusal.cause) == (OWNER, cause)


def test_a_role_that_could_not_be_assumed_is_asked_for_again() -> None:
    sts = FakeSts(errors={OWNER: client_error("AccessDenied")})
    accounts = entering(sts, Clock())
    with pytest.raises(AccountAccessError):
        accounts.credentials(OWNER)
    sts.errors.clear()

    assert accounts.credentials(OWNER).access_key_id == OWNER


def test_threads_get_the_credentials_of_their_own_account() -> None:
    accounts = entering(FakeSts(), Clock())
    numbers = [f"{number:012}" for number in range(50)] * 4

    with ThreadPoolExecutor(8) as pool:
        keys = [one.access_key_id for one in pool.map(accounts.credentials, numbers)]

    assert keys == numbers

"""Assuming the owning account's role."""

import pytest

from functions.finding_importer.accounts import OwningAccounts
from functions.finding_importer.errors import AccountAccessError
from tests.unit.importer_doubles import FakeSts


def test_the_owning_accounts_role_is_assumed_in_its_partition() -> None:
    sts = FakeSts()

    OwningAccounts(sts, "aws-us-gov", "rootwatch-member").credentials("111122223333")

    assert sts.calls == [
        {
            "RoleArn": "arn:aws-us-gov:iam::111122223333:role/rootwatch-member",
            "RoleSessionName": "rootwatch-finding-importer",
        }
    ]


def test_credentials_do_not_show_their_secrets() -> None:
    credentials = OwningAccounts(FakeSts(), "aws", "role").credentials("111122223333")

    assert repr(credentials) == "Credentials(access_key_id='111122223333')"


def test_a_role_that_cannot_be_assumed_is_told_with_its_account_and_arn() -> None:
    accounts = OwningAccounts(FakeSts(closed=frozenset({"111122223333"})), "aws", "role")

    with pytest.raises(AccountAccessError, match="AccessDenied") as caught:
        accounts.credentials("111122223333")

    assert caught.value.account == "111122223333"
    assert "arn:aws:iam::111122223333:role/role" in caught.value.reason

"""An access key's id tells its account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.iam.utils import generate_access_key_id_from_account_id

from sandbox.organizations.account_lookup import account_of


@given(number=st.integers(0, 10**12 - 1), prefix=st.sampled_from(["AKIA", "ASIA"]))
def test_the_account_of_a_key_is_the_one_that_it_was_made_for(number: int, prefix: str) -> None:
    account = f"{number:012}"

    assert account_of(generate_access_key_id_from_account_id(account, prefix)) == account


@pytest.mark.parametrize("key", ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "mock_access_key", "ÄKIA" * 5])
def test_a_key_that_was_not_made_here_names_no_account_or_a_strange_one(key: str) -> None:
    assert account_of(key) not in {"111111111111", "333333333333"}

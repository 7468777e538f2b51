"""The account in an access key id."""

from hypothesis import given
from hypothesis import strategies as st
from moto.iam.utils import generate_access_key_id_from_account_id

from sandbox.iam.identities import account_of


@given(number=st.integers(0, 10**12 - 1), prefix=st.sampled_from(["AKIA", "ASIA"]))
def test_an_access_key_id_contains_its_account(number: int, prefix: str) -> None:
    account = f"{number:012}"

    assert account_of(generate_access_key_id_from_account_id(account, prefix)) == account


def test_another_id_contains_no_account_of_the_organization() -> None:
    cases = ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "mock_access_key", "ÄKIA" * 5]
    for key in cases:
        assert account_of(key) not in {"111111111111", "333333333333"}, key

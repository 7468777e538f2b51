"""Who belongs to the organization, who does not, and who is told when that changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.organizations.models import FakeAccount

type Lineage = tuple[str, ...]  # the units that an account is in, its parent first, the root last
type Follower = Callable[[Move], None]


@dataclass(frozen=True, slots=True)
class Move:
    """An account joined, moved or left: outside of the organization it is in no unit."""

    account: str
    source: Lineage
    destination: Lineage


@dataclass(frozen=True, slots=True)
class Owner:
    """What AWS knows of an account that belongs to no organization."""

    name: str
    email: str


class Members(list["FakeAccount"]):
    """Moto's list of the organization's accounts, which also finds one by its number."""

    def __init__(self, accounts: list[FakeAccount]) -> None:
        super().__init__(accounts)
        self._by_number = {account.id: account for account in accounts}

    def append(self, account: FakeAccount) -> None:
        super().append(account)
        self._by_number[account.id] = account

    def remove(self, account: FakeAccount) -> None:
        super().remove(account)
        del self._by_number[account.id]

    def find(self, number: str) -> FakeAccount | None:
        return self._by_number.get(number)


_followers: list[Follower] = []


@contextmanager
def followed_by(follower: Follower) -> Iterator[None]:
    """Tell it of each move before the call that makes the move returns.

    AWS's services hear of it moments later.
    """
    _followers.append(follower)
    try:
        yield
    finally:
        _followers.remove(follower)


def tell(move: Move) -> None:
    for follower in _followers:
        follower(move)

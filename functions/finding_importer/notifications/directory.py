"""What AWS Organizations knows of an account: looked up once, and never waited for.

The calls are for the management account and delegated administrators:
https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeAccount.html
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from ..aws import AWS_ERRORS, OrganizationsClient
from ..text import line

_FAILURES = (*AWS_ERRORS, KeyError)  # an answer may lack what was asked for

_LOOKUPS_AT_ONCE = 4
_FRESH_SECONDS = 3600.0  # an account may be renamed or moved
_FAILED_SECONDS = 60.0  # until a failed look-up is tried again
_WAIT_SECONDS = 3.0  # for all look-ups of one invocation together
_NAME_LIMIT = 128
_GONE = "GONE"
_DEEPEST = 10  # units; AWS allows five
_NEW = timedelta(days=35)  # in which AWS does not insist on MFA for root


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str | None = None
    # PENDING_ACTIVATION, ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED; GONE where there is no account
    status: str | None = None
    joined: datetime | None = None
    path: str | None = None  # of organizational units, as "Root / Workloads / Payments"

    @property
    def is_incomplete(self) -> bool:
        """Whether something may be learned by asking again soon."""
        return self.path is None and self.status != _GONE

    def is_new(self, at: datetime) -> bool | None:
        """Whether it had joined the organization less than 35 days before; None if unknown."""
        return None if self.joined is None else at - self.joined < _NEW


UNKNOWN = Account()
GONE = Account(status=_GONE)


class Directory:
    """Safe to share between threads."""

    def __init__(
        self, organizations: OrganizationsClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._organizations = organizations
        self._clock = clock
        self._pool = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="directory")
        self._begun: dict[str, tuple[float, Future[Account]]] = {}
        self._units: dict[str, str] = {}  # paths by the unit's id
        self._units_since = self._wait_until = clock()

    def begin_invocation(self) -> None:
        now = self._clock()
        self._wait_until = now + _WAIT_SECONDS
        if now - self._units_since > _FRESH_SECONDS:
            self._units, self._units_since = {}, now

    def look_up(self, account: str) -> None:
        """Begin, unless it is known or on its way."""
        since, future = self._begun.get(account, (0.0, None))
        if future is None or self._clock() - since > _kept_seconds(future):
            self._begun[account] = (self._clock(), self._pool.submit(self._ask, account))

    def account(self, account: str) -> Account:
        """What is known by now, or within the little time that an invocation waits."""
        self.look_up(account)
        _, future = self._begun[account]
        try:
            error = future.exception(timeout=max(0.0, self._wait_until - self._clock()))
        except NotYetError:
            return UNKNOWN
        return UNKNOWN if error is not None else future.result()

    def _ask(self, account: str) -> Account:
        """UNKNOWN where Organizations does not say."""
        try:
            known = self._organizations.describe_account(AccountId=account)["Account"]
        except _FAILURES as error:
            return GONE if _is_stranger(error) else UNKNOWN
        return Account(
            name=line(str(known.get("Name") or ""), _NAME_LIMIT) or None,
            status=known.get("State") or known.get("Status"),  # the older one is being retired
            joined=known.get("JoinedTimestamp"),
            path=self._path(account),
        )

    def _path(self, account: str) -> str | None:
        try:
            return self._path_above(account, _DEEPEST)
        except _FAILURES:
            return None

    def _path_above(self, child: str, deepest: int) -> str:
        parents = self._organizations.list_parents(ChildId=child)["Parents"]
        if not parents or parents[0]["Type"] == "ROOT" or not deepest:
            return "Root"
        return self._path_of_unit(parents[0]["Id"], deepest - 1)

    def _path_of_unit(self, unit: str, deepest: int) -> str:
        if unit not in self._units:
            answer = self._organizations.describe_organizational_unit(OrganizationalUnitId=unit)
            name = line(answer["OrganizationalUnit"]["Name"], _NAME_LIMIT)
            self._units[unit] = f"{self._path_above(unit, deepest)} / {name}"
        return self._units[unit]


def _kept_seconds(future: Future[Account]) -> float:
    if not future.done():
        return _FRESH_SECONDS
    if future.exception() is not None or future.result().is_incomplete:
        return _FAILED_SECONDS
    return _FRESH_SECONDS


def _is_stranger(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    return bool(error.response.get("Error", {}).get("Code") == "AccountNotFoundException")

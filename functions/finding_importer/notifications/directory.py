"""Looks up accounts in AWS Organizations, in the background and with a cache.

Only the management account and delegated administrators can call these operations:
https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeAccount.html
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from ..aws import AWS_ERRORS, OrganizationsClient
from ..text import clean_line

_FAILURES = (*AWS_ERRORS, KeyError)  # a response may lack a member

_MAX_CONCURRENT_LOOKUPS = 4
_CACHE_SECONDS = 3600.0  # an account can be renamed or moved
_FAILURE_CACHE_SECONDS = 60.0
_MAX_WAIT_SECONDS = 3.0  # for all lookups of one invocation together
_NAME_LIMIT = 128
_NOT_FOUND = "NOT_IN_ORGANIZATION"
_MAX_DEPTH = 10  # organizational units; AWS allows five levels
_MFA_GRACE_PERIOD = timedelta(days=35)  # in which AWS does not enforce MFA for the root user


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    name: str | None = None
    # PENDING_ACTIVATION, ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED, or NOT_IN_ORGANIZATION
    status: str | None = None
    joined: datetime | None = None
    path: str | None = None  # of organizational units, such as "Root / Workloads / Payments"

    @property
    def is_incomplete(self) -> bool:
        """Whether another lookup may return more."""
        return self.path is None and self.status != _NOT_FOUND

    def is_in_grace_period(self, at: datetime) -> bool | None:
        """Whether the account had joined less than 35 days before; None if unknown."""
        return None if self.joined is None else at - self.joined < _MFA_GRACE_PERIOD


UNKNOWN = AccountInfo()
NOT_FOUND = AccountInfo(status=_NOT_FOUND)


class AccountDirectory:
    """Thread-safe."""

    def __init__(
        self, organizations: OrganizationsClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._organizations = organizations
        self._clock = clock
        self._pool = ThreadPoolExecutor(_MAX_CONCURRENT_LOOKUPS, thread_name_prefix="directory")
        self._lookups: dict[str, tuple[float, Future[AccountInfo]]] = {}
        self._unit_paths: dict[str, str] = {}  # by the unit's ID
        self._unit_paths_since = self._wait_until = clock()

    def begin_invocation(self) -> None:
        now = self._clock()
        self._wait_until = now + _MAX_WAIT_SECONDS
        if now - self._unit_paths_since > _CACHE_SECONDS:
            self._unit_paths, self._unit_paths_since = {}, now

    def look_up(self, account: str) -> None:
        """Start a lookup in the background, unless one is cached or in progress."""
        since, future = self._lookups.get(account, (0.0, None))
        if future is None or self._clock() - since > _cache_seconds(future):
            self._lookups[account] = (self._clock(), self._pool.submit(self._describe, account))

    def account(self, account: str) -> AccountInfo:
        """Wait for the lookup within the invocation's limit; UNKNOWN if it takes longer."""
        self.look_up(account)
        _, future = self._lookups[account]
        try:
            error = future.exception(timeout=max(0.0, self._wait_until - self._clock()))
        except FutureTimeoutError:
            return UNKNOWN
        return UNKNOWN if error is not None else future.result()

    def _describe(self, account: str) -> AccountInfo:
        try:
            found = self._organizations.describe_account(AccountId=account)["Account"]
        except _FAILURES as error:
            return NOT_FOUND if _is_account_not_found(error) else UNKNOWN
        return AccountInfo(
            name=clean_line(str(found.get("Name") or ""), _NAME_LIMIT) or None,
            status=found.get("State") or found.get("Status"),  # AWS is retiring Status
            joined=found.get("JoinedTimestamp"),
            path=self._path(account),
        )

    def _path(self, account: str) -> str | None:
        try:
            return self._parent_path(account, _MAX_DEPTH)
        except _FAILURES:
            return None

    def _parent_path(self, child: str, max_depth: int) -> str:
        parents = self._organizations.list_parents(ChildId=child)["Parents"]
        if not parents or parents[0]["Type"] == "ROOT" or not max_depth:
            return "Root"
        return self._unit_path(parents[0]["Id"], max_depth - 1)

    def _unit_path(self, unit: str, max_depth: int) -> str:
        if unit not in self._unit_paths:
            response = self._organizations.describe_organizational_unit(OrganizationalUnitId=unit)
            name = clean_line(response["OrganizationalUnit"]["Name"], _NAME_LIMIT)
            self._unit_paths[unit] = f"{self._parent_path(unit, max_depth)} / {name}"
        return self._unit_paths[unit]


def _cache_seconds(future: Future[AccountInfo]) -> float:
    if not future.done():
        return _CACHE_SECONDS
    if future.exception() is not None or future.result().is_incomplete:
        return _FAILURE_CACHE_SECONDS
    return _CACHE_SECONDS


def _is_account_not_found(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    return bool(error.response.get("Error", {}).get("Code") == "AccountNotFoundException")

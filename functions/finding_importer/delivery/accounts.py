"""Credentials of the account that owns a finding: assumed once, kept until they nearly expire."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..aws import AWS_ERRORS, Credentials, StsClient
from ..errors import AccountAccessError
from ..findings import refusal

_SESSION_NAME = "rootwatch-finding-importer"
_MARGIN = timedelta(minutes=5)  # longer than an invocation may take


@dataclass(frozen=True, slots=True)
class OwningAccounts:
    sts: StsClient
    partition: str
    role_name: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _kept: dict[str, Credentials] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def credentials(self, account: str) -> Credentials:
        """Those of the account's member role; AccountAccessError where it cannot be assumed."""
        with self._lock:
            kept = self._kept.get(account)
        if kept and self.now() < kept.expires - _MARGIN:
            return kept
        assumed = self._assume(account)
        with self._lock:
            self._kept[account] = assumed
        return assumed

    def forget(self, account: str) -> None:
        """The credentials turned out to be no good any more."""
        with self._lock:
            self._kept.pop(account, None)

    def _assume(self, account: str) -> Credentials:
        role = f"arn:{self.partition}:iam::{account}:role/{self.role_name}"
        try:
            assumed = self.sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        except AWS_ERRORS as error:
            raise AccountAccessError(account, refusal.of_role(error)) from error
        keys = assumed["Credentials"]
        return Credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
        )

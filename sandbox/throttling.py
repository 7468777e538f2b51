"""Throttling of API calls with token buckets on real time."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.responses import BaseResponse

from sandbox.api_errors import error_response
from sandbox.iam.authentication import current_call
from sandbox.overrides import Override, wrap
from sandbox.quotas import Quota, error_of, quota_of


@dataclass(slots=True)
class Bucket:
    tokens: float
    updated: float

    def take(self, quota: Quota, now: float) -> bool:
        """Whether the bucket has a token, which the call takes."""
        refilled = self.tokens + (now - self.updated) * quota.per_second
        self.tokens, self.updated = min(float(quota.burst), refilled), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Throttling:
    """Applies before authorization, for each account and Region."""

    def __init__(self, *, applies: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._applies = applies
        self.now = now
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self.throttled: defaultdict[str, int] = defaultdict(int)  # by service:Operation

    def overrides(self) -> list[Override]:
        return wrap(BaseResponse, call_action=self._call_action) if self._applies else []

    def admits(self, service: str, operation: str, account: str, region: str) -> bool:
        quota = quota_of(service, operation)
        if quota is None:
            return True
        key = (account, region, service, quota.group or operation)
        now = self.now()
        with self._lock:
            bucket = self._buckets.setdefault(key, Bucket(float(quota.burst), now))
            if bucket.take(quota, now):
                return True
            self.throttled[f"{service}:{operation}"] += 1
            return False

    def _call_action(self, call_action: Any, response: BaseResponse) -> Any:
        service = current_call().service
        operation = response._get_action()  # noqa: SLF001  moto has no other way
        if self.admits(service, operation, response.current_account, response.region):
            return call_action(response)
        error = error_of(service)
        return error_response(response, error.code, error.status, error.message)

"""How long Security Hub takes for what it does after a call, in real seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SYNC_CODES = ("DataUnavailableException", "ResourceNotFoundException")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """`sync_codes` are the errors of the first and of the second half of the synchronization.

    AWS answers with either code. The AWS provider for Terraform retries only the first of
    SYNC_CODES. A public module, which waits 90 seconds, quotes the second.
    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/securityhub/organization_configuration.go
    """

    sync_seconds: float = 0.0  # of the organization's data, after the delegation
    sync_codes: tuple[str, str] = SYNC_CODES
    association_seconds: float = 0.0  # until a pending association succeeds or fails
    now: Callable[[], float] = time.monotonic


IMMEDIATE = Timing()


def drawn_codes(seed: int) -> tuple[str, str]:
    """The order of the errors depends on the seed."""
    first, second = SYNC_CODES if seed % 2 == 0 else SYNC_CODES[::-1]
    return first, second


_current = [IMMEDIATE]


def timing() -> Timing:
    return _current[-1]


@contextmanager
def timed(chosen: Timing) -> Iterator[None]:
    _current.append(chosen)
    try:
        yield
    finally:
        _current.pop()

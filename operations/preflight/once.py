"""What several ask for at once, made once."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Once:
    """Keeps what was made, or the error that it ended with, by key; others wait for the first."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            is_kept = key in self._kept
            kept = self._kept.setdefault(key, Future())
        if not is_kept:
            _settle(kept, make)
        return kept.result()


def _settle(kept: Future[Any], make: Callable[[], Any]) -> None:
    try:
        kept.set_result(make())
    except BaseException as error:  # who waits for it must not wait for ever
        kept.set_exception(error)
        raise

"""The work that is in progress in the sandbox."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Activity:
    """Counts the work in progress, and asks its sources whether they have waiting work.

    `changed` is also the lock of the state that decides whether work waits. So work is always
    either waiting or in progress.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._version = 0  # of the state that `changed` guards
        self._in_progress = 0
        self._sources: list[Callable[[], bool]] = []

    def add_source(self, has_work: Callable[[], bool]) -> None:
        """`has_work` is called with the lock held."""
        self._sources.append(has_work)

    def notify(self) -> None:
        with self.changed:
            self._version += 1
            self.changed.notify_all()

    def begin(self) -> None:
        with self.changed:
            self._in_progress += 1

    def end(self) -> None:
        with self.changed:
            self._in_progress -= 1
            self.notify()

    @contextmanager
    def work(self) -> Iterator[None]:
        self.begin()
        try:
            yield
        finally:
            self.end()

    def wait_for_change(self, version: int, timeout_seconds: Callable[[], float | None]) -> int:
        """The current version, when it differs from this one or after the timeout."""
        with self.changed:
            self.changed.wait_for(lambda: self._version != version, timeout_seconds())
            return self._version

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        with self.changed:
            return self.changed.wait_for(self._is_idle, timeout_seconds)

    def _is_idle(self) -> bool:
        return self._in_progress == 0 and not any(has_work() for has_work in self._sources)

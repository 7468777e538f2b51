"""What is under way in the sandbox, and when nothing is any more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Activity:
    """Counts the work under way and asks those who have some still waiting.

    `changed` is also the lock of whatever decides whether work waits: so no work is overlooked on
    its way from the one who had it to the one who does it.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 0  # of the state that `changed` guards
        self._under_way = 0
        self._sources: list[Callable[[], bool]] = []

    def add_source(self, has_work: Callable[[], bool]) -> None:
        """`has_work` is called with the lock held."""
        self._sources.append(has_work)

    def notify(self) -> None:
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def begin(self) -> None:
        with self.changed:
            self._under_way += 1

    def end(self) -> None:
        with self.changed:
            self._under_way -= 1
            self.notify()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self.begin()
        try:
            yield
        finally:
            self.end()

    def wait_for_news(self, seen: int, timeout_seconds: Callable[[], float | None]) -> int:
        """The version, when it is another one than the one seen, or when the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: self.version != seen, timeout_seconds())
            return self.version

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        with self.changed:
            return self.changed.wait_for(self._is_idle, timeout_seconds)

    def _is_idle(self) -> bool:
        return self._under_way == 0 and not any(has_work() for has_work in self._sources)

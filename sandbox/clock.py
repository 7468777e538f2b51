"""The sandbox's clock: real time, and how far it was advanced."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MINUTE_SECONDS = 60

type Listener = Callable[[datetime], None]


class Clock:
    """Never goes back. Functions run in real time, which `of_real_time` converts.

    Listeners are called once for each whole minute, in the order in which they were added.
    """

    def __init__(self) -> None:
        self._ahead = 0.0  # seconds
        self._minute = math.floor(time.time() / MINUTE_SECONDS) * MINUTE_SECONDS
        self._listeners: list[Listener] = []
        self._advancing = threading.RLock()

    def time(self) -> float:
        """In seconds since the epoch."""
        return time.time() + self._ahead

    def now(self) -> datetime:
        """In UTC without a time zone, as moto's `utcnow`."""
        return _datetime(self.time())

    def of_real_time(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._ahead)

    def each_minute(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def advance(self, seconds: float = 0.0) -> None:
        """Call the listeners for each minute on the way, also for those of real time."""
        with self._advancing:
            until = self.time() + seconds
            while self._minute + MINUTE_SECONDS <= until:
                self._minute += MINUTE_SECONDS
                self._reach(self._minute)
                for listener in self._listeners:
                    listener(_datetime(self._minute))
            self._reach(until)

    def advance_to_next_minute(self) -> None:
        with self._advancing:
            self.advance(max(0.0, self._minute + MINUTE_SECONDS - self.time()))

    def _reach(self, moment: float) -> None:
        self._ahead = max(self._ahead, moment - time.time())


def _datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)

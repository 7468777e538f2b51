"""A function's execution environments: processes that are begun, used again and ended.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.aws_lambda.function_log import FunctionLog
from sandbox.aws_lambda.runtime import FunctionProcess

CONCURRENCY = 4  # invocations of one function at once; a further one waits
KILL_AGAIN_SECONDS = 0.05  # for one that has just begun


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Environment:
    function_arn: str
    process: FunctionProcess
    log: FunctionLog
    until: float  # of time.monotonic(): its credentials are as old as it is

    @property
    def usable(self) -> bool:
        return self.process.alive and time.monotonic() < self.until

    def stop(self) -> None:
        self.process.stop()
        self.log.close()


class EnvironmentPool:
    """The environments of one version of a function."""

    def __init__(self, begin: Callable[[], Environment]) -> None:
        self._begin = begin
        self._changed = threading.Condition()
        self._idle: list[Environment] = []
        self._busy: list[Environment] = []
        self._beginning = 0
        self._closed = False

    @contextmanager
    def environment(self) -> Iterator[Environment]:
        """One for the caller alone: an idle one, or a new one, or the first that gets free."""
        taken = self._take() or self._begin_one()
        try:
            yield taken
        finally:
            self._give_back(taken)

    def close(self) -> None:
        """End those that wait for work now, and the others after their work."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for environment in idle:
            environment.stop()

    def kill(self) -> None:
        """End all of them, wherever they are; who waits for one of them gets the failure."""
        self.close()
        with self._changed:
            while self._busy or self._beginning:
                for environment in self._busy:
                    environment.process.kill()
                self._changed.wait(KILL_AGAIN_SECONDS)

    def _take(self) -> Environment | None:
        """None where the caller may begin one."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._has_room())
            self._drop_unusable()
            if self._idle:
                taken = self._idle.pop()
                self._busy.append(taken)
                return taken
            self._beginning += 1
            return None

    def _has_room(self) -> bool:
        return len(self._busy) + self._beginning < CONCURRENCY

    def _drop_unusable(self) -> None:
        for environment in [one for one in self._idle if not one.usable]:
            self._idle.remove(environment)
            environment.stop()

    def _begin_one(self) -> Environment:
        """Outside of the lock, since it takes long."""
        begun: list[Environment] = []
        try:
            begun.append(self._begin())
        finally:
            with self._changed:
                self._beginning -= 1
                self._busy += begun
                self._changed.notify_all()
        return begun[0]

    def _give_back(self, environment: Environment) -> None:
        with self._changed:
            if environment.usable and not self._closed:
                self._put_away(environment, [environment])
                return
        environment.stop()
        with self._changed:
            self._put_away(environment, [])

    def _put_away(self, environment: Environment, idle: list[Environment]) -> None:
        self._busy.remove(environment)
        self._idle += idle
        self._changed.notify_all()

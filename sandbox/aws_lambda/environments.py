"""Execution environments of a function: each has one process, one log stream and credentials.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.aws_lambda.runtime import FunctionProcess

LOG = logging.getLogger(__name__)
MAX_CONCURRENCY = 4  # of one function; further invocations wait
KILL_INTERVAL_SECONDS = 0.05  # for processes that start while the pool is killed
MAX_CALL_EVENTS = 10_000
MAX_CALL_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
_CLIENT_LOCK = threading.Lock()

type LogEvent = dict[str, Any]


class FunctionLog:
    """One log stream, written in the background with the credentials of the function's role.

    Where the role has no permission, the lines are lost, as in AWS.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
    """

    def __init__(
        self, endpoint: str, region: str, credentials: Mapping[str, str], log_group: str
    ) -> None:
        self._endpoint, self._region, self._credentials = endpoint, region, credentials
        self._group = log_group
        self._stream = time.strftime("%Y/%m/%d/[$LATEST]") + f"{time.time_ns():032x}"
        self._waiting: deque[LogEvent] = deque()
        self._writing = self._closed = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write_batches, name="log", daemon=True)
        self._writer.start()

    def write(self, line: str) -> None:
        with self._changed:
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": line or " "})
            self._changed.notify_all()

    def flush(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing)

    def close(self) -> None:
        """Send the remaining lines first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join()

    @functools.cached_property
    def _logs(self) -> Any:
        client = _logs_client(self._endpoint, self._region, self._credentials)
        client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        return client

    def _write_batches(self) -> None:
        while batch := self._next_batch():
            self._send(batch)
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _next_batch(self) -> list[LogEvent]:
        """Empty when the log is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._writing = bool(self._waiting)
            return _take_batch(self._waiting)

    def _send(self, events: list[LogEvent]) -> None:
        try:
            self._logs.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=events
            )
        except (ClientError, BotoCoreError) as error:
            LOG.info("%s lines of %s are lost: %s", len(events), self._group, error)


def _take_batch(waiting: deque[LogEvent]) -> list[LogEvent]:
    batch: list[LogEvent] = []
    size = 0
    while waiting and len(batch) < MAX_CALL_EVENTS:
        size += len(waiting[0]["message"].encode()) + EVENT_OVERHEAD_BYTES
        if batch and size > MAX_CALL_BYTES:
            break
        batch.append(waiting.popleft())
    return batch


@functools.cache
def _session() -> boto3.Session:
    """One for all clients, since it caches the service models."""
    return boto3.Session()


def _logs_client(endpoint: str, region: str, credentials: Mapping[str, str]) -> Any:
    with _CLIENT_LOCK:  # a session is not thread-safe
        return _session().client(
            "logs",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(retries={"max_attempts": 1}),
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
        )


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ExecutionEnvironment:
    function_arn: str
    process: FunctionProcess
    log: FunctionLog
    expires: float  # by time.monotonic(), with its credentials

    @property
    def is_usable(self) -> bool:
        return self.process.is_alive and time.monotonic() < self.expires

    def stop(self) -> None:
        self.process.stop()
        self.log.close()


class EnvironmentPool:
    """The execution environments of one version of a function."""

    def __init__(self, create: Callable[[], ExecutionEnvironment]) -> None:
        self._create = create
        self._changed = threading.Condition()
        self._idle: list[ExecutionEnvironment] = []
        self._busy: list[ExecutionEnvironment] = []
        self._starting = 0
        self._closed = False

    @contextmanager
    def environment(self) -> Iterator[ExecutionEnvironment]:
        """An idle one, a new one, or the first that becomes idle."""
        taken = self._take_idle() or self._start()
        try:
            yield taken
        finally:
            self._give_back(taken)

    def close(self) -> None:
        """Stop the idle environments now, and each busy one after its invocation."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for environment in idle:
            environment.stop()

    def kill(self) -> None:
        """Stop all environments; invocations in them fail."""
        self.close()
        with self._changed:
            while self._busy or self._starting:
                for environment in self._busy:
                    environment.process.kill()
                self._changed.wait(KILL_INTERVAL_SECONDS)

    def _take_idle(self) -> ExecutionEnvironment | None:
        """None where the caller may start one."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._has_capacity())
            self._stop_unusable()
            if self._idle:
                taken = self._idle.pop()
                self._busy.append(taken)
                return taken
            self._starting += 1
            return None

    def _has_capacity(self) -> bool:
        return len(self._busy) + self._starting < MAX_CONCURRENCY

    def _stop_unusable(self) -> None:
        for environment in [one for one in self._idle if not one.is_usable]:
            self._idle.remove(environment)
            environment.stop()

    def _start(self) -> ExecutionEnvironment:
        """Without the lock, since it takes long."""
        started: list[ExecutionEnvironment] = []
        try:
            started.append(self._create())
        finally:
            with self._changed:
                self._starting -= 1
                self._busy += started
                self._changed.notify_all()
        return started[0]

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        with self._changed:
            if environment.is_usable and not self._closed:
                self._release(environment, [environment])
                return
        environment.stop()
        with self._changed:
            self._release(environment, [])

    def _release(self, environment: ExecutionEnvironment, idle: list[ExecutionEnvironment]) -> None:
        self._busy.remove(environment)
        self._idle += idle
        self._changed.notify_all()

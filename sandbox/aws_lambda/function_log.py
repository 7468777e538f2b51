"""A function's output as log events, many in one call."""

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOG = logging.getLogger(__name__)
EVENTS = 10_000  # a call at most, and so many bytes
CALL_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
_CLIENTS = threading.Lock()

type Event = dict[str, Any]


class FunctionLog:
    """One log stream, written in the background with the function's own role's rights.

    Where the role lacks them the lines are lost, as in AWS.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
    """

    def __init__(
        self, endpoint: str, region: str, credentials: Mapping[str, str], log_group: str
    ) -> None:
        self._endpoint, self._region, self._credentials = endpoint, region, credentials
        self._group = log_group
        self._stream = time.strftime("%Y/%m/%d/[$LATEST]") + f"{time.time_ns():032x}"
        self._waiting: deque[Event] = deque()
        self._writing = self._closed = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._writer.start()

    def write(self, line: str) -> None:
        with self._changed:
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": line or " "})
            self._changed.notify_all()

    def flush(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing)

    def close(self) -> None:
        """What was written until now is still sent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join()

    @functools.cached_property
    def _logs(self) -> Any:
        client = _client(self._endpoint, self._region, self._credentials)
        client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        return client

    def _write_on(self) -> None:
        while batch := self._next_batch():
            self._send(batch)
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _next_batch(self) -> list[Event]:
        """Empty when the log is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._writing = bool(self._waiting)
            return _take_batch(self._waiting)

    def _send(self, events: list[Event]) -> None:
        try:
            self._logs.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=events
            )
        except (ClientError, BotoCoreError) as error:
            LOG.info("%s lines of %s are lost: %s", len(events), self._group, error)


def _take_batch(waiting: deque[Event]) -> list[Event]:
    batch: list[Event] = []
    size = 0
    while waiting and len(batch) < EVENTS:
        size += len(waiting[0]["message"].encode()) + EVENT_OVERHEAD_BYTES
        if batch and size > CALL_BYTES:
            break
        batch.append(waiting.popleft())
    return batch


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session()


def _client(endpoint: str, region: str, credentials: Mapping[str, str]) -> Any:
    """One session for all clients, since it keeps what it reads; making clients needs the lock."""
    with _CLIENTS:
        return _session().client(
            "logs",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(retries={"max_attempts": 1}),
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
        )

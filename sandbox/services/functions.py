"""Lambda in the sandbox: invocations of deployed functions, synchronous and asynchronous.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, lambda_backends

from sandbox.authority import assume_as_service
from sandbox.lambda_runtime import Configuration, FunctionProcess, Result
from sandbox.refusals import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.awslambda.models import LambdaFunction

LOG = logging.getLogger(__name__)
RETRIES = 2  # Lambda's default for asynchronous invocations
RETRY_SECONDS = 0.2  # Lambda waits one and two minutes
CONCURRENCY = 8
SESSION_SECONDS = 3000  # of the hour that the role's credentials last


@dataclass(frozen=True, slots=True)
class RunningFunction:
    process: FunctionProcess
    until: float  # of time.monotonic(): its credentials are as old as it is

    @property
    def usable(self) -> bool:
        return self.process.alive and time.monotonic() < self.until


class Functions:
    """The functions' processes and the queue of asynchronous invocations."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._processes: dict[tuple[str, str], RunningFunction] = {}
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="lambda")
        self._pending = 0
        self._idle = threading.Condition()
        self.dropped: list[bytes] = []  # events that failed to the last retry

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(patch.object(LambdaBackend, "invoke", self._invoke_operation()))
            stack.callback(self._stop)
            yield

    def invoke(self, function_arn: str, payload: bytes) -> Result:
        """AccessDeniedError where Lambda may not assume the function's role."""
        return self._process(function_arn).invoke(payload)

    def invoke_later(self, function_arn: str, payload: bytes) -> None:
        with self._idle:
            self._pending += 1
        self._pool.submit(self._deliver, function_arn, payload)

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout_seconds)

    def recycle(self) -> None:
        """End all processes that wait for work, as Lambda does from time to time."""
        with self._lock:
            for running in self._processes.values():
                running.process.stop()
            self._processes.clear()

    def _deliver(self, function_arn: str, payload: bytes) -> None:
        try:
            for attempt in range(RETRIES + 1):
                if attempt and self._stopped.wait(RETRY_SECONDS):
                    break
                if not self._attempt(function_arn, payload):
                    return
            self.dropped.append(payload)
        finally:
            with self._idle:
                self._pending -= 1
                self._idle.notify_all()

    def _attempt(self, function_arn: str, payload: bytes) -> bool:
        """Whether it failed."""
        try:
            result = self.invoke(function_arn, payload)
        except AccessDeniedError as error:
            LOG.warning("%s: %s", function_arn, error)
            return True
        if result.error:
            LOG.info("%s failed: %s", function_arn, result.payload.decode(errors="replace"))
        return result.error

    def _process(self, function_arn: str) -> FunctionProcess:
        """One process for each version of code and configuration, begun anew where it died."""
        function = _function(function_arn)
        key = (function_arn, f"{function.code_sha_256} {function.last_modified}")
        with self._lock:
            if self._stopped.is_set():
                raise AccessDeniedError("the sandbox has stopped")
            running = self._processes.get(key)
            if running is None or not running.usable:
                if running is not None:
                    running.process.stop()
                running = self._processes[key] = self._start(function)
            return running.process

    def _start(self, function: LambdaFunction) -> RunningFunction:
        name, region = function.function_name, function.region
        session = assume_as_service(
            "lambda.amazonaws.com", function.role, name, function.function_arn
        )
        credentials = {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }
        configuration = Configuration(
            arn=function.function_arn,
            handler=str(function.handler),
            code=function.code_bytes,
            timeout_seconds=float(function.timeout),
            environment={
                **function.environment_vars,
                **credentials,
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                "AWS_ENDPOINT_URL": self._endpoint,
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            },
        )
        log = FunctionLog(self._endpoint, region, credentials, f"/aws/lambda/{name}")
        process = FunctionProcess(configuration, log.write)
        return RunningFunction(process, time.monotonic() + SESSION_SECONDS)

    def _invoke_operation(functions) -> Any:  # noqa: N805  `self` is the backend's below
        def invoke(
            self: LambdaBackend,
            function_name: str,
            qualifier: str | None,
            body: Any,
            headers: Any,
            response_headers: Any,
        ) -> bytes:
            arn = self.get_function(function_name, qualifier).function_arn
            payload = body if isinstance(body, bytes) else str(body or "{}").encode()
            if headers.get("X-Amz-Invocation-Type") == "Event":
                functions.invoke_later(arn, payload)
                return b""
            try:
                result = functions.invoke(arn, payload)
            except AccessDeniedError as error:
                message = "The role defined for the function cannot be assumed by Lambda."
                raise InvalidParameterValueException(message) from error
            if result.error:
                response_headers["x-amz-function-error"] = "Unhandled"
            return result.payload

        return invoke

    def _stop(self) -> None:
        self._stopped.set()
        self.recycle()
        self._pool.shutdown(wait=True, cancel_futures=True)


class FunctionLog:
    """The function's output as log events, written with its own role's rights.

    Where the role lacks them the lines are lost, as in AWS.
    """

    def __init__(
        self, endpoint: str, region: str, credentials: dict[str, str], log_group: str
    ) -> None:
        session = boto3.Session(
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
            region_name=region,
        )
        self._logs = session.client("logs", endpoint_url=endpoint)
        self._group = log_group
        self._stream = time.strftime("%Y/%m/%d/[$LATEST]") + f"{time.time_ns():032x}"
        self._created = False

    def write(self, line: str) -> None:
        try:
            if not self._created:
                self._logs.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
                self._created = True
            event = {"timestamp": int(time.time() * 1000), "message": line or " "}
            self._logs.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=[event]
            )
        except ClientError as error:
            LOG.info("a line of %s is lost: %s", self._group, error)


def _function(arn: str) -> LambdaFunction:
    _, _, _, region, account, *_ = arn.split(":")
    return lambda_backends[account][region].get_function(arn)

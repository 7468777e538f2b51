"""Invocations of deployed functions, synchronous and asynchronous."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from weakref import WeakValueDictionary

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction

from sandbox.activity import Activity
from sandbox.aws_lambda import function_roles
from sandbox.aws_lambda.asynchronous import AsynchronousInvocations, ThrottledError
from sandbox.aws_lambda.environments import EnvironmentPool, ExecutionEnvironment, FunctionLog
from sandbox.aws_lambda.function_roles import (
    NOT_ASSUMABLE,
    FunctionRoles,
    assume_role_of,
    function_of,
)
from sandbox.aws_lambda.runtime import FunctionConfiguration, FunctionProcess, Packages
from sandbox.aws_lambda.runtime_api import InvocationResult
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.iam.refusals import AccessDeniedError
from sandbox.overrides import Override, replace

SESSION_SECONDS = 3000  # credentials last an hour


class TooManyRequestsError(LambdaClientError):
    code = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class Functions:
    def __init__(self, endpoint: str, activity: Activity, metrics: ServiceMetrics) -> None:
        self._endpoint = endpoint
        self._metrics = metrics
        self._activity = activity
        self._pools: dict[str, tuple[str, EnvironmentPool]] = {}  # with the version, by ARN
        self._environments: WeakValueDictionary[str, ExecutionEnvironment] = WeakValueDictionary()
        self._stopped = False
        self._lock = threading.Lock()
        self._packages = Packages()
        self.roles = FunctionRoles()
        self._asynchronous = AsynchronousInvocations(self.invoke, self.roles, activity, metrics)

    def overrides(self) -> list[Override]:
        return [
            *function_roles.overrides(),
            *replace(LambdaBackend, invoke=self._invoke),
            *self._asynchronous.overrides(),
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._stop()

    def invoke(
        self, function_arn: str, payload: bytes, request_id: str | None = None
    ) -> InvocationResult:
        """`AccessDeniedError` where Lambda may not assume the function's role.

        `ThrottledError` where no concurrency is reserved for the function.
        """
        with self._activity.work():
            function, begin = function_of(function_arn), self._metrics.clock.now()
            if (
                function.reserved_concurrency is not None
                and int(function.reserved_concurrency) == 0
            ):
                self._metrics.count_of_function(function, begin, Throttles=1)
                raise ThrottledError
            with self._pool(function_arn).environment() as environment:
                result = environment.process.invoke(payload, request_id)
            errors = float(bool(result.error))
            self._metrics.count_of_function(function, begin, Invocations=1, Errors=errors)
            return result

    def retry_throttled(self) -> None:
        """Again, what was invoked asynchronously and throttled."""
        self._asynchronous.retry_throttled()

    def invoke_later(self, function_arn: str, payload: bytes) -> None:
        self._asynchronous.invoke_later(function_arn, payload)

    @property
    def dropped(self) -> list[bytes]:
        """Asynchronous events that exhausted their retries and reached no destination."""
        return self._asynchronous.dropped

    def flush_logs(self) -> None:
        for environment in list(self._environments.values()):
            environment.log.flush()

    def process(self, process_id: str) -> tuple[str, FunctionProcess] | None:
        """A function's name and its process, by the process's id."""
        environment = self._environments.get(process_id)
        if environment is None:
            return None
        return environment.function_arn.split(":")[6], environment.process

    def recycle(self) -> None:
        """Stop all idle execution environments, as Lambda does from time to time."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for _, pool in pools.values():
            pool.close()

    def _pool(self, function_arn: str) -> EnvironmentPool:
        """One for each version of code and configuration. It closes that of an older version."""
        function = function_of(function_arn)
        version = _version(function)
        with self._lock:
            if self._stopped:
                raise AccessDeniedError("the sandbox has stopped")
            current = self._pools.get(function.function_arn)
            if current is not None and current[0] == version:
                return current[1]
            pool = EnvironmentPool(lambda: self._create_environment(function))
            self._pools[function.function_arn] = (version, pool)
        if current is not None:
            current[1].close()
        return pool

    def _create_environment(self, function: LambdaFunction) -> ExecutionEnvironment:
        session = assume_role_of(function)
        credentials = {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }
        group = f"/aws/lambda/{function.function_name}"
        log = FunctionLog(self._endpoint, function.region, credentials, group)
        process = FunctionProcess(self._configuration(function, credentials), log.write)
        expires = time.monotonic() + SESSION_SECONDS
        environment = ExecutionEnvironment(function.function_arn, process, log, expires)
        self._environments[process.id] = environment
        return environment

    def _configuration(
        self, function: LambdaFunction, credentials: dict[str, str]
    ) -> FunctionConfiguration:
        return FunctionConfiguration(
            arn=function.function_arn,
            handler=str(function.handler),
            package=self._packages.package(function.code_bytes),
            timeout_seconds=float(function.timeout),
            environment={
                **function.environment_vars,
                **credentials,
                "AWS_REGION": function.region,
                "AWS_DEFAULT_REGION": function.region,
                "AWS_ENDPOINT_URL": self._endpoint,
                "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            },
        )

    def _invoke(
        self,
        backend: LambdaBackend,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> bytes:
        arn = backend.get_function(function_name, qualifier).function_arn
        payload = _payload(body)
        if headers.get("X-Amz-Invocation-Type") == "Event":
            self.invoke_later(arn, payload)
            return b""
        try:
            result = self.invoke(arn, payload)
        except AccessDeniedError as error:
            raise InvalidParameterValueException(NOT_ASSUMABLE) from error
        except ThrottledError as error:
            raise TooManyRequestsError from error
        if result.error:
            response_headers["x-amz-function-error"] = "Unhandled"
        return result.payload

    def _stop(self) -> None:
        self._asynchronous.stop_retries()
        with self._lock:
            self._stopped = True
            pools = list(self._pools.values())
        for _, pool in pools:
            pool.kill()
        self._asynchronous.join()
        self.recycle()
        self._packages.close()


def _version(function: LambdaFunction) -> str:
    """What a process depends on. Moto's LastModified ignores changes of the configuration."""
    configured = (function.role, function.handler, function.timeout, function.memory_size)
    variables = sorted(function.environment_vars.items())
    return f"{function.code_sha_256} {configured} {variables}"


def _payload(body: Any) -> bytes:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
    payload = body if isinstance(body, bytes) else str(body or "{}").encode()
    try:
        json.loads(payload)
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise LambdaClientError("InvalidRequestContentException", message) from error
    return payload

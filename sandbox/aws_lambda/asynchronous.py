"""Asynchronous invocations: their settings, retries and on-failure destinations.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventInvokeConfig, LambdaBackend, LambdaFunction

from sandbox.activity import Activity
from sandbox.aws_lambda.function_roles import FunctionRoles, function_of
from sandbox.aws_lambda.runtime_api import InvocationResult, new_request_id
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import queue_access
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, replace
from sandbox.sqs.messages import InvalidMessageError, queue_of, send

LOG = logging.getLogger(__name__)
DEFAULT_RETRIES = 2
RETRY_SECONDS = 0.05  # Lambda waits one minute, then two
WORKERS = 8

type Invoke = Callable[[str, bytes, str], InvocationResult]


class ThrottledError(Exception):
    """The function has no concurrency."""


class AsynchronousInvocations:
    def __init__(
        self, invoke: Invoke, roles: FunctionRoles, activity: Activity, metrics: ServiceMetrics
    ) -> None:
        self._invoke = invoke
        self._metrics = metrics
        self._roles = roles
        self._activity = activity
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="lambda")
        self._throttled: list[tuple[str, bytes]] = []  # function and event
        self.dropped: list[bytes] = []  # events that exhausted their retries and are lost

    def overrides(self) -> list[Override]:
        return replace(
            LambdaBackend,
            put_function_event_invoke_config=self._put_config,
            update_function_event_invoke_config=self._update_config,
        )

    def invoke_later(self, function_arn: str, payload: bytes) -> None:
        self._activity.begin()
        self._pool.submit(self._invoke_with_retries, function_arn, payload)

    def retry_throttled(self) -> None:
        """Lambda retries these for up to six hours; the sandbox has no end."""
        throttled, self._throttled = self._throttled, []
        for function_arn, payload in throttled:
            self.invoke_later(function_arn, payload)

    def stop_retries(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _put_config(
        self, backend: LambdaBackend, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        function = backend.get_function(function_name)
        settings = {name: value for name, value in config.items() if name != "FunctionName"}
        for destination in (settings.get("DestinationConfig") or {}).values():
            self._check_destination(function, destination.get("Destination"))
        arn = f"{function.function_arn}:$LATEST"
        put = EventInvokeConfig(arn, str(time.time()), settings)
        put.last_modified = time.time()  # type: ignore[assignment]  # a number, as in the API
        function.event_invoke_config = [put]
        return put.response()

    def _update_config(
        self, backend: LambdaBackend, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Settings that the request omits stay unchanged."""
        current = _settings(backend.get_function(function_name))
        return self._put_config(backend, function_name, {**current, **config})

    def _check_destination(self, function: LambdaFunction, arn: str | None) -> None:
        if not arn:
            return
        if not arn.startswith(f"arn:{PARTITION}:sqs:"):
            raise InvalidParameterValueException(
                f"The sandbox supports SQS queues as destinations only: got {arn}"
            )
        if problem := self._destination_problem(function, arn):
            raise InvalidParameterValueException(problem)

    def _destination_problem(self, function: LambdaFunction, arn: str) -> str | None:
        """Why the function's role cannot send to the queue, or None."""
        if queue_of(arn) is None:
            return f"The destination ARN {arn} is invalid."
        if self._roles.problem(function, queue_access("sqs:SendMessage", arn)) is None:
            return None
        return (
            f"The function's execution role does not have permissions to call SendMessage on {arn}"
        )

    def _invoke_with_retries(self, function_arn: str, payload: bytes) -> None:
        try:
            request_id = new_request_id()  # the same for all attempts
            function = function_of(function_arn)
            attempts = int(_settings(function).get("MaximumRetryAttempts", DEFAULT_RETRIES)) + 1
            for attempt in range(attempts):
                if attempt and self._stopped.wait(RETRY_SECONDS):
                    return
                result = self._attempt(function_arn, payload, request_id)
                if not result.error:
                    return
            record = _failure_record(function_arn, payload, request_id, attempts, result)
            self._send_to_destination(function_of(function_arn), payload, record)
        except ThrottledError:
            self._throttled.append((function_arn, payload))
        finally:
            self._activity.end()

    def _attempt(self, function_arn: str, payload: bytes, request_id: str) -> InvocationResult:
        try:
            result = self._invoke(function_arn, payload, request_id)
        except AccessDeniedError as error:
            result = InvocationResult.failed("AccessDeniedException", error.message)
        if result.error:
            LOG.info("%s failed: %s", function_arn, result.payload.decode(errors="replace"))
        return result

    def _send_to_destination(
        self, function: LambdaFunction, payload: bytes, record: dict[str, Any]
    ) -> None:
        destinations = _settings(function).get("DestinationConfig") or {}
        arn = (destinations.get("OnFailure") or {}).get("Destination")
        problem = self._send(function, arn, record) if arn else "no destination"
        if problem is None:
            return
        LOG.warning("an event of %s is lost: %s", function.function_name, problem)
        self.dropped.append(payload)
        if arn:
            self._metrics.count_of_function(function, DestinationDeliveryFailures=1)

    def _send(self, function: LambdaFunction, arn: str, record: dict[str, Any]) -> str | None:
        """Why the record is lost, or None."""
        problem = self._destination_problem(function, arn)
        if problem is None:
            try:
                send(queue_of(arn), json.dumps(record))
            except InvalidMessageError as error:
                problem = error.message
        return problem


def _settings(function: LambdaFunction) -> dict[str, Any]:
    return function.event_invoke_config[0].config if function.event_invoke_config else {}


def _failure_record(
    function_arn: str, payload: bytes, request_id: str, attempts: int, result: InvocationResult
) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "version": "1.0",
        "timestamp": now.replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(payload),
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": json.loads(result.payload),
    }

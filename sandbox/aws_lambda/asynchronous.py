"""Lambda's asynchronous invocations: retries, and where an event goes that failed to the last.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow

from sandbox.activity import Activity
from sandbox.aws_lambda import invoke_configs
from sandbox.aws_lambda.function_roles import FunctionRoles, function_of
from sandbox.aws_lambda.runtime_api import Result, new_request_id
from sandbox.iam.refusals import AccessDeniedError
from sandbox.sqs.message_rules import InvalidMessageError
from sandbox.sqs.messages import queue_of, send

LOG = logging.getLogger(__name__)
RETRY_SECONDS = 0.05  # Lambda waits one and two minutes
WORKERS = 8

type Invoke = Callable[[str, bytes, str], Result]


class AsynchronousInvocations:
    def __init__(self, invoke: Invoke, roles: FunctionRoles, activity: Activity) -> None:
        self._invoke = invoke
        self._roles = roles
        self._activity = activity
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="lambda")
        self.dropped: list[bytes] = []  # events that failed to the last retry and are nowhere else

    def invoke_later(self, function_arn: str, payload: bytes) -> None:
        self._activity.begin()
        self._pool.submit(self._deliver, function_arn, payload)

    def stop_retries(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _deliver(self, function_arn: str, payload: bytes) -> None:
        try:
            request_id = new_request_id()  # the same for all attempts
            attempts = invoke_configs.maximum_retries(function_of(function_arn)) + 1
            for attempt in range(attempts):
                if attempt and self._stopped.wait(RETRY_SECONDS):
                    return
                result = self._attempt(function_arn, payload, request_id)
                if not result.error:
                    return
            record = _record(function_arn, payload, request_id, attempts, result)
            self._give_up(function_of(function_arn), payload, record)
        finally:
            self._activity.end()

    def _attempt(self, function_arn: str, payload: bytes, request_id: str) -> Result:
        try:
            result = self._invoke(function_arn, payload, request_id)
        except AccessDeniedError as error:
            result = Result.failed("AccessDeniedException", error.message)
        if result.error:
            LOG.info("%s failed: %s", function_arn, result.payload.decode(errors="replace"))
        return result

    def _give_up(self, function: LambdaFunction, payload: bytes, record: dict[str, Any]) -> None:
        destination = invoke_configs.on_failure(function)
        problem = self._send(function, destination, record) if destination else "no destination"
        if problem is None:
            return
        LOG.warning("an event of %s is lost: %s", function.function_name, problem)
        self.dropped.append(payload)
        if destination:
            _count_failed_delivery(function)

    def _send(self, function: LambdaFunction, arn: str, record: dict[str, Any]) -> str | None:
        """Why the record is lost, or None."""
        problem = invoke_configs.destination_problem(self._roles, function, arn)
        if problem is None:
            try:
                send(queue_of(arn), json.dumps(record))
            except InvalidMessageError as error:
                problem = error.message
        return problem


def _record(
    function_arn: str, payload: bytes, request_id: str, attempts: int, result: Result
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


def _count_failed_delivery(function: LambdaFunction) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html."""
    datum = {
        "MetricName": "DestinationDeliveryFailures",
        "Dimensions": [{"Name": "FunctionName", "Value": function.function_name}],
        "Value": 1.0,
        "Timestamp": utcnow(),
    }
    account = function.function_arn.split(":")[4]
    cloudwatch_backends[account][function.region].put_metric_data("AWS/Lambda", [datum])

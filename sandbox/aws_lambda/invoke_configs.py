"""Lambda's settings of asynchronous invocations, checked when they are put.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

import time
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventInvokeConfig, LambdaBackend, LambdaFunction

from sandbox.aws_lambda.function_roles import FunctionRoles
from sandbox.iam.resources import queue_access
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, replace
from sandbox.sqs.messages import queue_of

RETRIES = 2  # Lambda's default


def maximum_retries(function: LambdaFunction) -> int:
    return int(_settings(function).get("MaximumRetryAttempts", RETRIES))


def on_failure(function: LambdaFunction) -> str | None:
    """The destination's ARN."""
    destinations = _settings(function).get("DestinationConfig") or {}
    return (destinations.get("OnFailure") or {}).get("Destination") or None


def _settings(function: LambdaFunction) -> dict[str, Any]:
    return function.event_invoke_config[0].config if function.event_invoke_config else {}


def destination_problem(roles: FunctionRoles, function: LambdaFunction, arn: str) -> str | None:
    """Why Lambda may not send to the queue with the function's role, or None."""
    if queue_of(arn) is None:
        return f"The destination ARN {arn} is invalid."
    refused = roles.problem(function, queue_access("sqs:SendMessage", arn))
    return refused and (
        f"The function's execution role does not have permissions to call SendMessage on {arn}"
    )


def overrides(roles: FunctionRoles) -> list[Override]:
    return replace(
        LambdaBackend,
        put_function_event_invoke_config=_putting(roles, keeps=False),
        update_function_event_invoke_config=_putting(roles, keeps=True),
    )


def _putting(roles: FunctionRoles, *, keeps: bool) -> Any:
    """`keeps`: what the request leaves out stays as it was. moto keeps the first for ever."""

    def putting(
        backend: LambdaBackend, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        function = backend.get_function(function_name)
        given = {name: value for name, value in config.items() if name != "FunctionName"}
        settings = {**(_settings(function) if keeps else {}), **given}
        _check_destinations(roles, function, settings.get("DestinationConfig") or {})
        arn = f"{function.function_arn}:$LATEST"
        put = EventInvokeConfig(arn, str(time.time()), settings)
        put.last_modified = time.time()  # type: ignore[assignment]  # a number, as the API has it
        function.event_invoke_config = [put]
        return put.response()

    return putting


def _check_destinations(
    roles: FunctionRoles, function: LambdaFunction, destinations: dict[str, Any]
) -> None:
    for destination in destinations.values():
        arn = destination.get("Destination")
        if not arn:
            continue
        if not arn.startswith(f"arn:{PARTITION}:sqs:"):
            raise InvalidParameterValueException(
                f"In the sandbox a destination is an SQS queue: {arn}"
            )
        if problem := destination_problem(roles, function, arn):
            raise InvalidParameterValueException(problem)

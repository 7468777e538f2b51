"""Lambda's event source mappings: who may make one of a queue and a function.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import EventSourceMapping, LambdaBackend, LambdaFunction, lambda_backends
from moto.sqs.models import Queue

from sandbox.activity import Activity
from sandbox.aws_lambda.function_roles import FunctionRoles
from sandbox.iam.resources import queue_access
from sandbox.sqs.messages import queue_of

ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
BATCH_WITHOUT_WINDOW = 10


def enabled_mappings() -> list[EventSourceMapping]:
    return [
        mapping
        for regions in list(lambda_backends.values())
        for backend in list(regions.values())
        for mapping in list(backend._event_source_mappings.values())  # noqa: SLF001  moto's own
        if mapping.enabled
    ]


@contextmanager
def installed(roles: FunctionRoles, activity: Activity) -> Iterator[None]:
    """Each change of a mapping is told to the activity."""
    replacements = {
        "create_event_source_mapping": _creating(roles, LambdaBackend.create_event_source_mapping),
        "update_event_source_mapping": _updating(LambdaBackend.update_event_source_mapping),
        "delete_event_source_mapping": LambdaBackend.delete_event_source_mapping,
    }
    with ExitStack() as stack:
        for name, operation in replacements.items():
            stack.enter_context(patch.object(LambdaBackend, name, _telling(operation, activity)))
        yield


def _telling(operation: Any, activity: Activity) -> Any:
    @functools.wraps(operation)
    def telling(backend: LambdaBackend, *args: Any) -> Any:
        answer = operation(backend, *args)
        activity.notify()
        return answer

    return telling


def _creating(roles: FunctionRoles, create: Any) -> Any:
    @functools.wraps(create)
    def creating(backend: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        function = backend.get_function(spec["FunctionName"])
        queue = queue_of(spec["EventSourceArn"])
        if queue is not None:
            _check_new(backend, function, queue)
            _check_rights(roles, function, queue)
        _check_settings(spec, int(spec.get("BatchSize", BATCH_WITHOUT_WINDOW)))
        mapping: EventSourceMapping = create(backend, spec)
        return mapping

    return creating


def _updating(update: Any) -> Any:
    @functools.wraps(update)
    def updating(
        backend: LambdaBackend, uuid: str, spec: dict[str, Any]
    ) -> EventSourceMapping | None:
        mapping = backend.get_event_source_mapping(uuid)
        if mapping is not None:
            window = {"MaximumBatchingWindowInSeconds": mapping.max_batch_window or 0}
            _check_settings({**window, **spec}, int(spec.get("BatchSize", mapping.batch_size)))
        updated: EventSourceMapping | None = update(backend, uuid, spec)
        return updated

    return updating


def _check_new(backend: LambdaBackend, function: LambdaFunction, queue: Queue) -> None:
    alike = [
        mapping
        for mapping in backend.list_event_source_mappings(queue.queue_arn, "")
        if mapping.function_arn == function.function_arn
    ]
    if alike:
        raise ResourceConflictError(
            "ResourceConflictException",
            f'An event source mapping with SQS arn (" {queue.queue_arn} ") and function '
            f'(" {function.function_name} ") already exists. Please update or delete the existing '
            f"mapping with UUID {alike[0].uuid}",
        )


def _check_rights(roles: FunctionRoles, function: LambdaFunction, queue: Queue) -> None:
    for action in ACTIONS:
        if roles.problem(function, queue_access(f"sqs:{action}", queue.queue_arn)):
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {action} on SQS"
            )
    visibility, timeout = int(vars(queue)["visibility_timeout"]), int(function.timeout)
    if visibility < timeout:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {visibility} seconds is less than "
            f"Function timeout: {timeout} seconds"
        )


def _check_settings(spec: Mapping[str, Any], batch_size: int) -> None:
    if batch_size > BATCH_WITHOUT_WINDOW and not spec.get("MaximumBatchingWindowInSeconds"):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )


class ResourceConflictError(LambdaClientError):
    code = 409

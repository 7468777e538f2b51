"""Event source mappings of queues: which ones Lambda accepts.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from collections.abc import Mapping
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import EventSourceMapping, LambdaBackend, LambdaFunction, lambda_backends
from moto.sqs.models import Queue

from sandbox.activity import Activity
from sandbox.aws_lambda.function_roles import FunctionRoles
from sandbox.iam.resources import queue_access
from sandbox.overrides import Override, wrap
from sandbox.sqs.messages import queue_of

ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
MAX_BATCH_WITHOUT_WINDOW = 10
CHANGES = (
    "create_event_source_mapping",
    "update_event_source_mapping",
    "delete_event_source_mapping",
)


class ResourceConflictError(LambdaClientError):
    code = 409


def enabled_mappings() -> list[EventSourceMapping]:
    return [
        mapping
        for regions in list(lambda_backends.values())
        for backend in list(regions.values())
        for mapping in list(backend._event_source_mappings.values())  # noqa: SLF001  moto has no other way
        if mapping.enabled
    ]


class EventSources:
    def __init__(self, roles: FunctionRoles, activity: Activity) -> None:
        self._roles = roles
        self._activity = activity

    def overrides(self) -> list[Override]:
        return [
            *wrap(
                LambdaBackend,
                create_event_source_mapping=self._create,
                update_event_source_mapping=_update,
            ),
            *wrap(LambdaBackend, **dict.fromkeys(CHANGES, self._and_notify)),
        ]

    def _and_notify(self, operation: Any, backend: LambdaBackend, *args: Any) -> Any:
        answer = operation(backend, *args)
        self._activity.notify()
        return answer

    def _create(
        self, create: Any, backend: LambdaBackend, spec: dict[str, Any]
    ) -> EventSourceMapping:
        function = backend.get_function(spec["FunctionName"])
        queue = queue_of(spec["EventSourceArn"])
        if queue is not None:
            _check_unique(backend, function, queue)
            self._check_permissions(function, queue)
            _check_visibility_timeout(function, queue)
        _check_settings(spec, int(spec.get("BatchSize", MAX_BATCH_WITHOUT_WINDOW)))
        mapping: EventSourceMapping = create(backend, spec)
        return mapping

    def _check_permissions(self, function: LambdaFunction, queue: Queue) -> None:
        for action in ACTIONS:
            if self._roles.problem(function, queue_access(f"sqs:{action}", queue.queue_arn)):
                raise InvalidParameterValueException(
                    f"The provided execution role does not have permissions to call {action} on SQS"
                )


def _update(
    update: Any, backend: LambdaBackend, uuid: str, spec: dict[str, Any]
) -> EventSourceMapping | None:
    mapping = backend.get_event_source_mapping(uuid)
    if mapping is not None:
        window = {"MaximumBatchingWindowInSeconds": mapping.max_batch_window or 0}
        _check_settings({**window, **spec}, int(spec.get("BatchSize", mapping.batch_size)))
    updated: EventSourceMapping | None = update(backend, uuid, spec)
    return updated


def _check_unique(backend: LambdaBackend, function: LambdaFunction, queue: Queue) -> None:
    for mapping in backend.list_event_source_mappings(queue.queue_arn, ""):
        if mapping.function_arn == function.function_arn:
            raise ResourceConflictError(
                "ResourceConflictException",
                f'An event source mapping with SQS arn (" {queue.queue_arn} ") and function '
                f'(" {function.function_name} ") already exists. Please update or delete the '
                f"existing mapping with UUID {mapping.uuid}",
            )


def _check_visibility_timeout(function: LambdaFunction, queue: Queue) -> None:
    visibility, timeout = int(vars(queue)["visibility_timeout"]), int(function.timeout)
    if visibility < timeout:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {visibility} seconds is less than "
            f"Function timeout: {timeout} seconds"
        )


def _check_settings(spec: Mapping[str, Any], batch_size: int) -> None:
    if batch_size > MAX_BATCH_WITHOUT_WINDOW and not spec.get("MaximumBatchingWindowInSeconds"):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )

"""What Lambda does with a function's role: it runs the function, polls queues and sends records."""

from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.sts.models import AssumedRole

from sandbox.iam.authorization import (
    ServiceSessions,
    assume_as_service,
    authorize_session,
    service_may_assume,
)
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import Access
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, wrap

SERVICE = "lambda.amazonaws.com"
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


def overrides() -> list[Override]:
    return wrap(LambdaBackend, create_function=_create, update_function_configuration=_update)


def function_of(arn: str) -> LambdaFunction:
    _, _, _, region, account, *_ = arn.split(":")
    return lambda_backends[account][region].get_function(arn)


def assume_role_of(function: LambdaFunction) -> AssumedRole:
    """`AccessDeniedError` where Lambda may not assume the function's role."""
    return assume_as_service(SERVICE, function.role, function.function_name, function.function_arn)


class FunctionRoles:
    def __init__(self) -> None:
        self._sessions = ServiceSessions(SERVICE)

    def problem(self, function: LambdaFunction, access: Access) -> str | None:
        """Why the function's role may not do this, or None."""
        try:
            session = self._sessions.session(function.role, function.function_arn)
        except AccessDeniedError as error:
            return error.message
        decision = authorize_session(session, access, function.region)
        return None if decision.allowed else decision.reason


def _create(create: Any, backend: LambdaBackend, spec: dict[str, Any]) -> LambdaFunction:
    """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html."""
    _check_role(backend, spec["FunctionName"], spec["Role"])
    function: LambdaFunction = create(backend, spec)
    return function


def _update(
    update: Any,
    backend: LambdaBackend,
    function_name: str,
    qualifier: str | None,
    body: dict[str, Any],
) -> dict[str, Any] | None:
    if role := body.get("Role"):
        _check_role(backend, backend.get_function(function_name, qualifier).function_name, role)
    updated: dict[str, Any] | None = update(backend, function_name, qualifier, body)
    return updated


def _check_role(backend: LambdaBackend, name: str, role: str) -> None:
    """Moto refuses what is no role of the account."""
    if role.split(":")[4:5] != [backend.account_id]:
        return
    arn = (
        f"arn:{PARTITION}:lambda:{backend.region_name}:{backend.account_id}:function:"
        f"{name.rpartition(':')[2]}"
    )
    if not service_may_assume(SERVICE, role, arn).allowed:
        raise InvalidParameterValueException(NOT_ASSUMABLE)

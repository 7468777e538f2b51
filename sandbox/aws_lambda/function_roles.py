"""What Lambda does with a function's role: it runs the function, polls queues and sends records."""

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.sts.models import AssumedRole

from sandbox.iam.authorization import ServiceSessions, assume_as_service, authorize_session
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import Access

SERVICE = "lambda.amazonaws.com"


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

"""What Lambda itself does with a function's role: it reads queues and sends to destinations."""

import threading
import time

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.sts.models import AssumedRole

from sandbox.iam.authority import assume_as_service, authorize_session
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import Access

SERVICE = "lambda.amazonaws.com"
SESSION_SECONDS = 3000  # of the hour that the role's credentials last


def function_of(arn: str) -> LambdaFunction:
    _, _, _, region, account, *_ = arn.split(":")
    return lambda_backends[account][region].get_function(arn)


class FunctionRoles:
    """One session for each function and role, renewed before it ends."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], tuple[AssumedRole, float]] = {}
        self._lock = threading.Lock()

    def problem(self, function: LambdaFunction, access: Access) -> str | None:
        """Why the function's role may not do this, or None."""
        try:
            session = self._session(function)
        except AccessDeniedError as error:
            return error.message
        decision = authorize_session(session, access, function.region)
        return None if decision.allowed else decision.reason

    def _session(self, function: LambdaFunction) -> AssumedRole:
        key = (function.function_arn, function.role)
        with self._lock:
            session, until = self._sessions.get(key, (None, 0.0))
            if session is None or time.monotonic() > until:
                session = assume(function)
                self._sessions[key] = (session, time.monotonic() + SESSION_SECONDS)
            return session


def assume(function: LambdaFunction) -> AssumedRole:
    """AccessDeniedError where Lambda may not assume the function's role."""
    return assume_as_service(SERVICE, function.role, function.function_name, function.function_arn)

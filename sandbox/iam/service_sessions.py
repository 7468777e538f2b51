"""The sessions of roles under which an AWS service works, one for each role and source."""

import threading
import time

from moto.sts.models import AssumedRole

from sandbox.iam.authority import new_session, service_may_assume
from sandbox.iam.refusals import AccessDeniedError

RENEWED_AFTER_SECONDS = 3000  # of the hour that they last


class ServiceSessions:
    def __init__(self, service: str) -> None:
        self._service = service
        self._sessions: dict[tuple[str, str], tuple[AssumedRole, float]] = {}
        self._lock = threading.Lock()

    def session(self, role_arn: str, source_arn: str) -> AssumedRole:
        """AccessDeniedError where the role's trust policy does not let the service in, now."""
        decision = service_may_assume(self._service, role_arn, source_arn)
        if not decision.allowed:
            raise AccessDeniedError(decision.reason)
        with self._lock:
            session, until = self._sessions.get((role_arn, source_arn), (None, 0.0))
            if session is None or time.monotonic() > until:
                session = new_session(role_arn, self._service.split(".")[0])
                until = time.monotonic() + RENEWED_AFTER_SECONDS
                self._sessions[role_arn, source_arn] = session, until
            return session

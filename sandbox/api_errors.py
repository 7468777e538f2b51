"""Errors with a code that the model of the service does not contain, in the service's protocol.

AWS returns such codes, for example for throttled calls; moto warns of them.
"""

from typing import Any

from moto.core import errors
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from sandbox.overrides import Override, wrap

type Response = tuple[int, dict[str, Any], str | bytes]


class UnmodeledError(ServiceException):
    """Its code may be one that the service's model does not contain."""


def error_response(response: BaseResponse, code: str, status: int, message: str) -> Response:
    _, headers, body = response.serialized(ActionResult(UnmodeledError(code, message)))
    return status, {**headers, "status": str(status)}, body


def overrides() -> list[Override]:
    return wrap(errors, warn=_warn)


def _warn(warn: Any, message: str, *args: Any, **kwargs: Any) -> None:
    if UnmodeledError.__name__ not in message:
        warn(message, *args, **kwargs)

"""Authentication of every HTTP request, before moto sees it."""

import io
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from moto.core.request import EnvironHeaders

from sandbox.iam.identities import Identity, identity_of
from sandbox.iam.refusals import (
    ErrorFormat,
    MissingAuthenticationError,
    RefusalError,
    error_format,
)
from sandbox.iam.signatures import HttpRequest, Signature, read_signature, verify

type Environ = dict[str, Any]
type Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

SERVICE_PREFIXES = {"monitoring": "cloudwatch"}  # where the signing name is not the IAM prefix


@dataclass(frozen=True, slots=True)
class Caller:
    identity: Identity
    service: str  # the IAM prefix of the service that the request is for
    error_format: ErrorFormat


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller:
    """Who makes the request that this thread answers."""
    found = _CALLER.get()
    if found is None:
        raise MissingAuthenticationError
    return found


def authenticated(application: Application) -> Application:
    """The application, for signed requests only. A presigned one arrives as a signed one."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = _request(environ)
        signature: Signature | None = None
        try:
            signature = read_signature(request)
            identity = identity_of(signature.scope.key_id, signature.token)
            verify(request, signature, identity.create_credentials().secret_key)
        except RefusalError as refusal:
            answered = refusal.answer(_error_format(request, signature))
            return _reply(request, start_response, *answered)
        service = signature.scope.service
        prefix = SERVICE_PREFIXES.get(service, service)
        token = _CALLER.set(Caller(identity, prefix, _error_format(request, signature)))
        try:
            return application(_for_moto(environ, request, signature), start_response)
        finally:
            _CALLER.reset(token)

    return answer


def _request(environ: Environ) -> HttpRequest:
    return HttpRequest(
        method=environ["REQUEST_METHOD"],
        url=f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['RAW_URI']}",
        headers=_headers(environ),
        body=environ["wsgi.input"].read(),
    )


def _headers(environ: Environ) -> dict[str, str]:
    """WSGI decodes them as Latin-1; clients sign them as UTF-8."""
    return {
        name.lower(): value.encode("latin-1").decode("utf-8", "replace")
        for name, value in EnvironHeaders(environ)
    }


def _for_moto(environ: Environ, request: HttpRequest, signature: Signature) -> Environ:
    """Moto knows the caller by these headers, and by one of its own that AWS does not have."""
    known = {name: value for name, value in environ.items() if name != "HTTP_X_MOTO_ACCOUNT_ID"}
    token = {"HTTP_X_AMZ_SECURITY_TOKEN": signature.token} if signature.token else {}
    body = {"wsgi.input": io.BytesIO(request.body)}
    return {**known, **token, **body, "HTTP_AUTHORIZATION": signature.authorization}


def _error_format(request: HttpRequest, signature: Signature | None) -> ErrorFormat:
    service = signature.scope.service if signature else None
    content_type = request.headers.get("content-type", "")
    return error_format(service, content_type, request.query, request.body)


def _reply(
    request: HttpRequest,
    start_response: Callable[..., Any],
    status: int,
    headers: dict[str, str],
    body: str,
) -> Iterable[bytes]:
    content = body.encode()
    length = {"Content-Length": str(len(content))}
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items(), *length.items()])
    return [] if request.method == "HEAD" else [content]

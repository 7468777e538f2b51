"""Authentication of every HTTP request, before moto receives it."""

import io
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from moto.core.request import EnvironHeaders

from sandbox.iam.identities import Identity, identity_of
from sandbox.iam.refusals import (
    ErrorFormat,
    MissingAuthenticationError,
    RefusalError,
    error_format,
)
from sandbox.iam.signatures import HttpRequest, Signature, read_signature, verify
from sandbox.wsgi import Application, Environ, StartResponse, reply

SERVICE_PREFIXES = {"monitoring": "cloudwatch"}  # where the signing name is not the IAM prefix


@dataclass(frozen=True, slots=True)
class AuthenticatedCall:
    identity: Identity
    service: str  # the IAM prefix of the called service
    error_format: ErrorFormat


_CURRENT: ContextVar[AuthenticatedCall | None] = ContextVar("current call", default=None)


def current_call() -> AuthenticatedCall:
    """The call that this thread processes."""
    found = _CURRENT.get()
    if found is None:
        raise MissingAuthenticationError
    return found


def authenticated(application: Application) -> Application:
    """Pass signed requests to the application, and presigned ones as signed ones."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = _request(environ)
        signature: Signature | None = None
        try:
            signature = read_signature(request)
            identity = identity_of(signature.scope.key_id, signature.token)
            verify(request, signature, identity.create_credentials().secret_key)
        except RefusalError as refusal:
            status, headers, body = refusal.response(_error_format(request, signature))
            return reply(environ, start_response, status, body, headers)
        service = signature.scope.service
        prefix = SERVICE_PREFIXES.get(service, service)
        call = AuthenticatedCall(identity, prefix, _error_format(request, signature))
        token = _CURRENT.set(call)
        try:
            return application(_for_moto(environ, request, signature), start_response)
        finally:
            _CURRENT.reset(token)

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
    """Moto identifies the caller by the Authorization header, and by one that AWS does not have."""
    known = {name: value for name, value in environ.items() if name != "HTTP_X_MOTO_ACCOUNT_ID"}
    body = io.BytesIO(request.body)
    return {**known, "wsgi.input": body, "HTTP_AUTHORIZATION": signature.authorization}


def _error_format(request: HttpRequest, signature: Signature | None) -> ErrorFormat:
    service = signature.scope.service if signature else None
    content_type = request.headers.get("content-type", "")
    return error_format(service, content_type, request.query, request.body)

"""The sandbox's own paths beside AWS's: sign-ins go in, mails come out and are answered."""

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Protocol
from wsgiref.util import request_uri

from sandbox.client import CONFIRMATIONS, EVENTS, MAILS, TOKEN_HEADER, TOKEN_VARIABLE
from sandbox.cloudtrail.trails import UndeliverableEventError
from sandbox.sns.mail import Mail

type Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Controlled(Protocol):
    """The part of a sandbox that these paths reach."""

    def record(self, event: Mapping[str, Any]) -> int: ...
    def mails(self) -> Iterable[Mail]: ...
    def confirm_subscriptions(self) -> int: ...


def controlled(application: Application, sandbox: Controlled, token: str) -> Application:
    """Answer what begins with /sandbox/ and leave the rest to the application.

    `POST /sandbox/events` takes one CloudTrail record, `GET /sandbox/mails` gives all mails, and
    `POST /sandbox/confirmations` confirms every subscription, as by the link in the mail. Other
    users of the machine and web pages do not know the token, and get no answer.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/sandbox/"):
            return application(environ, start_response)
        if not _has_token(environ, token):
            reason = f"{TOKEN_HEADER}: expected the value of {TOKEN_VARIABLE} that the start prints"
            return reply(start_response, HTTPStatus.FORBIDDEN, {"error": reason})
        return reply(start_response, *_answer(environ, sandbox))

    return answer


def reply(
    start_response: Callable[..., Any], status: HTTPStatus, document: Mapping[str, Any]
) -> Iterable[bytes]:
    body = json.dumps(document).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {status.phrase}", headers)
    return [body]


def _has_token(environ: dict[str, Any], token: str) -> bool:
    given = environ.get(f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}", "")
    return hmac.compare_digest(given.encode(), token.encode())


def _answer(environ: dict[str, Any], sandbox: Controlled) -> tuple[HTTPStatus, Mapping[str, Any]]:
    request = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
    if request == ("POST", EVENTS):
        return _record(environ, sandbox)
    if request == ("GET", MAILS):
        return HTTPStatus.OK, {"mails": [asdict(mail) for mail in sandbox.mails()]}
    if request == ("POST", CONFIRMATIONS):
        return HTTPStatus.OK, {"confirmed": sandbox.confirm_subscriptions()}
    reason = f"{request[0]} {request_uri(environ)}: there is no such path in the sandbox"
    return HTTPStatus.NOT_FOUND, {"error": reason}


def _record(environ: dict[str, Any], sandbox: Controlled) -> tuple[HTTPStatus, Mapping[str, Any]]:
    try:
        event = json.loads(environ["wsgi.input"].read())
    except ValueError as error:
        return HTTPStatus.BAD_REQUEST, {"error": f"not JSON: {error}"}
    if not isinstance(event, dict):
        reason = "not one CloudTrail record: a JSON object is needed"
        return HTTPStatus.BAD_REQUEST, {"error": reason}
    try:
        return HTTPStatus.OK, {"trails": sandbox.record(event)}
    except UndeliverableEventError as error:
        return HTTPStatus.CONFLICT, {"error": str(error)}

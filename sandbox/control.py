"""The sandbox's own paths: they record sign-ins, return emails and confirm subscriptions."""

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Protocol
from wsgiref.util import request_uri

from sandbox.client import CONFIRMATIONS, EVENTS, MAILS, TOKEN_HEADER, TOKEN_VARIABLE
from sandbox.cloudtrail.trails import UndeliverableEventError
from sandbox.sns.mail import Mail
from sandbox.wsgi import Application, Environ, StartResponse, reply

type Body = Mapping[str, Any]


class Controlled(Protocol):
    """The part of a sandbox that these paths use."""

    def record(self, event: Body) -> int: ...
    def mails(self) -> Iterable[Mail]: ...
    def confirm_subscriptions(self) -> int: ...


def controlled(application: Application, sandbox: Controlled, token: str) -> Application:
    """Respond to the paths below /sandbox/, and pass all other requests to the application.

    `POST /sandbox/events` records a CloudTrail event, `GET /sandbox/mails` returns all emails, and
    `POST /sandbox/confirmations` confirms all subscriptions. Each needs the token, which other
    users of the machine and web pages do not know.
    """

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/sandbox/"):
            return application(environ, start_response)
        status, document = _respond(environ, sandbox, token)
        headers = {"Content-Type": "application/json"}
        return reply(environ, start_response, status, json.dumps(document), headers)

    return answer


def _respond(environ: Environ, sandbox: Controlled, token: str) -> tuple[HTTPStatus, Body]:
    given = environ.get(f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}", "")
    if not hmac.compare_digest(given.encode(), token.encode()):
        reason = f"{TOKEN_HEADER}: expected the value of {TOKEN_VARIABLE}, which the start prints"
        return HTTPStatus.FORBIDDEN, {"error": reason}
    request = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
    if request == ("POST", EVENTS):
        return _record(environ, sandbox)
    if request == ("GET", MAILS):
        return HTTPStatus.OK, {"mails": [asdict(mail) for mail in sandbox.mails()]}
    if request == ("POST", CONFIRMATIONS):
        return HTTPStatus.OK, {"confirmed": sandbox.confirm_subscriptions()}
    reason = f"{request[0]} {request_uri(environ)}: the sandbox has no such path"
    return HTTPStatus.NOT_FOUND, {"error": reason}


def _record(environ: Environ, sandbox: Controlled) -> tuple[HTTPStatus, Body]:
    try:
        event = json.loads(environ["wsgi.input"].read())
    except ValueError as error:
        return HTTPStatus.BAD_REQUEST, {"error": f"not JSON: {error}"}
    if not isinstance(event, dict):
        return HTTPStatus.BAD_REQUEST, {"error": "expected one CloudTrail event, a JSON object"}
    try:
        return HTTPStatus.OK, {"trails": sandbox.record(event)}
    except UndeliverableEventError as error:
        return HTTPStatus.CONFLICT, {"error": str(error)}

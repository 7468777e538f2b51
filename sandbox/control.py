"""The sandbox's own paths beside AWS's: sign-ins go in, mails come out and are answered."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol
from wsgiref.util import request_uri

from sandbox.client import CONFIRMATIONS, EVENTS, MAILS
from sandbox.cloudtrail.trails import UndeliverableEventError
from sandbox.sns.mail import Mail

type Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Controlled(Protocol):
    """The part of a sandbox that these paths reach."""

    def record(self, event: Mapping[str, Any]) -> int: ...
    def mails(self) -> Iterable[Mail]: ...
    def confirm_subscriptions(self) -> int: ...


def controlled(application: Application, sandbox: Controlled) -> Application:
    """Answer what begins with /sandbox/ and leave the rest to the application.

    `POST /sandbox/events` takes one CloudTrail record, `GET /sandbox/mails` gives all mails, and
    `POST /sandbox/confirmations` lets every addressee confirm, as by the link in the mail.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if (method, path) == ("POST", EVENTS):
            return _reply(start_response, *_record(environ, sandbox))
        if (method, path) == ("GET", MAILS):
            mails = [asdict(mail) for mail in sandbox.mails()]
            return _reply(start_response, "200 OK", {"mails": mails})
        if (method, path) == ("POST", CONFIRMATIONS):
            return _reply(start_response, "200 OK", {"confirmed": sandbox.confirm_subscriptions()})
        if path.startswith("/sandbox/"):
            reason = f"{method} {request_uri(environ)}: there is no such path in the sandbox"
            return _reply(start_response, "404 Not Found", {"error": reason})
        return application(environ, start_response)

    return answer


def _record(environ: dict[str, Any], sandbox: Controlled) -> tuple[str, Mapping[str, Any]]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        event = json.loads(body)
    except ValueError as error:
        return "400 Bad Request", {"error": f"not JSON: {error}"}
    if not isinstance(event, dict):
        return "400 Bad Request", {"error": "not one CloudTrail record: a JSON object is needed"}
    try:
        return "200 OK", {"trails": sandbox.record(event)}
    except UndeliverableEventError as error:
        return "409 Conflict", {"error": str(error)}


def _reply(
    start_response: Callable[..., Any], status: str, document: Mapping[str, Any]
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(document).encode()]

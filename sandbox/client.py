"""A client of a running sandbox: people sign in, confirm subscriptions and read their mail."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from sandbox.cloudtrail import sign_ins

EVENTS = "/sandbox/events"
MAILS = "/sandbox/mails"
CONFIRMATIONS = "/sandbox/confirmations"
TOKEN_VARIABLE = "SANDBOX_TOKEN"  # noqa: S105  the environment variable's name
TOKEN_HEADER = "X-Sandbox-Token"  # noqa: S105  the header's name
SIGN_INS = {
    "root-without-mfa": sign_ins.root_without_mfa,
    "root-with-mfa": sign_ins.root_with_mfa,
    "root-failing": sign_ins.root_failing,
    "single-sign-on": sign_ins.single_sign_on,
    "iam-user-without-mfa": sign_ins.iam_user_without_mfa,
}


class SandboxError(Exception):
    """The sandbox does not respond, or it refuses the request; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    endpoint: str
    token: str  # which the sandbox prints when it starts

    def sign_in(self, account: str, kind: str) -> tuple[str, int]:
        """The event's id, and how many trails recorded it."""
        record = SIGN_INS[kind](account)
        return record["eventID"], self._call("POST", EVENTS, record)["trails"]

    def confirm(self) -> int:
        """How many email subscriptions are confirmed by now."""
        confirmed: int = self._call("POST", CONFIRMATIONS, {})["confirmed"]
        return confirmed

    def mails(self) -> list[dict[str, Any]]:
        """Each with `to`, `subject`, `body` and `topic_arn`, the oldest first."""
        mails: list[dict[str, Any]] = self._call("GET", MAILS, None)["mails"]
        return mails

    def _call(self, method: str, path: str, document: Any) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        headers = {TOKEN_HEADER: self.token}
        try:
            request = urllib.request.Request(self.endpoint + path, body, headers, method=method)  # noqa: S310  the user's own
            answer = _answer(request)
        except urllib.error.URLError as error:
            raise SandboxError(f"no sandbox responds at {self.endpoint}: {error.reason}") from error
        except ValueError as error:  # not a URL, or the response of another server
            raise SandboxError(f"no sandbox responds at {self.endpoint}: {error}") from error
        if "error" in answer:
            raise SandboxError(answer["error"])
        return answer


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310  the user's own
            answer: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            answer = json.load(error)
    return answer

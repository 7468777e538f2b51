"""The command: `python -m sandbox up | confirm | sign-in | mails`."""

import argparse
import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from sandbox import control
from sandbox.cloudtrail import sign_ins
from sandbox.organizations.organization import MANAGEMENT, ROOT_ID, UNITS

SIGN_INS = {
    "root-without-mfa": sign_ins.root_without_mfa,
    "root-with-mfa": sign_ins.root_with_mfa,
    "root-failing": sign_ins.root_failing,
    "single-sign-on": sign_ins.single_sign_on,
    "iam-user-without-mfa": sign_ins.iam_user_without_mfa,
}
ENDPOINT = "AWS_ENDPOINT_URL"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sandbox", description="A local AWS Organization.")
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="run one until Ctrl-C or SIGTERM")
    up.set_defaults(run=_up)
    sign_in = commands.add_parser(
        "sign-in", help="let somebody sign in to an account of a running one"
    )
    sign_in.add_argument("account", help="the account's number")
    sign_in.add_argument("--kind", choices=SIGN_INS, default="root-without-mfa")
    sign_in.set_defaults(run=_sign_in)
    confirm = commands.add_parser(
        "confirm", help="confirm all e-mail subscriptions of a running one"
    )
    confirm.set_defaults(run=_confirm)
    mails = commands.add_parser("mails", help="print the mails that a running one has sent")
    mails.set_defaults(run=_mails)
    return parser


def _up(_options: argparse.Namespace) -> int:
    from sandbox.local import Sandbox  # noqa: PLC0415  moto takes seconds to load

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with Sandbox() as sandbox:
        _say(f"# A local AWS Organization at {sandbox.endpoint}")
        _say(f"#   management    {MANAGEMENT.id}")
        for unit, accounts in UNITS.items():
            for account in accounts:
                _say(f"#   {account.name:13} {account.id}  in {ROOT_ID}, unit {unit}")
        _say("# Ctrl-C stops it. In another shell:")
        for name, value in sandbox.environment().items():
            _say(f"export {name}={value}")
        stop.wait()
    return 0


def _sign_in(options: argparse.Namespace) -> int:
    record = SIGN_INS[options.kind](options.account)
    answer = _ask("POST", control.EVENTS, record)
    if "error" in answer:
        return _fail(answer["error"])
    _say(f"{record['eventID']}: recorded by {answer['trails']} trails")
    return 0


def _confirm(_options: argparse.Namespace) -> int:
    answer = _ask("POST", control.CONFIRMATIONS, {})
    if "error" in answer:
        return _fail(answer["error"])
    _say(f"{answer['confirmed']} subscriptions are confirmed")
    return 0


def _mails(_options: argparse.Namespace) -> int:
    answer = _ask("GET", control.MAILS, None)
    if "error" in answer:
        return _fail(answer["error"])
    for mail in answer["mails"]:
        _say(f"To: {mail['to']}\nSubject: {mail['subject']}\n\n{mail['body']}\n")
    return 0


def _ask(method: str, path: str, document: Any) -> dict[str, Any]:
    endpoint = os.environ.get(ENDPOINT)
    if not endpoint:
        return {
            "error": f"{ENDPOINT} is not set: run `python -m sandbox up` and export what it prints"
        }
    body = None if document is None else json.dumps(document).encode()
    try:
        request = urllib.request.Request(endpoint + path, data=body, method=method)  # noqa: S310  the user's own
        return _answer(request)
    except urllib.error.URLError as error:
        return {"error": f"no sandbox answers at {endpoint}: {error.reason}"}
    except ValueError as error:  # no address, or the answer of something else
        return {"error": f"no sandbox answers at {endpoint}: {error}"}


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310  the user's own
            answer: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            answer = json.load(error)
    return answer


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

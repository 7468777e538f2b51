"""`rootwatch sandbox up | sign-in | confirm | mails`."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import CommandError, TextFormat, epilog, say

if TYPE_CHECKING:
    from sandbox.client import Client

ENDPOINT = "AWS_ENDPOINT_URL"
STATUSES = {
    0: "success",
    1: "the sandbox does not respond, or it refuses the request",
    2: "wrong arguments",
}

app = typer.Typer(
    no_args_is_help=True,
    help="Run a local AWS Organization, and act in it.",
)


class Kind(StrEnum):
    """The keys of sandbox.client.SIGN_INS."""

    ROOT_WITHOUT_MFA = "root-without-mfa"
    ROOT_WITH_MFA = "root-with-mfa"
    ROOT_FAILING = "root-failing"
    SINGLE_SIGN_ON = "single-sign-on"
    IAM_USER_WITHOUT_MFA = "iam-user-without-mfa"


class ConditionsName(StrEnum):
    IDEAL = "ideal"
    WORST = "worst"


@app.command(
    epilog=epilog(
        "rootwatch sandbox up",
        "rootwatch sandbox up --conditions worst --seed 2",
        statuses={0: "stopped", 2: "wrong arguments"},
    )
)
def up(
    conditions: Annotated[
        ConditionsName,
        typer.Option(help="worst adds the delays, errors and limits that AWS documents."),
    ] = ConditionsName.IDEAL,
    seed: Annotated[int, typer.Option(help="Seed of the durations in the worst conditions.")] = 1,
) -> None:
    """Run a local AWS Organization until Ctrl-C or SIGTERM.

    It prints its accounts, and the commands that export its endpoint and keys.
    Run these in another shell, and the AWS CLI and `rootwatch sandbox` use it.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a client that hangs up does not end the server
    from sandbox.conditions import ideal, worst  # noqa: PLC0415  as Sandbox
    from sandbox.local import Sandbox  # noqa: PLC0415  moto takes seconds to load
    from sandbox.organizations.organization import MANAGEMENT, ROOT_ID, UNITS  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    chosen = worst(seed) if conditions is ConditionsName.WORST else ideal()
    with Sandbox(conditions=chosen) as sandbox:
        say(f"# A local AWS Organization at {sandbox.endpoint}")
        say(f"#   management    {MANAGEMENT.id}")
        for unit, accounts in UNITS.items():
            for account in accounts:
                say(f"#   {account.name:13} {account.id}  in {ROOT_ID}, unit {unit}")
        if conditions is ConditionsName.WORST:
            say(f"#   conditions    worst, seed {seed}")
        say("# Ctrl-C stops it. In another shell:")
        for name, value in sandbox.environment().items():
            say(f"export {name}={value}")
        stop.wait()


@app.command(
    epilog=epilog(
        "rootwatch sandbox sign-in 444444444444",
        "rootwatch sandbox sign-in 444444444444 --kind single-sign-on",
        statuses=STATUSES,
    ),
)
def sign_in(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The ID of the account.")],
    kind: Annotated[Kind, typer.Option(help="Kind of sign-in.")] = Kind.ROOT_WITHOUT_MFA,
) -> None:
    """Sign in to an account of the running sandbox, and wait until the event is processed."""
    with _client() as client:
        event_id, trails = client.sign_in(account, kind)
    say(f"{event_id}: recorded by {trails} trails")


@app.command(epilog=epilog("rootwatch sandbox confirm", statuses=STATUSES))
def confirm() -> None:
    """Confirm all email subscriptions of the running sandbox.

    Recipients do it with the links in the emails.
    """
    with _client() as client:
        confirmed = client.confirm()
    say(f"{confirmed} subscriptions confirmed")


@app.command(
    epilog=epilog(
        "rootwatch sandbox mails",
        "rootwatch sandbox mails --output json | jq -r '.[].subject'",
        statuses=STATUSES,
    )
)
def mails(
    output: Annotated[TextFormat, typer.Option(help="Output format.")] = TextFormat.TEXT,
) -> None:
    """Print the emails that the running sandbox has sent."""
    with _client() as client:
        sent = client.mails()
    if output is TextFormat.JSON:
        say(json.dumps(sent, indent=2))
        return
    for mail in sent:
        say(f"To: {mail['to']}\nSubject: {mail['subject']}\n\n{mail['body']}\n")


@contextmanager
def _client() -> Iterator["Client"]:
    from sandbox.client import TOKEN_VARIABLE, Client, SandboxError  # noqa: PLC0415

    endpoint, token = (os.environ.get(name) for name in (ENDPOINT, TOKEN_VARIABLE))
    if not (endpoint and token):
        name = TOKEN_VARIABLE if endpoint else ENDPOINT
        message = f"{name} is not set: run `rootwatch sandbox up` and export what it prints"
        raise CommandError(message, status=1)
    try:
        yield Client(endpoint, token)
    except SandboxError as error:
        raise CommandError(str(error), status=1) from error

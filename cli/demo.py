"""`rootwatch demo`."""

import signal
import sys

import typer

from cli.output import epilog

EPILOG = epilog(
    "rootwatch demo",
    statuses={0: "everything is as expected", 1: "a check or the deployment failed"},
)


def demo() -> None:
    """Deploy to a local AWS Organization, sign in as root, and check what follows.

    It starts the sandbox, deploys the minimal configuration with `cdktf deploy`
    and the AWS provider, and signs in as different users. It prints the alarm,
    the notification and the finding, and checks them. It takes about four
    minutes, needs no AWS account, and removes everything at the end.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a client that hangs up does not end the server
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # unwinds, so that everything is removed
    from demo.walkthrough import run  # noqa: PLC0415

    raise typer.Exit(run())

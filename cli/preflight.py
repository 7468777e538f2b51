"""`rootwatch preflight`."""

import os
import signal
from typing import Annotated

import typer

from cli.output import ROOT, CommandError, Format, console, epilog, say

HELP = r"""Check, before a deployment, that the organization meets its requirements.

All AWS calls are read-only. They use the credentials of the environment:
those of an administrator of the management account. In the log archive
account and the security account, they use the role `deployment_role`.

  pass   the check found what is expected
  fail   the deployment would fail, or not work: the remedy is below the table
  warn   the deployment succeeds: review the result
  error  the check could not run, which counts as a failure

Commands for other accounts use the profiles of docs/deploying.md.
operations/preflight/check.schema.json describes the JSON."""
EPILOG = epilog(
    "AWS_PROFILE=management rootwatch preflight",
    "rootwatch preflight --output json | jq '.checks[] | select(.remedy)'",
    statuses={
        0: "all checks have the status pass or warn",
        1: "at least one check has the status fail or error",
        2: "no check ran: wrong arguments or configuration, no valid\n"
        "     credentials, or no response from AWS",
    },
)


def preflight(
    output: Annotated[Format, typer.Option(help="Output format.")] = Format.TABLE,
) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # boto3 handles connections that AWS closes
    from compiler import catalog  # noqa: PLC0415
    from config.loader import load, settings_path  # noqa: PLC0415

    settings = load(settings_path(os.environ, ROOT))
    detections = catalog.enabled(settings)
    # Imported after that: an invalid configuration is reported at once.
    from operations.preflight import report, run  # noqa: PLC0415
    from operations.preflight.aws import CannotStartError  # noqa: PLC0415

    try:
        found = run(settings, detections, ROOT)
    except CannotStartError as error:
        raise CommandError(f"{error}\nexpected: {error.expected}", status=2) from error
    if output is Format.JSON:
        say(report.as_json(found))
    else:
        report.print_table(found, console())
    raise typer.Exit(not found.is_ok)

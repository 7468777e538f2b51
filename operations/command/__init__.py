"""The command `python -m operations`: its arguments, its errors and its exit statuses."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from compiler import selection
from compiler.errors import DetectionError, SelectionError
from config.errors import ConfigError
from config.loader import load, settings_path
from operations.command.document import document
from operations.command.table import table
from operations.preflight import Report
from operations.preflight.errors import NothingCheckedError

ROOT = Path(__file__).parents[2]

_ABOUT = "What an operator of Rootwatch asks about its organization. It only reads."
_CHECK = """\
Look, before the deployment, at everything that it needs, and tell what is missing.

It takes the configuration, as `make deploy` does, and the credentials of the environment: those of
an administrator of the management account. It changes nothing.

  ok        as it should be
  missing   the deployment would fail, or not do what it is for; what mends it stands beneath
  warning   the deployment goes through; you may want to know
  unknown   could not be looked at, which counts as missing

Commands for other accounts than the management account name the profiles that README.md describes.

exit status:
  0  nothing is missing
  1  something is, or could not be looked at; with credentials of another account, nothing else was
  2  nothing could be looked at: the configuration is wrong, there are no credentials, or AWS does
     not answer
"""
_WHEN = (
    "say when: `check --before` looks at what a deployment needs; there is no look afterwards yet"
)


def main(arguments: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """The exit status. Raises SystemExit after --help, and for wrong arguments."""
    options = _arguments(arguments)
    try:
        report = _checked()
    except (ConfigError, SelectionError, DetectionError) as error:
        stderr.write(f"{error}\n")
        return 2
    except NothingCheckedError as error:
        stderr.write(f"{error}\nneeded: {error.needed}\n")
        return 2
    stdout.write(f"{_text(report, options.output, stdout)}\n")
    return 0 if report.is_ok else 1


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m operations", description=_ABOUT)
    commands = parser.add_subparsers(required=True, metavar="check")
    check = commands.add_parser(
        "check",
        help="is everything there that a deployment needs?",
        description=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("--before", action="store_true", help="before the deployment; needed")
    outputs = ("table", "json")
    check.add_argument("--output", choices=outputs, default="table", help="table is for people")
    options = parser.parse_args(arguments)
    if not options.before:
        check.error(_WHEN)
    return options


def _checked() -> Report:
    settings = load(settings_path(os.environ, ROOT))
    detections = selection.enabled(settings)
    # Loaded after that, so that a wrong configuration is told at once.
    from operations.preflight import run  # noqa: PLC0415
    from operations.preflight.cloud import Cloud  # noqa: PLC0415
    from operations.preflight.facts import Facts  # noqa: PLC0415

    cloud = Cloud()
    identity = cloud.identity(settings.home_region)
    facts = Facts(
        settings=settings, detections=detections, cloud=cloud, identity=identity, root=ROOT
    )
    return run(facts)


def _text(report: Report, output: str, stdout: TextIO) -> str:
    if output == "json":
        return document(report)
    return table(report, coloured=stdout.isatty() and "NO_COLOR" not in os.environ)

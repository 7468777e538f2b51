"""The command `rootwatch`: its groups, and how errors become one line and an exit status.

Each group has a file, which imports what a command needs inside of the command: the start-up time
of one does not grow with the others.
"""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from cli import config, demo, deployment, detections, preflight, sandbox
from cli.output import WRONG_USAGE, CommandError, epilog, fail
from compiler.errors import DetectionError, SelectionError
from config.errors import ConfigError


class _Root(TyperGroup):
    """Prints every expected error as a line on standard error, in place of Typer's boxes."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except typer.TyperException as error:
            message, status = _usage_error(error), error.exit_code
            if message:
                fail(message)
        except (CommandError, ConfigError, SelectionError, DetectionError) as error:
            fail(str(error))
            status = error.status if isinstance(error, CommandError) else 2
        except typer.Abort:
            status = 130
        sys.exit(status)


def _usage_error(error: typer.TyperException) -> str:
    """Empty where the error is that a group was called without a command: its help was printed."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    if context is None or not message:
        return message
    return f"{context.command_path}: {message} Try `{context.command_path} --help`."


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="""Rootwatch detects root sign-ins without MFA in every account of an AWS Organization.

With a symbolic link to it on the PATH, for example by
`ln -s "$PWD/rootwatch" ~/.local/bin/`, shell completion works in bash, zsh
and fish. Without one it works in bash.""",
    epilog=epilog(
        "rootwatch demo",
        "rootwatch config check",
        "rootwatch preflight",
        "rootwatch deploy",
        "rootwatch detections match events.json.gz",
        "rootwatch --install-completion   # then start a new shell",
        statuses={
            0: "success",
            1: "completed with errors; see standard error",
            2: f"no action was taken: {WRONG_USAGE}",
            130: "interrupted",
        },
    ),
)
app.add_typer(detections.app, name="detections")
app.add_typer(config.app, name="config")
app.add_typer(sandbox.app, name="sandbox")
app.command(help=preflight.HELP, epilog=preflight.EPILOG)(preflight.preflight)
app.command(epilog=deployment.PLAN_EPILOG)(deployment.plan)
app.command(epilog=deployment.DEPLOY_EPILOG)(deployment.deploy)
app.command(epilog=deployment.DESTROY_EPILOG)(deployment.destroy)
app.command(epilog=demo.EPILOG)(demo.demo)


@app.callback()
def rootwatch() -> None:
    """Without this, a single group would become the whole command."""

"""`rootwatch config check`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cli.output import ROOT, CommandError, TextFormat, epilog, say

app = typer.Typer(
    no_args_is_help=True,
    help="Validate the configuration.",
)


@app.command(
    epilog=epilog(
        "rootwatch config check",
        "rootwatch config check config/complete.yaml",
        "rootwatch config check --output json | jq .problems",
        statuses={0: "the configuration is valid", 2: "it is not, or it cannot be read"},
    ),
)
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The configuration; by default the file that ROOTWATCH_CONFIG names,"
            " else config/rootwatch.yaml.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[TextFormat, typer.Option(help="Output format.")] = TextFormat.TEXT,
) -> None:
    """List all problems of the configuration, each with its key, line and expected value."""
    from compiler import catalog  # noqa: PLC0415
    from compiler.cloudwatch import check_log_group  # noqa: PLC0415
    from compiler.errors import DetectionError, SelectionError  # noqa: PLC0415
    from config.errors import ConfigError  # noqa: PLC0415
    from config.loader import load, settings_path  # noqa: PLC0415

    path = file or settings_path(os.environ, ROOT)
    try:
        enabled = catalog.enabled(load(path))
        check_log_group(enabled)
    except (ConfigError, SelectionError, DetectionError) as error:
        if output is TextFormat.JSON:
            _print_problems(path, error)
        raise CommandError(str(error), status=2) from error
    if output is TextFormat.JSON:
        names = [detection.name for detection in enabled]
        say(json.dumps({"path": str(path), "problems": [], "detections": names}, indent=2))
        return
    total = len(catalog.load())
    say(f"{path}: valid; {len(enabled)} of {total} detections enabled")


def _print_problems(path: Path, error: Exception) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from config.errors import ConfigError  # noqa: PLC0415

    found = error.problems if isinstance(error, ConfigError) else ()
    problems = [asdict(problem) for problem in found] or [{"reason": str(error)}]
    say(json.dumps({"path": str(path), "problems": problems}, indent=2))

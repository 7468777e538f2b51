"""`rootwatch detections list | match | render | samples`."""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cli.output import ROOT, CommandError, Format, TextFormat, console, epilog, fail, say
from cli.progress import STANDARD_INPUT, Reading, reading

if TYPE_CHECKING:
    from compiler.detection import Detection
    from operations.detections import LineOf, Rule, Rules

WIDTH_WITH_TITLES = 120

app = typer.Typer(
    no_args_is_help=True,
    help="List the detections, match CloudTrail records, print patterns, predicates and samples.",
)

Enabled = Annotated[
    bool,
    typer.Option(
        "--enabled",
        help="Only the detections that the configuration enables, with its names and account"
        " IDs in their rules. Without it: all detections, with the names of the samples.",
    ),
]


class Target(StrEnum):
    CLOUDWATCH = "cloudwatch"
    IMPORTER = "importer"


@app.command(
    name="list",
    epilog=epilog(
        "rootwatch detections list",
        "rootwatch detections list --enabled --output json | jq -r '.[].name'",
    ),
)
def list_detections(
    enabled: Enabled = False,  # noqa: FBT002  an option
    output: Annotated[Format, typer.Option(help="Output format.")] = Format.TABLE,
) -> None:
    """List the detections: level, notification priority, and whether each has alarm and finding.

    A terminal of 120 columns or more also shows the titles; JSON has everything.
    """
    from operations.detections import entry  # noqa: PLC0415

    detections, _ = _load(enabled=enabled)
    if output is Format.JSON:
        say(json.dumps([entry(detection) for detection in detections], indent=2))
        return
    _print_table(detections)


@app.command(
    epilog=epilog(
        "rootwatch detections match events.json.gz",
        "rootwatch detections match --enabled logs/*.json.gz > matches.jsonl",
        "zcat logs/*.json.gz | rootwatch detections match --output text",
        "rootwatch detections match events.json | jq 'select(.names != [])'",
        statuses={
            0: "success",
            1: "some records or files could not be read; standard error lists them",
            2: "nothing could be read, or wrong arguments or configuration",
        },
    ),
)
def match(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Files to read; - is standard input, the default."),
    ] = None,
    enabled: Enabled = False,  # noqa: FBT002  an option
    output: Annotated[
        TextFormat, typer.Option(help="text: the event ID and the names of the detections.")
    ] = TextFormat.JSON,
) -> None:
    r"""Print for each CloudTrail record which detections match it, as the importer evaluates them.

    The output has one line of JSON for each record, in the order of the input:

      {"eventID": "...", "detections": \["9d1b7f5e-..."],
       "names": \["root_activity"]}

    "detections" are the IDs of the Sigma rules, "names" are the names of the same
    detections. The input is UTF-8, compressed with gzip or not, in any of these
    forms and of any size:

      JSON lines            one record a line
      {"Records": \[...]}    CloudTrail's log files
      \[...]                 a JSON array of records
      one or more records   pretty-printed, or without white space in between
      EventBridge events    {"detail-type": ..., "detail": record}

    Standard error lists each invalid record by its line, or in an
    array its index and byte offset. Reading continues after it.
    """
    from operations.detections import ruleset  # noqa: PLC0415

    rules = ruleset(_load(enabled=enabled)[0])
    line_of = _json_line if output is TextFormat.JSON else _text_line
    paths = files or [STANDARD_INPUT]
    with reading(paths) as progress:
        statuses = {_match_file(path, rules, line_of, progress) for path in paths}
    raise typer.Exit(statuses.pop() if len(statuses) == 1 else 1)


@app.command(
    epilog=epilog(
        "rootwatch detections render root_activity --target cloudwatch",
        "rootwatch detections render root_activity --target importer | jq .",
        "rootwatch detections render path/to/any_sigma_rule.yml",
        statuses={
            0: "success",
            1: "a target does not support a detection; standard error says why",
            2: "no such detection, or wrong arguments or configuration",
        },
    ),
)
def render(
    detection: Annotated[
        str | None,
        typer.Argument(
            metavar="DETECTION",
            help="A detection's name, its rule's ID, or the path of a Sigma rule.",
        ),
    ] = None,
    target: Annotated[Target | None, typer.Option(help="Only this target.")] = None,
    enabled: Enabled = False,  # noqa: FBT002  an option
) -> None:
    """Print the filter pattern and the predicate of one detection, or of all.

    The target cloudwatch is the filter pattern of the metric filter. The target
    importer is the predicate that the finding importer evaluates. One detection
    for one target is printed alone, so that it can be piped. Each of several has
    a heading: # NAME: TARGET
    """
    from compiler.errors import DetectionError  # noqa: PLC0415
    from operations.detections import (  # noqa: PLC0415
        TARGETS,
        UnknownDetectionError,
        find_rule,
    )

    detections, placeholders = _load(enabled=enabled)
    try:
        rules = [find_rule(detection, detections, placeholders)] if detection else detections
    except UnknownDetectionError as error:
        raise CommandError(str(error), status=2) from error
    except DetectionError as error:
        raise CommandError(str(error), status=1) from error
    pairs = [(rule, name) for rule in rules for name in ([target] if target else TARGETS)]
    failed = False
    for rule, name in pairs:
        try:
            text = TARGETS[name](rule)
        except DetectionError as error:
            fail(f"{name}: {error}")
            failed = True
        else:
            say(text if len(pairs) == 1 else f"# {rule.name}: {name}\n{text}\n")
    raise typer.Exit(failed)


@app.command(
    epilog=epilog(
        "rootwatch detections samples root_activity",
        "rootwatch detections samples root_activity --output json | rootwatch detections match",
    ),
)
def samples(
    detection: Annotated[str, typer.Argument(metavar="DETECTION", help="A detection's name.")],
    output: Annotated[
        Format, typer.Option(help="json: one record per line, as `match` reads them.")
    ] = Format.TABLE,
) -> None:
    """Print the samples of a detection: the expected result and the reason, or the records."""
    from compiler.samples import read_samples  # noqa: PLC0415

    folders = {one.name: one.folder for one in _load(enabled=False)[0]}
    if detection not in folders:
        raise CommandError(
            f"DETECTION: got {detection}, expected a name of `rootwatch detections list`", status=2
        )
    cases = read_samples(folders[detection])
    if output is Format.JSON:
        say("\n".join(json.dumps(case.record) for case in cases))
        return
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Case", "Expect", "Why"):
        table.add_column(name, overflow="fold")
    for case in cases:
        table.add_row(case.name, "match" if case.matches else "no match", case.why)
    console().print(table)


def _load(*, enabled: bool) -> "tuple[tuple[Detection, ...], Mapping[str, str]]":
    """The detections, and the values of the placeholders in their rules."""
    from compiler import catalog  # noqa: PLC0415

    if not enabled:
        return catalog.load(), catalog.EXAMPLE_PLACEHOLDERS
    from config.loader import load, settings_path  # noqa: PLC0415

    settings = load(settings_path(os.environ, ROOT))
    return catalog.enabled(settings), settings.placeholders


def _print_table(detections: "tuple[Detection, ...]") -> None:
    from rich.table import Table  # noqa: PLC0415

    terminal = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Name", "Level", "Priority", "Alarm", "Finding"):
        table.add_column(name, overflow="fold")
    wide = terminal.width >= WIDTH_WITH_TITLES
    if wide:
        table.add_column("Title")
    for one in detections:
        evaluators = [
            "yes" if e in one.evaluated_by else "-" for e in ("metric_filter", "importer")
        ]
        title = [one.title] if wide else []
        table.add_row(one.name, one.level, one.priority, *evaluators, *title)
    terminal.print(table)


def _match_file(path: str, rules: "Rules", line_of: "LineOf", progress: Reading) -> int:
    """The exit status: 1 where a part could not be read, 2 where nothing could."""
    from operations.detections import match as matched  # noqa: PLC0415
    from operations.records.input import InputError  # noqa: PLC0415

    name, status, started = "standard input" if path == STANDARD_INPUT else path, 0, False
    try:
        with _opened(path) as stream:
            for part in matched(stream, rules, line_of):
                started = True
                sys.stdout.write("".join(part.lines))
                sys.stdout.flush()  # a reader that follows a log sees each record at once
                progress.at(stream)
                for error in part.errors:
                    fail(f"{name}: {error}")
                    status = 1
    except OSError as error:
        fail(f"{name}: cannot be read: {error.strerror}")
        return 2
    except InputError as error:
        fail(f"{name}: {error}")
        return 1 if started else 2
    finally:
        progress.end_of_file(path)
    return status


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader]:
    if path == STANDARD_INPUT:
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    with Path(path).open("rb") as stream:
        yield stream


_as_json = json.JSONEncoder().encode


def _json_line(event_id: str, rules: "tuple[Rule, ...]") -> str:
    if not rules:
        return f'{{"eventID": {_as_json(event_id)}, "detections": [], "names": []}}\n'
    answer = {
        "eventID": event_id,
        "detections": [rule.id for rule in rules],
        "names": [rule.name for rule in rules],
    }
    return f"{_as_json(answer)}\n"


def _text_line(event_id: str, rules: "tuple[Rule, ...]") -> str:
    return f"{event_id}  {', '.join(rule.name for rule in rules) or '-'}\n"

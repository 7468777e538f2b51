"""The command `python -m operations.detections`: its arguments, its errors and its exit statuses."""

import argparse
import os
from argparse import _SubParsersAction  # what add_subparsers returns has no public name
from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler import catalog, selection
from compiler.detection import Detection
from compiler.errors import DetectionError, SelectionError
from config.errors import ConfigError
from config.loader import load, settings_path
from functions.finding_importer.errors import DetectionsError
from operations.detections import listing
from operations.detections.matching import STANDARD_INPUT, match
from operations.detections.rendering import TARGETS, NoSuchDetectionError, chosen, render
from operations.detections.terminal import Terminal

type _Commands = _SubParsersAction[argparse.ArgumentParser]

_AS_WRITTEN = argparse.RawDescriptionHelpFormatter
ROOT = Path(__file__).parents[2]

_ABOUT = """\
The detections of this project: what they match, how each target says them, and which there are.

exit status:
  0  all went well
  1  some records could not be read, or a target cannot say some detections;
     standard error tells which, and all others were done
  2  nothing could be done
"""
_MATCH = """\
Say for each CloudTrail record which detections match it, as the finding importer sees it.

It prints one JSON object a line for each record, in the order of the input:
  {"eventID": "...", "detections": ["9d1b7f5e-43a8-4b0c-8f5f-7c6f0f6d2a11"]}
The detections are named by their Sigma rules' ids; `list` tells them.

It reads UTF-8, compressed with gzip or not, in any of these forms:
  JSON lines                     one record a line
  {"Records": [...]}             CloudTrail's own files, of any size
  [...]                          a JSON array of records, of any size
  one record or several          pretty-printed, or one directly after the other
  EventBridge events             {"detail-type": ..., "detail": record}, in each of these forms

What is no record is told on standard error with its place: its line; in an array its index and its
first byte in the uncompressed input, both counted from 0. Reading goes on where its brackets close,
or where a new record seems to begin before that.
"""
_MATCH_EXAMPLES = """\
examples:
  python -m operations.detections match 111111111111_CloudTrail_us-east-1_20260314T1510Z_a1b2.json.gz
  zcat logs/*.json.gz | python -m operations.detections match
  jq -c .record detections/root_activity/samples/*.json | python -m operations.detections match --enabled
"""
_RENDER = """\
Print detections as a CloudWatch Logs filter pattern (that of the metric filter), as an EventBridge
event pattern, and as the predicate that the finding importer evaluates.

One detection for one target is printed alone; each of several under a heading `# NAME: TARGET`.
What a target cannot say is told on standard error with rule, field and reason; exit status 1.
"""
_RENDER_EXAMPLES = """\
examples:
  python -m operations.detections render root_activity --target cloudwatch
  python -m operations.detections render 9d1b7f5e-43a8-4b0c-8f5f-7c6f0f6d2a11 --target eventbridge | jq .
  python -m operations.detections render path/to/any_sigma_rule.yml
"""
_ENABLED = (
    "only the detections that the configuration enables, with its names and account numbers in"
    " their rules; without it all detections, with the names of the samples"
)


def main(arguments: Sequence[str], terminal: Terminal) -> int:
    """The exit status. Raises SystemExit after --help, and for wrong arguments."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options, terminal)
    except (ConfigError, SelectionError, DetectionError, DetectionsError) as error:
        terminal.complain(str(error))
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m operations.detections", description=_ABOUT, formatter_class=_AS_WRITTEN
    )
    commands = parser.add_subparsers(required=True, metavar="match | render | list")
    for command in (_add_match(commands), _add_render(commands), _add_list(commands)):
        command.add_argument("--enabled", action="store_true", help=_ENABLED)
    return parser


def _add_match(commands: _Commands) -> argparse.ArgumentParser:
    command = commands.add_parser(
        "match",
        help="which detections match CloudTrail records?",
        description=_MATCH,
        epilog=_MATCH_EXAMPLES,
        formatter_class=_AS_WRITTEN,
    )
    file_help = "the file; standard input if it is - or left out"
    command.add_argument("file", nargs="?", default=STANDARD_INPUT, metavar="FILE", help=file_help)
    command.set_defaults(run=_match)
    return command


def _add_render(commands: _Commands) -> argparse.ArgumentParser:
    command = commands.add_parser(
        "render",
        help="how does each target say a detection?",
        description=_RENDER,
        epilog=_RENDER_EXAMPLES,
        formatter_class=_AS_WRITTEN,
    )
    id_help = "a detection's name, its rule's id, or the path of a Sigma rule; all if left out"
    command.add_argument("id", nargs="?", metavar="ID", help=id_help)
    command.add_argument("--target", choices=TARGETS, help="only this one; all if left out")
    command.set_defaults(run=_render)
    return command


def _add_list(commands: _Commands) -> argparse.ArgumentParser:
    command = commands.add_parser(
        "list", help="which detections are there?", description="Print the catalog."
    )
    formats = ("table", "json")
    command.add_argument("--format", choices=formats, default="table", help="table is for people")
    command.set_defaults(run=_list)
    return command


def _match(options: argparse.Namespace, terminal: Terminal) -> int:
    try:
        return match(options.file, _detections(options)[0], terminal)
    except OSError as error:
        terminal.complain(f"{options.file}: cannot be read: {error.strerror}")
        return 2


def _render(options: argparse.Namespace, terminal: Terminal) -> int:
    detections, placeholders = _detections(options)
    targets = [options.target] if options.target else list(TARGETS)
    if options.id is None:
        return render(detections, targets, terminal)
    try:
        detection = chosen(options.id, detections, placeholders)
    except NoSuchDetectionError as error:
        terminal.complain(str(error))
        return 2
    except DetectionError as error:
        terminal.complain(str(error))
        return 1
    return render([detection], targets, terminal)


def _list(options: argparse.Namespace, terminal: Terminal) -> int:
    detections, _ = _detections(options)
    text = listing.json_text if options.format == "json" else listing.table
    terminal.say(text(detections))
    return 0


def _detections(options: argparse.Namespace) -> tuple[tuple[Detection, ...], Mapping[str, str]]:
    """With what stands for the placeholders in their rules."""
    if not options.enabled:
        return catalog.load(), catalog.EXAMPLE_PLACEHOLDERS
    settings = load(settings_path(os.environ, ROOT))
    return selection.enabled(settings), settings.placeholders

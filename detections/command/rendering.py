"""The command `render`: detections as each target says them."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from detections.cloudwatch import metric_pattern
from detections.detection import Detection, Threshold
from detections.errors import DetectionError
from detections.eventbridge import event_pattern_text
from detections.importer import predicate
from detections.rule_file import read_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from detections.command.terminal import Terminal


def _predicate_text(detection: Detection) -> str:
    return json.dumps(predicate(detection.condition))


TARGETS: dict[str, Callable[[Detection], str]] = {
    "cloudwatch": metric_pattern,
    "eventbridge": event_pattern_text,
    "predicate": _predicate_text,
}


class NoSuchDetectionError(Exception):
    """Neither the catalog nor a file has what was asked for."""


def render(detections: Sequence[Detection], targets: Sequence[str], terminal: Terminal) -> int:
    """The exit status: 1 where a target cannot say a detection.

    A single rendering stands alone, so that it can be piped; each of several has a heading.
    """
    pairs = [(detection, target) for detection in detections for target in targets]
    status = 0
    for detection, target in pairs:
        try:
            text = TARGETS[target](detection)
        except DetectionError as error:
            terminal.complain(f"{target}: {error}")
            status = 1
        else:
            terminal.say(text if len(pairs) == 1 else f"# {detection.name}: {target}\n{text}\n")
    return status


def chosen(
    name: str, detections: Sequence[Detection], placeholders: Mapping[str, str]
) -> Detection:
    """Of the detections by name or by the rule's id, else of the rule file of this path.

    Raises NoSuchDetectionError, and DetectionError where the file is no rule that is understood.
    """
    for detection in detections:
        if name in {detection.name, detection.id}:
            return detection
    path = Path(name) / "rule.yml" if Path(name).is_dir() else Path(name)
    if path.is_file():
        return _of_file(path, placeholders)
    nearest = difflib.get_close_matches(name, [one.name for one in detections], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`list` has them all"
    raise NoSuchDetectionError(f"no detection and no rule file: {name}; {hint}")


def _of_file(path: Path, placeholders: Mapping[str, str]) -> Detection:
    """A rule is rendered by its condition alone, so it may lack what the catalog asks for."""
    return Detection(
        name=path.stem,
        folder=path.parent,
        pack=None,
        id="",
        title=path.stem,
        description=path.stem,
        level="informational",
        tags=(),
        evaluated_by=frozenset(),
        priority="low",
        types=(),
        compliance=(),
        next_steps=(),
        condition=read_rule(path, placeholders),
        threshold=Threshold(),
        metric_filter_pattern=None,
    )

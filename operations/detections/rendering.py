"""The command `render`: detections as each target says them."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection, Rule
from compiler.errors import DetectionError
from compiler.eventbridge import event_pattern_text
from compiler.predicate import predicate
from compiler.rule_file import read_rule
from operations.detections.terminal import Terminal


def _predicate_text(rule: Rule) -> str:
    return json.dumps(predicate(rule.condition))


TARGETS: dict[str, Callable[[Rule], str]] = {
    "cloudwatch": metric_pattern,
    "eventbridge": event_pattern_text,
    "predicate": _predicate_text,
}


class NoSuchDetectionError(Exception):
    """Neither the catalog nor a file has what was asked for."""


def render(rules: Sequence[Rule], targets: Sequence[str], terminal: Terminal) -> int:
    """The exit status: 1 where a target cannot say a detection.

    A single rendering stands alone, so that it can be piped; each of several has a heading.
    """
    pairs = [(rule, target) for rule in rules for target in targets]
    status = 0
    for rule, target in pairs:
        try:
            text = TARGETS[target](rule)
        except DetectionError as error:
            terminal.complain(f"{target}: {error}")
            status = 1
        else:
            terminal.say(text if len(pairs) == 1 else f"# {rule.name}: {target}\n{text}\n")
    return status


def chosen(name: str, detections: Sequence[Detection], placeholders: Mapping[str, str]) -> Rule:
    """Of the detections by name or by the rule's id, else of the rule file of this path.

    Raises NoSuchDetectionError, and DetectionError where the file is no rule that is understood.
    """
    for detection in detections:
        if name in {detection.name, detection.id}:
            return detection
    path = Path(name) / "rule.yml" if Path(name).is_dir() else Path(name)
    if path.is_file():
        return Rule(name=path.stem, condition=read_rule(path, placeholders))
    nearest = difflib.get_close_matches(name, [one.name for one in detections], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`list` has them all"
    raise NoSuchDetectionError(f"no detection and no rule file: {name}; {hint}")

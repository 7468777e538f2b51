"""Detections as each target expresses them."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection, DetectionRule
from compiler.predicate import predicate
from compiler.rule_file import read_rule


def _importer_predicate(rule: DetectionRule) -> str:
    return json.dumps(predicate(rule.condition))


TARGETS: dict[str, Callable[[DetectionRule], str]] = {
    "cloudwatch": metric_pattern,
    "importer": _importer_predicate,
}


class UnknownDetectionError(Exception):
    """Neither a detection of the catalog nor a rule file has the name."""


def find_rule(
    name: str, detections: Sequence[Detection], placeholders: Mapping[str, str]
) -> DetectionRule:
    """The detection with this name or rule ID, else the rule file of this path.

    Raises UnknownDetectionError, and DetectionError where the file is not a supported rule.
    """
    for detection in detections:
        if name in {detection.name, detection.id}:
            return detection
    path = Path(name) / "rule.yml" if Path(name).is_dir() else Path(name)
    if path.is_file():
        return DetectionRule(name=path.stem, condition=read_rule(path, placeholders))
    nearest = difflib.get_close_matches(name, [one.name for one in detections], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`rootwatch detections list` lists them"
    raise UnknownDetectionError(
        f"got {name}, expected a detection's name, a rule ID or the path of a rule file; {hint}"
    )


def entry(detection: Detection) -> dict[str, Any]:
    return {
        "id": detection.id,
        "name": detection.name,
        "title": detection.title,
        "level": detection.level,
        "priority": detection.priority,
        "evaluated_by": sorted(detection.evaluated_by),
        "pack": detection.pack,
        "tags": list(detection.tags),
        "compliance": [asdict(mapping) for mapping in detection.compliance],
    }

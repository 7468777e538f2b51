"""Detections for tests: the shipped ones, catalogs on disk, and one with a given condition."""

import json
from pathlib import Path
from typing import Any

from compiler.catalog import load
from compiler.conditions import ConditionTree
from compiler.detection import Detection, Threshold

SHIPPED = load()  # read once for all tests, because it takes about a second
RULE: dict[str, Any] = {
    "title": "A title",
    "id": "2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e01",
    "status": "test",
    "description": "A description.",
    "level": "high",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {"event": {"eventName|cased": "DeleteTrail"}, "condition": "event"},
    "rootwatch": {
        "evaluated_by": ["metric_filter", "importer"],
        "types": ["TTPs/Defense Evasion"],
        "next_steps": ["Ask who did it."],
    },
}


def write(catalog: Path, name: str, **changes: Any) -> Path:
    """Creates the folder of a detection. A change to None removes the key."""
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not None}
    folder = catalog / name
    folder.mkdir(parents=True)
    (folder / "rule.yml").write_text(json.dumps(rule), encoding="utf-8")  # JSON is YAML
    return folder


def detection(condition: ConditionTree) -> Detection:
    return Detection(
        name="drawn",
        folder=Path("drawn"),
        pack=None,
        id=RULE["id"],
        title=RULE["title"],
        description=RULE["description"],
        level="high",
        tags=(),
        evaluated_by=frozenset({"metric_filter", "importer"}),
        priority="high",
        types=("TTPs",),
        compliance=(),
        next_steps=("Ask who did it.",),
        condition=condition,
        threshold=Threshold(),
        metric_filter_pattern=None,
    )

"""Detections for the tests: the ways a record is judged by, and small catalogs on disk."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detections import cloudwatch, importer
from detections.catalog import Detection
from detections.conditions import AllOf, AnyOf, Condition, FieldIs, Not
from functions.finding_importer import rules
from sandbox.filter_pattern import parse

RULE: dict[str, Any] = {
    "title": "A title",
    "id": "2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e01",
    "status": "test",
    "description": "A description.",
    "level": "high",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {"event": {"eventName|cased": "DeleteTrail"}, "condition": "event"},
    "rootwatch": {"types": ["TTPs/Defense Evasion"], "next_steps": ["Ask who did it."]},
}


def write(catalog: Path, name: str, **changes: Any) -> Path:
    """A detection's folder; a change to None leaves the key out."""
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not None}
    folder = catalog / name
    folder.mkdir()
    (folder / "rule.yml").write_text(json.dumps(rule), encoding="utf-8")  # JSON is YAML
    return folder


def detection(condition: Condition) -> Detection:
    return Detection(
        name="drawn",
        id=RULE["id"],
        title=RULE["title"],
        description=RULE["description"],
        severity="HIGH",
        types=("TTPs",),
        next_steps=("Ask who did it.",),
        condition=condition,
    )


def metric_counts(one: Detection, record: dict[str, Any]) -> bool:
    return parse(cloudwatch.metric_pattern(one)).matches(json.dumps(record))


def subscription_delivers(listed: Sequence[Detection], record: dict[str, Any]) -> bool:
    return parse(cloudwatch.subscription_pattern(listed)).matches(json.dumps(record))


def importer_matches(listed: Sequence[Detection], record: dict[str, Any]) -> bool:
    return bool(rules.matching(rules.load(importer.document(listed)), record))


def comparisons(condition: Condition) -> Iterator[FieldIs]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from comparisons(part)
        case Not(inner):
            yield from comparisons(inner)
        case FieldIs():
            yield condition

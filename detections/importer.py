"""The detections as the JSON document that the finding importer carries and evaluates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from detections.conditions import AllOf, AnyOf, FieldIs, Not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detections.catalog import Detection
    from detections.conditions import Condition


def document(detections: Iterable[Detection]) -> bytes:
    entries = [_entry(detection) for detection in detections]
    return json.dumps(entries, indent=1, sort_keys=True).encode()


def _entry(detection: Detection) -> dict[str, Any]:
    return {
        "id": detection.id,
        "name": detection.name,
        "title": detection.title,
        "description": detection.description,
        "severity": detection.severity,
        "types": list(detection.types),
        "next_steps": list(detection.next_steps),
        "predicate": predicate(detection.condition),
    }


def predicate(condition: Condition) -> dict[str, Any]:
    """`{"all": […]}`, `{"any": […]}`, `{"not": …}` or `{"field": path, "equals": [strings]}`."""
    match condition:
        case AllOf(parts):
            return {"all": [predicate(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [predicate(part) for part in parts]}
        case Not(inner):
            return {"not": predicate(inner)}
        case FieldIs(field, values):
            return {"field": field, "equals": list(values)}

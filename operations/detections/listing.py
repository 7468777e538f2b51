"""The catalog for programs."""

from dataclasses import asdict
from typing import Any

from compiler.detection import Detection


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

"""The command `list`: the catalog for people and for scripts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from compiler.detection import Detection

_COLUMNS = ("NAME", "LEVEL", "PRIORITY", "EVALUATED BY", "TITLE", "PACK")


def table(detections: Iterable[Detection]) -> str:
    rows = [_COLUMNS, *map(_row, detections)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def json_text(detections: Iterable[Detection]) -> str:
    return json.dumps([_entry(detection) for detection in detections], indent=2)


def _row(detection: Detection) -> tuple[str, ...]:
    return (
        detection.name,
        detection.level,
        detection.priority,
        ", ".join(sorted(detection.evaluated_by)),
        detection.title,
        detection.pack or "",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _entry(detection: Detection) -> dict[str, Any]:
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

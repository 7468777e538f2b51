"""The detections that a configuration enables, with its values for their placeholders."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from compiler import catalog
from compiler.detection import Detection, Level, Priority
from compiler.errors import SelectionError
from config.settings import DetectionOverride, Settings


def enabled(settings: Settings, folder: Path = catalog.CATALOG) -> tuple[Detection, ...]:
    """In the order of the catalog.

    Raises SelectionError for a pack or a detection that the catalog does not have, and
    DetectionError for an invalid rule.
    """
    detections = catalog.load(folder, settings.placeholders)
    overrides = {override.detection: override for override in settings.detections.overrides}
    packs = settings.detections.packs
    _reject_unknown("detections.packs", packs, {one.pack for one in detections if one.pack})
    _reject_unknown("detections.overrides", overrides, {one.name for one in detections})
    return tuple(
        _overridden(one, overrides.get(one.name))
        for one in detections
        if (one.pack is None or one.pack in packs)
        and (one.name not in overrides or overrides[one.name].enabled)
    )


def _reject_unknown(key: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else ", ".join(sorted(known))
            raise SelectionError(key, f"got {name}, expected a name in the catalog: {hint}")


def _overridden(detection: Detection, override: DetectionOverride | None) -> Detection:
    if override is None:
        return detection
    return replace(
        detection,
        level=cast("Level", override.level or detection.level),
        priority=cast("Priority", override.priority or detection.priority),
    )

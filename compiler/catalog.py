"""The catalog: one folder for each detection. A folder of such folders is a pack.

A configuration enables detections, and has the values for their placeholders.
"""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from compiler.detection import Detection, Level, Priority
from compiler.errors import DetectionError, SelectionError
from compiler.rule_file import read_detection
from config.settings import DetectionOverride, Settings

CATALOG = Path(__file__).parents[1] / "detections"
EXAMPLE_PLACEHOLDERS = {
    "partition": "aws",
    "home_region": "us-east-1",
    "name_prefix": "rootwatch",
    "management_account": "111111111111",
    "log_archive_account": "222222222222",
    "security_account": "333333333333",
    "trail_name": "rootwatch-organization-trail",
    "trail_log_group": "/rootwatch/organization-trail",
    "trail_bucket": "rootwatch-trail-222222222222-us-east-1",
}  # the values in the samples


def load(
    catalog: Path = CATALOG, placeholders: Mapping[str, str] = EXAMPLE_PLACEHOLDERS
) -> tuple[Detection, ...]:
    """Every folder with a `rule.yml`, sorted by name, packs last. Raises DetectionError."""
    single = [read_detection(path.parent, None, placeholders) for path in _rules(catalog, "*")]
    in_packs = [
        read_detection(path.parent, path.parents[1].name, placeholders)
        for path in _rules(catalog, "*/*")
    ]
    detections = (*single, *in_packs)
    _reject_duplicates(detections)
    return detections


def _rules(catalog: Path, folders: str) -> list[Path]:
    return sorted(catalog.glob(f"{folders}/rule.yml"))


def _reject_duplicates(detections: tuple[Detection, ...]) -> None:
    """Names identify resources, and IDs identify findings."""
    for key in ("name", "id"):
        counts = Counter(getattr(detection, key) for detection in detections)
        for detection in detections:
            if counts[getattr(detection, key)] > 1:
                reason = f"got {getattr(detection, key)} in two detections, expected unique values"
                raise DetectionError(detection.name, key, reason)


def enabled(settings: Settings, folder: Path = CATALOG) -> tuple[Detection, ...]:
    """In the order of the catalog.

    Raises SelectionError for a pack or a detection that the catalog does not have, and
    DetectionError for an invalid rule.
    """
    detections = load(folder, settings.placeholders)
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

"""The catalog: one folder for each detection. A folder of such folders is a pack."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from compiler.detection import Detection
from compiler.errors import DetectionError
from compiler.rule_file import read_detection

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

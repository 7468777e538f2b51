"""Which detections does a record match? The detections of detections.json, loaded once."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cloudtrail import Record
from .errors import DetectionsError
from .predicate import Predicate, compile_predicate

_NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")
# Both lists: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_SEVERITY_LABELS = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_TYPE_NAMESPACES = (
    "Software and Configuration Checks",
    "TTPs",
    "Effects",
    "Unusual Behaviors",
    "Sensitive Data Identifications",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    id: str  # of the Sigma rule
    name: str
    title: str
    description: str
    severity: str  # an ASFF Severity.Label
    types: tuple[str, ...]
    next_steps: tuple[str, ...]
    matches: Predicate


def load(text: str | bytes) -> tuple[Detection, ...]:
    """Load the text of detections.json; DetectionsError says which entry is wrong and why."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise DetectionsError("detections", f"expected JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise DetectionsError("detections", "expected an array of one detection or more")
    detections = tuple(_detection(e, f"detections[{i}]") for i, e in enumerate(entries))
    name, count = Counter(detection.name for detection in detections).most_common(1)[0]
    if count > 1:
        raise DetectionsError("detections", f"the name {name!r} stands {count} times")
    return detections


def matching(detections: Sequence[Detection], record: Record) -> tuple[Detection, ...]:
    return tuple(detection for detection in detections if detection.matches(record))


def _detection(entry: Any, where: str) -> Detection:
    if not isinstance(entry, dict):
        raise DetectionsError(where, f"expected an object, found {entry!r}")
    return Detection(
        id=_text(entry, "id", where),
        name=_name(entry, where),
        title=_text(entry, "title", where),
        description=_text(entry, "description", where),
        severity=_severity(entry, where),
        types=_types(entry, where),
        next_steps=_texts(entry, "next_steps", where),
        matches=compile_predicate(entry.get("predicate"), f"{where}.predicate"),
    )


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DetectionsError(f"{where}.{key}", f"expected text, found {value!r}")
    return value


def _texts(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = entry.get(key)
    if not isinstance(values, list) or not values:
        raise DetectionsError(f"{where}.{key}", f"expected an array of texts, found {values!r}")
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise DetectionsError(f"{where}.{key}", f"expected texts only, found {values!r}")
    return tuple(values)


def _name(entry: Mapping[str, Any], where: str) -> str:
    name = _text(entry, "name", where)
    if not _NAME.fullmatch(name):
        raise DetectionsError(f"{where}.name", f"expected a snake_case name, found {name!r}")
    return name


def _severity(entry: Mapping[str, Any], where: str) -> str:
    label = _text(entry, "severity", where)
    if label not in _SEVERITY_LABELS:
        raise DetectionsError(
            f"{where}.severity", f"expected one of {', '.join(_SEVERITY_LABELS)}, found {label!r}"
        )
    return label


def _types(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    types = _texts(entry, "types", where)
    for finding_type in types:
        if finding_type.split("/")[0] not in _TYPE_NAMESPACES:
            raise DetectionsError(
                f"{where}.types",
                f"expected a namespace of {', '.join(_TYPE_NAMESPACES)}, found {finding_type!r}",
            )
    return types

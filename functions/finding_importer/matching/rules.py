"""Loads detections.json and selects the detections that a record matches."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from ..errors import DetectionsError
from .cloudtrail import Record
from .index import DetectionIndex, Needs, needs
from .predicate import Predicate, compile_predicate

type Priority = Literal["high", "low"]

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


class Matchable(Protocol):
    """What the ruleset requires of a detection."""

    @property
    def matches(self) -> Predicate: ...
    @property
    def needs(self) -> Needs | None: ...


@dataclass(frozen=True, slots=True)
class Ruleset[D: Matchable]:
    detections: tuple[D, ...]
    index: DetectionIndex

    @classmethod
    def of(cls, detections: Sequence[D]) -> Self:
        index = DetectionIndex.of([detection.needs for detection in detections])
        return cls(tuple(detections), index)

    @staticmethod
    def load(text: str | bytes) -> "Ruleset[DeployedDetection]":
        """Parse detections.json; DetectionsError names the key of an invalid value."""
        try:
            entries = json.loads(text)
        except ValueError as error:
            got = f"invalid JSON ({error})"
            raise DetectionsError("detections", got, "an array of detections") from error
        if not isinstance(entries, list) or not entries:
            raise DetectionsError("detections", repr(entries), "a nonempty array of detections")
        detections = [DeployedDetection.parse(e, f"detections[{i}]") for i, e in enumerate(entries)]
        name, count = Counter(detection.name for detection in detections).most_common(1)[0]
        if count > 1:
            raise DetectionsError("detections", f"the name {name!r} {count} times", "unique names")
        return Ruleset.of(detections)

    def matching(self, record: Record) -> tuple[D, ...]:
        """Return the detections that the record matches, in the order of the file."""
        detections = self.detections
        candidates = self.index.candidates(record)
        found = [position for position in candidates if detections[position].matches(record)]
        return tuple(detections[position] for position in sorted(found)) if found else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceControls:
    framework: str
    version: str
    controls: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.framework} {self.version}: {', '.join(self.controls)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedDetection:
    """An entry of detections.json."""

    id: str  # of the Sigma rule
    name: str
    title: str
    description: str
    severity: str  # an ASFF Severity.Label
    priority: Priority  # of the notification topic
    types: tuple[str, ...]
    compliance: tuple[ComplianceControls, ...]
    next_steps: tuple[str, ...]
    runbook: str  # an https URL, or a path in the repository
    matches: Predicate
    needs: Needs | None

    @property
    def runbook_url(self) -> str | None:
        return self.runbook if self.runbook.startswith("https://") else None

    @classmethod
    def parse(cls, entry: Any, key: str) -> Self:
        """Raise DetectionsError for the first missing or invalid value."""
        if not isinstance(entry, dict):
            raise DetectionsError(key, repr(entry), "an object")
        predicate = entry.get("predicate")
        return cls(
            id=_text(entry, "id", key),
            name=_name(entry, key),
            title=_text(entry, "title", key),
            description=_text(entry, "description", key),
            severity=_severity(entry, key),
            priority=_priority(entry, key),
            types=_types(entry, key),
            compliance=_compliance(entry, f"{key}.compliance"),
            next_steps=_texts(entry, "next_steps", key),
            runbook=_text(entry, "runbook", key),
            matches=compile_predicate(predicate, f"{key}.predicate"),
            needs=needs(predicate),
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _text(entry: Mapping[str, Any], name: str, key: str) -> str:
    value: Any = entry.get(name)
    if not _is_text(value):
        raise DetectionsError(f"{key}.{name}", repr(value), "a string that is not blank")
    return str(value)


def _texts(entry: Mapping[str, Any], name: str, key: str) -> tuple[str, ...]:
    values = entry.get(name)
    if not isinstance(values, list) or not values or not all(map(_is_text, values)):
        raise DetectionsError(f"{key}.{name}", repr(values), "an array of strings, none blank")
    return tuple(values)


def _name(entry: Mapping[str, Any], key: str) -> str:
    name = _text(entry, "name", key)
    if not _NAME.fullmatch(name):
        raise DetectionsError(f"{key}.name", repr(name), "a name in snake_case")
    return name


def _severity(entry: Mapping[str, Any], key: str) -> str:
    label = _text(entry, "severity", key)
    if label not in _SEVERITY_LABELS:
        expected = f"one of {', '.join(_SEVERITY_LABELS)}"
        raise DetectionsError(f"{key}.severity", repr(label), expected)
    return label


def _priority(entry: Mapping[str, Any], key: str) -> Priority:
    match _text(entry, "priority", key):
        case "high" | "low" as priority:
            return priority
        case other:
            raise DetectionsError(f"{key}.priority", repr(other), "high or low")


def _types(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    types = _texts(entry, "types", key)
    for finding_type in types:
        if finding_type.split("/")[0] not in _TYPE_NAMESPACES:
            expected = f"a namespace of {', '.join(_TYPE_NAMESPACES)}"
            raise DetectionsError(f"{key}.types", repr(finding_type), expected)
    return types


def _compliance(entry: Mapping[str, Any], key: str) -> tuple[ComplianceControls, ...]:
    entries = entry.get("compliance")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise DetectionsError(key, repr(entries), "an array of objects")
    return tuple(_controls(one, f"{key}[{i}]") for i, one in enumerate(entries))


def _controls(entry: Mapping[str, Any], key: str) -> ComplianceControls:
    return ComplianceControls(
        framework=_text(entry, "framework", key),
        version=_text(entry, "version", key),
        controls=_texts(entry, "controls", key),
    )

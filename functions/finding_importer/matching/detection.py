"""One entry of detections.json, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ..errors import DetectionsError
from .index import Needs, needs
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    framework: str
    version: str
    controls: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.framework} {self.version}: {', '.join(self.controls)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    id: str  # of the Sigma rule
    name: str
    title: str
    description: str
    severity: str  # an ASFF Severity.Label
    priority: Priority  # which topic tells people
    types: tuple[str, ...]
    compliance: tuple[Compliance, ...]
    next_steps: tuple[str, ...]
    runbook: str  # its https address, or its path in the project
    matches: Predicate
    needs: Needs | None  # without which nothing matches

    @property
    def runbook_url(self) -> str | None:
        return self.runbook if self.runbook.startswith("https://") else None

    @classmethod
    def parse(cls, entry: Any, where: str) -> Self:
        """Raise DetectionsError, which says where in the file, for what is missing or wrong."""
        if not isinstance(entry, dict):
            raise DetectionsError(where, f"expected an object, found {entry!r}")
        predicate = entry.get("predicate")
        return cls(
            id=_text(entry, "id", where),
            name=_name(entry, where),
            title=_text(entry, "title", where),
            description=_text(entry, "description", where),
            severity=_severity(entry, where),
            priority=_priority(entry, where),
            types=_types(entry, where),
            compliance=_compliance(entry, where),
            next_steps=_texts(entry, "next_steps", where),
            runbook=_text(entry, "runbook", where),
            matches=compile_predicate(predicate, f"{where}.predicate"),
            needs=needs(predicate),
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


def _priority(entry: Mapping[str, Any], where: str) -> Priority:
    match _text(entry, "priority", where):
        case "high" | "low" as priority:
            return priority
        case other:
            raise DetectionsError(f"{where}.priority", f"expected high or low, found {other!r}")


def _types(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    types = _texts(entry, "types", where)
    for finding_type in types:
        if finding_type.split("/")[0] not in _TYPE_NAMESPACES:
            raise DetectionsError(
                f"{where}.types",
                f"expected a namespace of {', '.join(_TYPE_NAMESPACES)}, found {finding_type!r}",
            )
    return types


def _compliance(entry: Mapping[str, Any], where: str) -> tuple[Compliance, ...]:
    where, mappings = f"{where}.compliance", entry.get("compliance")
    if not isinstance(mappings, list) or not all(isinstance(one, dict) for one in mappings):
        raise DetectionsError(where, f"expected an array of objects, found {mappings!r}")
    return tuple(_mapping(one, f"{where}[{i}]") for i, one in enumerate(mappings))


def _mapping(mapping: Mapping[str, Any], where: str) -> Compliance:
    return Compliance(
        framework=_text(mapping, "framework", where),
        version=_text(mapping, "version", where),
        controls=_texts(mapping, "controls", where),
    )

"""The detections that ship: one folder each, read from its Sigma rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from yaml import YAMLError

from detections.conditions import Condition, from_sigma
from detections.errors import DetectionError

CATALOG = Path(__file__).parent
SEVERITIES = {
    "informational": "INFORMATIONAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "critical": "CRITICAL",
}  # Sigma's level to ASFF's Severity.Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    name: str  # the folder's name; part of metric, alarm and finding names
    id: str  # the Sigma rule's UUID
    title: str
    description: str
    severity: str  # ASFF Severity.Label
    types: tuple[str, ...]  # ASFF finding types
    next_steps: tuple[str, ...]
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A CloudTrail record with what the detection must say of it."""

    name: str
    matches: bool
    why: str
    record: dict[str, Any]


def load(catalog: Path = CATALOG) -> tuple[Detection, ...]:
    """Every folder that holds a `rule.yml`, by name. Raises DetectionError."""
    folders = sorted(path.parent for path in catalog.glob("*/rule.yml"))
    return tuple(load_detection(folder) for folder in folders)


def load_detection(folder: Path) -> Detection:
    rule = _rule(folder)
    custom = rule.custom_attributes.get("rootwatch")
    if not isinstance(custom, dict):
        raise DetectionError(folder.name, "rootwatch", "must be a mapping with types, next_steps")
    if rule.level is None or rule.id is None:
        raise DetectionError(folder.name, "level, id", "a rule needs both")
    return Detection(
        name=folder.name,
        id=str(rule.id),
        title=rule.title,
        description=rule.description or rule.title,
        severity=SEVERITIES[rule.level.name.lower()],
        types=_strings(folder.name, custom, "types"),
        next_steps=_strings(folder.name, custom, "next_steps"),
        condition=from_sigma(folder.name, rule),
    )


def samples(detection: str, catalog: Path = CATALOG) -> tuple[Sample, ...]:
    return tuple(map(_sample, sorted((catalog / detection / "samples").glob("*.json"))))


def _rule(folder: Path) -> SigmaRule:
    try:
        rule = SigmaRule.from_yaml((folder / "rule.yml").read_text(encoding="utf-8"))
    except (SigmaError, YAMLError) as error:
        raise DetectionError(folder.name, "rule.yml", str(error)) from error
    source = rule.logsource
    if (source.product, source.service) != ("aws", "cloudtrail"):
        raise DetectionError(folder.name, "logsource", "must be product aws, service cloudtrail")
    return rule


def _strings(detection: str, custom: dict[str, Any], key: str) -> tuple[str, ...]:
    values = custom.get(key)
    if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise DetectionError(detection, f"rootwatch.{key}", "must be a list of strings")


def _sample(path: Path) -> Sample:
    document = json.loads(path.read_text(encoding="utf-8"))
    return Sample(
        name=path.stem,
        matches={"match": True, "no-match": False}[document["expect"]],
        why=document["why"],
        record=document["record"],
    )

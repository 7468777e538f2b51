"""A detection, as its folder defines it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compiler.conditions import ConditionTree

type Level = Literal["informational", "low", "medium", "high", "critical"]
type Priority = Literal["high", "low"]
type Evaluator = Literal["metric_filter", "importer"]

LEVELS = ("informational", "low", "medium", "high", "critical")  # ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    framework: str
    version: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The number of matching records within a period that raises the alarm."""

    count: int = 1
    seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRule:
    """The part of a detection that the compiler needs."""

    name: str
    condition: ConditionTree
    metric_filter_pattern: str | None = None  # literal, if a benchmark prescribes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(DetectionRule):
    """`name` is the name of the folder, and part of the names of metric, alarm and finding."""

    folder: Path
    pack: str | None
    id: str  # UUID of the Sigma rule
    title: str
    description: str
    level: Level
    tags: tuple[str, ...]  # of Sigma, such as attack.t1078.004
    evaluated_by: frozenset[Evaluator]
    priority: Priority  # of the notification: selects the topic
    types: tuple[str, ...]  # ASFF finding types
    compliance: tuple[Compliance, ...]
    next_steps: tuple[str, ...]
    threshold: Threshold

    @property
    def runbook_path(self) -> str:
        """Relative to the folder of the catalog."""
        folders = [self.pack, self.name] if self.pack else [self.name]
        return "/".join([*folders, "runbook.md"])

    @property
    def severity(self) -> str:
        """The Severity.Label in ASFF."""
        return self.level.upper()

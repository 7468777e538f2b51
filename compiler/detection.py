"""What is known of a detection once its folder is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compiler.conditions import ConditionTree

type Level = Literal["informational", "low", "medium", "high", "critical"]
type Priority = Literal["high", "low"]
type Evaluator = Literal["metric_filter", "importer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    framework: str
    version: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The alarm goes up at so many matching records within a time."""

    count: int = 1
    seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRule:
    """The part of a detection that the compiler needs."""

    name: str
    condition: ConditionTree
    metric_filter_pattern: str | None = None  # word for word, where a benchmark prescribes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(DetectionRule):
    """`name` is the folder's name; part of metric, alarm and finding names."""

    folder: Path
    pack: str | None
    id: str  # the Sigma rule's UUID
    title: str
    description: str
    level: Level
    tags: tuple[str, ...]  # Sigma's, such as attack.t1078.004
    evaluated_by: frozenset[Evaluator]
    priority: Priority  # which topic tells people
    types: tuple[str, ...]  # ASFF finding types
    compliance: tuple[Compliance, ...]
    next_steps: tuple[str, ...]
    threshold: Threshold

    @property
    def runbook_path(self) -> str:
        """From the catalog's folder on."""
        folders = [self.pack, self.name] if self.pack else [self.name]
        return "/".join([*folders, "runbook.md"])

    @property
    def severity(self) -> str:
        """ASFF's Severity.Label."""
        return self.level.upper()

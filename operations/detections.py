"""Detections as each target expresses them, and which of them match CloudTrail records."""

import difflib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection, DetectionRule
from compiler.predicate import predicate
from compiler.rule_file import read_rule
from functions.finding_importer.matching.cloudtrail import Record
from functions.finding_importer.matching.index import Needs, needs
from functions.finding_importer.matching.predicate import Predicate, compile_predicate
from functions.finding_importer.matching.rules import Ruleset
from operations.records.input import chunks
from operations.records.stream import Batch, RecordStream, Unreadable

TARGETS: dict[str, Callable[[DetectionRule], str]] = {
    "cloudwatch": metric_pattern,
    "importer": lambda rule: json.dumps(predicate(rule.condition)),
}


class UnknownDetectionError(Exception):
    """Neither a detection of the catalog nor a rule file has the name."""


def find_rule(
    name: str, detections: Sequence[Detection], placeholders: Mapping[str, str]
) -> DetectionRule:
    """The detection with this name or rule ID, else the rule file of this path.

    Raises UnknownDetectionError, and DetectionError where the file is not a supported rule.
    """
    for detection in detections:
        if name in {detection.name, detection.id}:
            return detection
    path = Path(name) / "rule.yml" if Path(name).is_dir() else Path(name)
    if path.is_file():
        return DetectionRule(name=path.stem, condition=read_rule(path, placeholders))
    nearest = difflib.get_close_matches(name, [one.name for one in detections], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`rootwatch detections list` lists them"
    raise UnknownDetectionError(
        f"got {name}, expected a detection's name, a rule ID or the path of a rule file; {hint}"
    )


def entry(detection: Detection) -> dict[str, Any]:
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


@dataclass(frozen=True, slots=True)
class Rule:
    """A detection as far as matching goes, also one that the importer does not evaluate."""

    id: str
    name: str
    matches: Predicate
    needs: Needs | None


type Rules = Ruleset[Rule]
type LineOf = Callable[[str, tuple[Rule, ...]], str]  # of an event ID and the rules that match


@dataclass(frozen=True, slots=True)
class Matched:
    """A line for each record of a part of the input, and the errors of what is not a record."""

    lines: list[str]
    errors: list[str]


def ruleset(detections: Iterable[Detection]) -> Rules:
    return Ruleset.of(tuple(map(_rule, detections)))


def match(stream: io.BufferedReader, rules: Rules, line_of: LineOf) -> Iterator[Matched]:
    """In the order of the input. Raises InputError where the input cannot be read further."""
    records = RecordStream(chunks(stream))
    for batch in records.batches():
        yield _matched(batch, rules, line_of)
    if records.window.failure:
        raise records.window.failure


def _rule(detection: Detection) -> Rule:
    node = predicate(detection.condition)
    return Rule(detection.id, detection.name, compile_predicate(node, detection.name), needs(node))


def _matched(batch: Batch, rules: Rules, line_of: LineOf) -> Matched:
    matched, matching = Matched([], []), rules.matching
    for index, value in enumerate(batch.values):
        try:
            record = record_in(value)
        except BadRecordError as error:
            matched.errors.append(f"{batch.where(index)}: {error}")
        else:
            matched.lines.append(line_of(record["eventID"], matching(record)))
    return matched


class BadRecordError(ValueError):
    """A value is not a CloudTrail record; the message says why."""


def record_in(value: Any) -> Record:
    """The record that the value is, or that it is the EventBridge event of; it has an eventID.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    if isinstance(value, Unreadable):
        raise BadRecordError(value.reason)
    if type(value) is not dict:
        raise BadRecordError("expected a JSON object")
    if type(value.get("eventID")) is str:
        return value
    if "detail-type" in value and "eventID" not in value:
        return _detail(value)
    raise BadRecordError(_without_id(value, "eventID"))


def _detail(event: Record) -> Record:
    detail = event.get("detail")
    if type(detail) is not dict:
        raise BadRecordError("detail: expected a JSON object")
    if type(detail.get("eventID")) is not str:
        raise BadRecordError(_without_id(detail, "detail.eventID"))
    return detail


def _without_id(record: Record, field: str) -> str:
    missing = "" if "eventID" in record else "missing, "
    return f"{field}: {missing}expected a string"

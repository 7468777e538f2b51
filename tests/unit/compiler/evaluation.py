"""Evaluates records with the compiled detections, and with a reference evaluation of conditions."""

import json
import operator
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from compiler import cloudwatch
from compiler import predicate as importer
from compiler.catalog import load
from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Leaf,
    Not,
    StringPattern,
    Wildcard,
)
from compiler.detection import Detection, Threshold
from functions.finding_importer.matching.rules import Ruleset
from sandbox.cloudtrail.sign_ins import Record
from sandbox.logs import filter_pattern
from sandbox.logs.filter_pattern import FilterPattern

ABSENT = object()
OPERATORS = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


def metric(condition: ConditionTree) -> str:
    return cloudwatch.metric_pattern(detection(condition))


def subscription(*conditions: ConditionTree) -> str:
    return cloudwatch.subscription_pattern([detection(one) for one in conditions])


def metric_filter_matches(one: Detection, record: Record) -> bool:
    return pattern_matches(_metric_pattern(one), record)


def subscription_matches(detections: Sequence[Detection], record: Record) -> bool:
    return pattern_matches(_subscription_pattern(tuple(detections)), record)


def importer_matches(detections: Sequence[Detection], record: Record) -> bool:
    return bool(_ruleset(tuple(detections)).matching(record))


def pattern_matches(pattern: str, record: Record) -> bool:
    """As the sandbox evaluates the pattern; the empty pattern matches every record."""
    return not pattern or _parsed(pattern).matches(json.dumps(record))


@cache
def _parsed(pattern: str) -> FilterPattern:
    return filter_pattern.parse(pattern)


@cache
def _metric_pattern(one: Detection) -> str:
    return cloudwatch.metric_pattern(one)


@cache
def _subscription_pattern(detections: tuple[Detection, ...]) -> str:
    return cloudwatch.subscription_pattern(detections)


@cache
def _ruleset(detections: tuple[Detection, ...]) -> Ruleset[Any]:
    return Ruleset.load(importer.document(detections))


def equals(*written: str, cased: bool = True, field: str = "a.b") -> FieldEquals:
    return FieldEquals(field, tuple(string_pattern(one, cased=cased) for one in written))


def string_pattern(written: str, *, cased: bool = True) -> StringPattern:
    """`*` and `?` are wildcards, but literal after a backslash."""
    wildcards = {"*": Wildcard.MANY, "?": Wildcard.ONE}
    parts = re.findall(r"[*?]|(?:\\.|[^*?\\])+", written)
    return StringPattern(
        tuple(
            wildcards.get(part, re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)) for part in parts
        ),
        cased,
    )


def condition_matches(condition: ConditionTree, record: Record) -> bool:
    """The reference: the definition of each node, evaluated without any compilation."""
    match condition:
        case AllOf(parts):
            return all(condition_matches(part, record) for part in parts)
        case AnyOf(parts):
            return any(condition_matches(part, record) for part in parts)
        case Not(part):
            return not condition_matches(part, record)
        case _:
            return _leaf_matches(condition, value_of(record, condition.field))


def value_of(record: Any, field: str) -> Any:
    for step in field.split("."):
        record = record.get(step, ABSENT) if isinstance(record, dict) else ABSENT
    return record


def regex_matches(regex: str, flags: frozenset[str], value: str) -> bool:
    combined = re.ASCII
    for flag in flags:
        combined |= FLAGS[flag]
    return re.search(regex, value, combined) is not None


def _leaf_matches(leaf: Leaf, value: Any) -> bool:
    match leaf:
        case FieldEquals(_, patterns):
            return isinstance(value, str) and any(_string_matches(one, value) for one in patterns)
        case FieldMatchesRegex(_, regex, flags):
            return isinstance(value, str) and regex_matches(regex, flags, value)
        case FieldCompares(_, order, number):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and bool(OPERATORS[order](value, number))
        case FieldIsBoolean(_, expected):
            return value is expected
        case FieldIsNull():
            return value is None or value is ABSENT
        case FieldExists():
            return value is not ABSENT


def _string_matches(pattern: StringPattern, value: str) -> bool:
    wildcards = {Wildcard.MANY: "(?s:.*)", Wildcard.ONE: "(?s:.)"}
    regex = "".join(
        wildcards[part] if isinstance(part, Wildcard) else re.escape(part) for part in pattern.parts
    )
    flags = re.ASCII if pattern.cased else re.ASCII | re.IGNORECASE
    return re.fullmatch(regex, value, flags) is not None


SHIPPED = load()  # read once for all tests, because it takes about a second
RULE: dict[str, Any] = {
    "title": "A title",
    "id": "2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e01",
    "status": "test",
    "description": "A description.",
    "level": "high",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {"event": {"eventName|cased": "DeleteTrail"}, "condition": "event"},
    "rootwatch": {
        "evaluated_by": ["metric_filter", "importer"],
        "types": ["TTPs/Defense Evasion"],
        "next_steps": ["Ask who did it."],
    },
}


def write(catalog: Path, name: str, **changes: Any) -> Path:
    """Creates the folder of a detection. A change to None removes the key."""
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not None}
    folder = catalog / name
    folder.mkdir(parents=True)
    (folder / "rule.yml").write_text(json.dumps(rule), encoding="utf-8")  # JSON is YAML
    return folder


def detection(condition: ConditionTree) -> Detection:
    return Detection(
        name="drawn",
        folder=Path("drawn"),
        pack=None,
        id=RULE["id"],
        title=RULE["title"],
        description=RULE["description"],
        level="high",
        tags=(),
        evaluated_by=frozenset({"metric_filter", "importer"}),
        priority="high",
        types=("TTPs",),
        compliance=(),
        next_steps=("Ask who did it.",),
        condition=condition,
        threshold=Threshold(),
        metric_filter_pattern=None,
    )

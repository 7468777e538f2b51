"""Reads a `rule.yml`: a Sigma rule, and a correlation if the alarm has a threshold.

https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
https://sigmahq.io/sigma-specification/specification/sigma-correlation-rules-specification.html
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from sigma.collection import SigmaCollection
from sigma.correlations import (
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from compiler.conditions import ConditionTree
from compiler.detection import LEVELS, Compliance, Detection, Level, Threshold
from compiler.errors import DetectionError
from compiler.sigma import read_condition

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
CUSTOM = "rootwatch"  # the block of the rule for keys that Sigma does not define
URGENT = ("high", "critical")  # the levels with high priority by default
MAX_TEXT_CHARACTERS = 900  # of 1,024 for an alarm description, to which the stack appends text
MINUTE = 60  # seconds
# The period of the alarm is longer, and at most one day: an alarm over a longer time is evaluated
# once an hour.
MAX_TIMESPAN_HOURS = 12


def read_detection(folder: Path, pack: str | None, placeholders: Mapping[str, str]) -> Detection:
    """Raises DetectionError, which names the key, the value found and the value expected."""
    if not NAME.fullmatch(folder.name):
        reason = f"got {folder.name}, expected 1 to 100 of a-z, 0-9 and _, a letter first"
        raise DetectionError(folder.name, "folder", reason)
    rule, correlation = _documents(folder.name, folder / "rule.yml")
    level, id_ = _level_and_id(folder.name, rule)
    custom = _custom(folder.name, rule)
    return Detection(
        name=folder.name,
        folder=folder,
        pack=pack,
        id=id_,
        title=rule.title,
        description=_description(folder.name, rule),
        level=level,
        tags=tuple(map(str, rule.tags)),
        evaluated_by=frozenset(custom.get("evaluated_by", ["metric_filter"])),
        priority=custom.get("priority", "high" if level in URGENT else "low"),
        types=tuple(custom.get("types", ())),
        compliance=tuple(map(_compliance, custom.get("compliance", ()))),
        next_steps=tuple(custom.get("next_steps", ())),
        condition=read_condition(folder.name, rule, placeholders),
        threshold=_threshold(folder.name, rule, correlation),
        metric_filter_pattern=custom.get("metric_filter_pattern"),
    )


def read_rule(path: Path, placeholders: Mapping[str, str]) -> ConditionTree:
    """The condition of any Sigma rule for CloudTrail, also without level, ID or block."""
    rule, _ = _documents(path.stem, path)
    return read_condition(path.stem, rule, placeholders)


def _documents(detection: str, path: Path) -> tuple[SigmaRule, SigmaCorrelationRule | None]:
    try:
        text = path.read_text(encoding="utf-8")
        # pySigma's own loader is the same in Python, and takes ten times as long.
        documents = SigmaCollection.from_dicts(list(yaml.load_all(text, yaml.CSafeLoader))).rules
    except (SigmaError, yaml.YAMLError, OSError, ValueError) as error:
        raise DetectionError(detection, path.name, str(error)) from error
    except (AttributeError, TypeError) as error:  # pySigma's, for YAML that is not a mapping
        raise DetectionError(detection, path.name, f"expected a Sigma rule: {error}") from error
    match documents:
        case [SigmaRule() as rule]:
            correlation = None
        case [SigmaRule() as rule, SigmaCorrelationRule() as correlation]:
            pass
        case _:
            reason = (
                f"got {len(documents)} documents, expected one rule and at most one correlation"
            )
            raise DetectionError(detection, path.name, reason)
    source = rule.logsource
    if (source.product, source.service) != ("aws", "cloudtrail"):
        got = f"product {source.product}, service {source.service}"
        reason = f"got {got}, expected product aws, service cloudtrail"
        raise DetectionError(detection, "logsource", reason)
    return rule, correlation


def _description(detection: str, rule: SigmaRule) -> str:
    description = str(rule.description or rule.title)
    length = len(rule.title) + len(description)
    if length > MAX_TEXT_CHARACTERS:
        reason = (
            f"got {length} characters in title and description,"
            f" expected at most {MAX_TEXT_CHARACTERS}"
        )
        raise DetectionError(detection, "description", reason)
    return description


def _level_and_id(detection: str, rule: SigmaRule) -> tuple[Level, str]:
    if rule.level is None:
        raise DetectionError(
            detection, "level", f"got nothing, expected one of {', '.join(LEVELS)}"
        )
    if rule.id is None:
        raise DetectionError(detection, "id", "got nothing, expected a UUID")
    return cast("Level", rule.level.name.lower()), str(rule.id)


def _custom(detection: str, rule: SigmaRule) -> dict[str, Any]:
    custom = rule.custom_attributes.get(CUSTOM, {})
    error = best_match(_validator().iter_errors(custom))
    if error is not None:
        where = error.json_path.replace("$", CUSTOM, 1)
        raise DetectionError(detection, where, _schema_reason(error))
    return cast("dict[str, Any]", custom)


def _schema_reason(error: ValidationError) -> str:
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "required":
            keys: Any = error.validator_value
            absent = next(key for key in keys if key not in instance)
            return f"got no {absent}, expected the keys {', '.join(keys)}"
        case "additionalProperties":
            unknown = next(key for key in instance if key not in schema["properties"])
            return f"got the key {unknown}, expected one of {', '.join(schema['properties'])}"
    return f"got {json.dumps(instance, default=str)}, expected {schema['description']}"


@cache
def _validator() -> Draft202012Validator:
    schema = Path(__file__).with_name("rootwatch.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(schema))


def _compliance(entry: dict[str, Any]) -> Compliance:
    return Compliance(
        framework=entry["framework"], version=entry["version"], controls=tuple(entry["controls"])
    )


def _threshold(
    detection: str, rule: SigmaRule, correlation: SigmaCorrelationRule | None
) -> Threshold:
    """The threshold of an alarm on the sum of one metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    if correlation is None:
        return Threshold()
    if correlation.type is not SigmaCorrelationType.EVENT_COUNT or correlation.group_by:
        grouped = " with group-by" if correlation.group_by else ""
        reason = (
            f"got type {correlation.type.name.lower()}{grouped}, expected type event_count without"
            " group-by: an alarm counts the records of all accounts together"
        )
        raise DetectionError(detection, "correlation", reason)
    referenced = [reference.reference for reference in correlation.rules or ()]
    if referenced != [rule.name]:
        got = ", ".join(referenced)
        reason = f"got {got}, expected only {rule.name}, the name of the rule in this file"
        raise DetectionError(detection, "correlation.rules", reason)
    return Threshold(count=_count(detection, correlation), seconds=_seconds(detection, correlation))


def _count(detection: str, correlation: SigmaCorrelationRule) -> int:
    condition: Any = correlation.condition
    at_least = {
        SigmaCorrelationConditionOperator.GTE: condition.count,
        SigmaCorrelationConditionOperator.GT: condition.count + 1,
    }.get(condition.op, 0)
    if at_least < 1:
        reason = (
            f"got {condition.op.name.lower()} {condition.count},"
            " expected gte or gt with a number that requires at least one record"
        )
        raise DetectionError(detection, "correlation.condition", reason)
    return int(at_least)


def _seconds(detection: str, correlation: SigmaCorrelationRule) -> int:
    seconds = int(correlation.timespan.seconds)
    if seconds % MINUTE or not MINUTE <= seconds <= MAX_TIMESPAN_HOURS * 60 * MINUTE:
        reason = (
            f"got {correlation.timespan.spec},"
            f" expected whole minutes, at most {MAX_TIMESPAN_HOURS} hours"
        )
        raise DetectionError(detection, "correlation.timespan", reason)
    return seconds

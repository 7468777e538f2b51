"""One detection's `rule.yml`: a Sigma rule, with a correlation where the alarm is on a count.

https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
https://sigmahq.io/sigma-specification/specification/sigma-correlation-rules-specification.html
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from sigma.collection import SigmaCollection
from sigma.correlations import (
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from yaml import YAMLError

from compiler.conditions import ConditionTree
from compiler.detection import Compliance, Detection, Level, Threshold
from compiler.errors import DetectionError
from compiler.sigma import read_condition

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
CUSTOM = "rootwatch"  # the rule's block for what Sigma has no field for
URGENT = ("high", "critical")  # the levels that are told with priority, unless the rule says other
TEXT_CHARACTERS = 900  # of an alarm's 1,024; the rest is for what is added to every description
MINUTE_SECONDS, DAY_SECONDS = 60, 86_400


def read_detection(folder: Path, pack: str | None, placeholders: Mapping[str, str]) -> Detection:
    """DetectionError says which key is wrong and what would be right."""
    if not NAME.fullmatch(folder.name):
        reason = "a folder's name is 1 to 100 of a-z, 0-9 and _, a letter first"
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
    """The condition of any Sigma rule for CloudTrail, no matter what else it has or lacks."""
    rule, _ = _documents(path.stem, path)
    return read_condition(path.stem, rule, placeholders)


def _documents(detection: str, path: Path) -> tuple[SigmaRule, SigmaCorrelationRule | None]:
    try:
        documents = SigmaCollection.from_yaml(path.read_text(encoding="utf-8")).rules
    except (SigmaError, YAMLError, OSError, ValueError) as error:
        raise DetectionError(detection, path.name, str(error)) from error
    except (AttributeError, TypeError) as error:  # pySigma, of what is YAML but no mapping
        raise DetectionError(detection, path.name, f"is no Sigma rule: {error}") from error
    match documents:
        case [SigmaRule() as rule]:
            correlation = None
        case [SigmaRule() as rule, SigmaCorrelationRule() as correlation]:
            pass
        case _:
            reason = "must hold one rule, and after it at most one correlation"
            raise DetectionError(detection, path.name, reason)
    if (rule.logsource.product, rule.logsource.service) != ("aws", "cloudtrail"):
        raise DetectionError(detection, "logsource", "must be product aws, service cloudtrail")
    return rule, correlation


def _description(detection: str, rule: SigmaRule) -> str:
    description = str(rule.description or rule.title)
    length = len(rule.title) + len(description)
    if length > TEXT_CHARACTERS:
        reason = f"title and description have {length} characters; {TEXT_CHARACTERS} fit"
        raise DetectionError(detection, "description", reason)
    return description


def _level_and_id(detection: str, rule: SigmaRule) -> tuple[Level, str]:
    if rule.level is None or rule.id is None:
        raise DetectionError(detection, "level, id", "a rule needs both")
    return cast("Level", rule.level.name.lower()), str(rule.id)


def _custom(detection: str, rule: SigmaRule) -> dict[str, Any]:
    custom = rule.custom_attributes.get(CUSTOM, {})
    error = best_match(_validator().iter_errors(custom))
    if error is not None:
        where = error.json_path.replace("$", CUSTOM, 1)
        described = error.schema.get("description") if isinstance(error.schema, dict) else None
        reason = f"{error.message}; allowed: {described}" if described else error.message
        raise DetectionError(detection, where, reason)
    return cast("dict[str, Any]", custom)


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
    """What an alarm on the sum of one metric can count.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    if correlation is None:
        return Threshold()
    if correlation.type is not SigmaCorrelationType.EVENT_COUNT or correlation.group_by:
        reason = "an alarm counts records, all accounts together: type event_count, no group-by"
        raise DetectionError(detection, "correlation", reason)
    if [reference.reference for reference in correlation.rules or ()] != [rule.name]:
        raise DetectionError(detection, "correlation.rules", "must be the rule above, by its name")
    return Threshold(count=_count(detection, correlation), seconds=_seconds(detection, correlation))


def _count(detection: str, correlation: SigmaCorrelationRule) -> int:
    condition: Any = correlation.condition
    at_least = {
        SigmaCorrelationConditionOperator.GTE: condition.count,
        SigmaCorrelationConditionOperator.GT: condition.count + 1,
    }.get(condition.op, 0)
    if at_least < 1:
        reason = "must be gte or gt with a number, so that one record or more is needed"
        raise DetectionError(detection, "correlation.condition", reason)
    return int(at_least)


def _seconds(detection: str, correlation: SigmaCorrelationRule) -> int:
    seconds = int(correlation.timespan.seconds)
    if seconds % MINUTE_SECONDS or not MINUTE_SECONDS <= seconds <= DAY_SECONDS:
        reason = f"{correlation.timespan.spec}: an alarm takes whole minutes, at most a day"
        raise DetectionError(detection, "correlation.timespan", reason)
    return seconds

"""Detections as CloudWatch Logs filter patterns.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import re
from collections.abc import Mapping, Sequence

from compiler.cloudwatch.expression import (
    MOST_REGEXES,
    PATTERN_CHARACTERS,
    Expression,
    UnsayableError,
    either,
    every,
    fitting,
    regexes,
    written,
)
from compiler.cloudwatch.shortening import shortened
from compiler.cloudwatch.subscription import subscription_pattern
from compiler.cloudwatch.terms import JsonType, compared_types, fails, holds
from compiler.conditions import AllOf, AnyOf, Condition, Not
from compiler.detection import Detection, Rule
from compiler.errors import DetectionError

__all__ = ["PATTERN_CHARACTERS", "check_log_group", "metric_pattern", "subscription_pattern"]

METRIC_FILTERS = 100  # that a log group takes
REGEX_PATTERNS = 5  # that a log group takes, of metric and subscription filters together

_QUOTED = re.compile('"[^"]*"')
_CONDITION = "detection.condition"
_PRESCRIBED = "rootwatch.metric_filter_pattern"
_OTHER_WAY_OUT = "split the rule, or let the importer alone evaluate it"
_WAY_OUT = "compare |cased, without wildcards in the middle, or let the importer alone evaluate it"


def metric_pattern(detection: Rule) -> str:
    """Exactly the records that the detection matches, or its own pattern word for word.

    One exception, which the language cannot say: a compared field that holds an object, an array
    or a scalar of a type that the rule does not compare it with, where CloudTrail documents none.
    Raises DetectionError for what the language cannot say and for what no filter takes.
    """
    prescribed = detection.metric_filter_pattern
    if prescribed is None:
        return _rendered(detection)
    if len(prescribed) > PATTERN_CHARACTERS:
        raise DetectionError(detection.name, _PRESCRIBED, _too_long(prescribed))
    return prescribed


def check_log_group(detections: Sequence[Detection]) -> None:
    """Raises DetectionError where all of them together are more than one log group takes."""
    metrics = [one for one in detections if "metric_filter" in one.evaluated_by]
    if len(metrics) > METRIC_FILTERS:
        reason = f"{len(metrics)} metric filters; a log group takes {METRIC_FILTERS}"
        raise DetectionError(_names(metrics[METRIC_FILTERS:]), "rootwatch.evaluated_by", reason)
    with_regex = [one for one in metrics if _has_regex(metric_pattern(one))]
    imported = [one for one in detections if "importer" in one.evaluated_by]
    patterns = len(with_regex) + (bool(imported) and _has_regex(subscription_pattern(imported)))
    if patterns > REGEX_PATTERNS:
        counted = f"{patterns} patterns with regular expressions, the subscription's included"
        reason = f"{counted}; a log group takes {REGEX_PATTERNS}: {_WAY_OUT}"
        raise DetectionError(_names(with_regex), _CONDITION, reason)


def _rendered(detection: Rule) -> str:
    types = compared_types(detection.condition)
    try:
        exact = shortened(_exact(detection.condition, types, holding=True))
    except UnsayableError as error:
        raise DetectionError(detection.name, error.field, error.reason) from error
    pattern = fitting(exact)
    if pattern is None:
        raise _no_room(detection, exact)
    return pattern


def _exact(
    condition: Condition, types: Mapping[str, frozenset[JsonType]], *, holding: bool
) -> Expression:
    """What is true of the records of which the condition holds, or does not."""
    match condition:
        case Not(inner):
            return _exact(inner, types, holding=not holding)
        case AllOf(parts) | AnyOf(parts):
            joined = every if isinstance(condition, AllOf) is holding else either
            return joined(_exact(part, types, holding=holding) for part in parts)
        case _:
            return holds(condition, types) if holding else fails(condition, types)


def _no_room(detection: Rule, expression: Expression) -> DetectionError:
    used = regexes(expression)
    if len(used) <= MOST_REGEXES:
        reason = f"{_too_long(written(expression, tight=True))}: {_OTHER_WAY_OUT}"
        return DetectionError(detection.name, _CONDITION, reason)
    fields = ", ".join(dict.fromkeys(term.field for term in used))
    reason = (
        f"its pattern needs {len(used)} regular expressions, for {fields}; "
        f"at most {MOST_REGEXES} fit: {_WAY_OUT}"
    )
    return DetectionError(detection.name, _CONDITION, reason)


def _too_long(pattern: str) -> str:
    return f"its pattern has {len(pattern)} characters; at most {PATTERN_CHARACTERS} fit"


def _has_regex(pattern: str) -> bool:
    return "%" in _QUOTED.sub("", pattern)


def _names(detections: Sequence[Detection]) -> str:
    return ", ".join(detection.name for detection in detections)

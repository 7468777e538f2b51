"""Compiles detections to CloudWatch Logs filter patterns.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import re
from collections.abc import Mapping, Sequence

from compiler.cloudwatch.expression import (
    MAX_CHARACTERS,
    MAX_REGEXES,
    PatternExpression,
    conjunction,
    disjunction,
    format_pattern,
    format_within_limits,
    regex_terms,
)
from compiler.cloudwatch.simplification import simplify
from compiler.cloudwatch.subscription import subscription_pattern
from compiler.cloudwatch.terms import (
    JsonType,
    compared_types,
    leaf_expression,
    negated_leaf_expression,
)
from compiler.conditions import AllOf, AnyOf, ConditionTree, Not
from compiler.detection import Detection, DetectionRule
from compiler.errors import DetectionError, UnsupportedConditionError

__all__ = ["check_log_group", "metric_pattern", "subscription_pattern"]

MAX_METRIC_FILTERS = 100  # of a log group
MAX_REGEX_PATTERNS = 5  # of a log group, in metric and subscription filters together

_QUOTED = re.compile('"[^"]*"')
_CONDITION = "detection.condition"
_PRESCRIBED = "rootwatch.metric_filter_pattern"
_SPLIT = "split the rule, or let only the importer evaluate it"
_AVOID_REGEXES = (
    "compare with |cased and without wildcards in the middle, or let only the importer evaluate"
    " the rule"
)


def metric_pattern(rule: DetectionRule) -> str:
    """Matches exactly the records that the rule matches; a prescribed pattern is used unchanged.

    The pattern may miss records that CloudTrail does not document: those in which a compared field
    is an object, an array or a scalar of a type that the rule does not compare it with.

    Raises DetectionError for a condition that the syntax does not support or that exceeds the
    limits of a filter.
    """
    prescribed = rule.metric_filter_pattern
    if prescribed is None:
        return _compile(rule)
    if len(prescribed) > MAX_CHARACTERS:
        raise DetectionError(rule.name, _PRESCRIBED, _too_long(prescribed))
    return prescribed


def check_log_group(detections: Sequence[Detection]) -> None:
    """Raises DetectionError if all detections together exceed the limits of a log group."""
    metrics = [one for one in detections if "metric_filter" in one.evaluated_by]
    if len(metrics) > MAX_METRIC_FILTERS:
        reason = (
            f"got {len(metrics)} metric filters,"
            f" expected at most {MAX_METRIC_FILTERS} for a log group"
        )
        raise DetectionError(_names(metrics[MAX_METRIC_FILTERS:]), "rootwatch.evaluated_by", reason)
    with_regex = [one for one in metrics if _has_regex(metric_pattern(one))]
    imported = [one for one in detections if "importer" in one.evaluated_by]
    patterns = len(with_regex) + (bool(imported) and _has_regex(subscription_pattern(imported)))
    if patterns > MAX_REGEX_PATTERNS:
        reason = (
            f"got {patterns} patterns with regular expressions, the subscription filter included;"
            f" expected at most {MAX_REGEX_PATTERNS} for a log group: {_AVOID_REGEXES}"
        )
        raise DetectionError(_names(with_regex), _CONDITION, reason)


def _compile(rule: DetectionRule) -> str:
    types = compared_types(rule.condition)
    try:
        exact = simplify(_exact(rule.condition, types, negated=False))
    except UnsupportedConditionError as error:
        raise DetectionError(rule.name, error.field, error.reason) from error
    pattern = format_within_limits(exact)
    if pattern is None:
        raise DetectionError(rule.name, _CONDITION, _exceeded_limit(exact))
    return pattern


def _exact(
    condition: ConditionTree, types: Mapping[str, frozenset[JsonType]], *, negated: bool
) -> PatternExpression:
    """True where the condition is true, or false if it is negated: in negation normal form."""
    match condition:
        case Not(inner):
            return _exact(inner, types, negated=not negated)
        case AllOf(parts) | AnyOf(parts):
            join = disjunction if isinstance(condition, AllOf) is negated else conjunction
            return join(_exact(part, types, negated=negated) for part in parts)
        case _ if negated:
            return negated_leaf_expression(condition, types)
        case _:
            return leaf_expression(condition, types)


def _exceeded_limit(expression: PatternExpression) -> str:
    regexes = regex_terms(expression)
    if len(regexes) <= MAX_REGEXES:
        return f"{_too_long(format_pattern(expression, compact=True))}: {_SPLIT}"
    fields = ", ".join(dict.fromkeys(term.field for term in regexes))
    return (
        f"the filter pattern has {len(regexes)} regular expressions (for {fields}), expected at"
        f" most {MAX_REGEXES}: {_AVOID_REGEXES}"
    )


def _too_long(pattern: str) -> str:
    return f"the filter pattern has {len(pattern)} characters, expected at most {MAX_CHARACTERS}"


def _has_regex(pattern: str) -> bool:
    return "%" in _QUOTED.sub("", pattern)


def _names(detections: Sequence[Detection]) -> str:
    return ", ".join(detection.name for detection in detections)

"""One filter pattern for the subscription of the finding importer.

It matches every record that any detection of the importer matches, whatever the types of its
fields; the importer decides. Each record in excess costs time of the importer, so the pattern is as
selective as the limits of a filter allow:

1. The union of the conditions without negations (ADR 0003) and without tests for null and
   existence, simplified. A comparison that no pattern supports is left out. A string with wildcards
   in the middle becomes a conjunction of its literal parts, without a regular expression.
2. A union that exceeds the limits (1,024 characters, two regular expressions) is widened step by
   step: a step removes one part of a conjunction, or replaces two strings of a field by their
   common prefix. Each step is the one with the lowest estimated cost in additional records for what
   it saves. Steps that save regular expressions come first. The search runs once for each of
   several weights of a term, because a cheap first step can leave only expensive ones, and the
   result with the lowest estimated number of records wins.
3. The empty pattern, which matches every log event, if nothing remains of a condition.

A regular expression that fits stays: it excludes many records and costs one of the five patterns
with regular expressions of a log group.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from os.path import commonprefix

from compiler.cloudwatch.expression import (
    MAX_CHARACTERS,
    MAX_REGEXES,
    Conjunction,
    Disjunction,
    PatternExpression,
    PatternTerm,
    conjunction,
    disjunction,
    format_expression,
    format_pattern,
    format_within_limits,
    property_selector,
    regex_terms,
)
from compiler.cloudwatch.simplification import simplify
from compiler.cloudwatch.terms import Comparing, comparison, quoted_value, string_comparison
from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldEquals,
    FieldExists,
    FieldIsNull,
    Not,
    StringPattern,
    Wildcard,
)
from compiler.detection import Detection
from compiler.errors import UnsupportedConditionError

MATCH_ALL = ""
MATCH_NONE = '{ $.eventName IS NULL && $.eventName = "*" }'

_WEIGHTS = (0.6, 0.8, 1.0)
# Estimates: a term matches one record in 2**bits. They order the patterns; only the number of
# records that the importer receives depends on them.
_FIELD_BITS = {
    "eventName": 10.0,
    "userIdentity.type": 8.0,  # rules compare with Root, which is rare
    "eventSource": 6.0,
    "recipientAccountId": 2.0,
    "awsRegion": 0.5,
}
_BUSY_SOURCES = {f'"{service}.amazonaws.com"' for service in ("ec2", "kms", "s3", "ssm", "sts")}
_BUSY_SOURCE_BITS = 3.0
_PARAMETER_BITS = 9.0  # the name of a resource in requestParameters
_OTHER_STRING_BITS = 3.0
_OTHER_TYPE_BITS = 1.0  # a boolean or a number
_BITS_PER_CHARACTER = 0.8  # of a prefix, a suffix or a part


def subscription_pattern(detections: Sequence[Detection]) -> str:
    """Matches at least the records that any of the detections matches."""
    if not detections:
        return MATCH_NONE
    union = _union(_necessary(detection.condition, negated=False) for detection in detections)
    return MATCH_ALL if union is None else _most_selective(simplify(union))


def _necessary(condition: ConditionTree, *, negated: bool) -> PatternExpression | None:
    """True wherever the condition is true, or false if it is negated; None for always true."""
    match condition:
        case Not(inner):
            return _necessary(inner, negated=not negated)
        case AllOf(parts) | AnyOf(parts):
            join = _union if isinstance(condition, AllOf) is negated else _intersection
            return join(_necessary(part, negated=negated) for part in parts)
        case FieldIsNull() | FieldExists():
            return None
        case _ if negated:
            return None
    try:
        return _necessary_comparison(condition)
    except UnsupportedConditionError:
        return None


def _intersection(parts: Iterable[PatternExpression | None]) -> PatternExpression | None:
    known = [part for part in parts if part is not None]
    return conjunction(known) if known else None


def _union(parts: Iterable[PatternExpression | None]) -> PatternExpression | None:
    every = list(parts)
    known = [part for part in every if part is not None]
    return disjunction(known) if len(known) == len(every) else None


def _necessary_comparison(leaf: Comparing) -> PatternExpression:
    if isinstance(leaf, FieldEquals):
        return disjunction(_necessary_string(leaf.field, one) for one in leaf.patterns)
    return comparison(leaf)


def _necessary_string(field: str, pattern: StringPattern) -> PatternExpression:
    property_selector(field)
    quoted = [quoted_value(literal) for literal in _literals(pattern)]
    terms = [PatternTerm(field, "=", value) for value in quoted if value is not None]
    if terms and len(terms) == len(quoted):
        return conjunction(terms)
    try:
        return string_comparison(field, pattern)
    except UnsupportedConditionError:
        if terms:
            return conjunction(terms)
        raise


def _literals(pattern: StringPattern) -> Iterator[StringPattern]:
    """Each literal part, with a wildcard in place of the parts before and after it."""
    last = len(pattern.parts) - 1
    for index, part in enumerate(pattern.parts):
        if not isinstance(part, Wildcard):
            before = () if index == 0 else (Wildcard.MANY,)
            after = () if index == last else (Wildcard.MANY,)
            yield StringPattern((*before, part, *after), pattern.cased)


@cache
def _most_selective(union: PatternExpression) -> str:
    exact = format_within_limits(union)
    if exact is not None:
        return exact
    candidates = [_widen_to_limits(union, weight) for weight in _WEIGHTS]
    best = min((one for one in candidates if one is not None), key=estimated_share, default=None)
    return (best and format_within_limits(best)) or MATCH_ALL


def _widen_to_limits(union: PatternExpression, weight: float) -> PatternExpression | None:
    while format_within_limits(union) is None:
        step = _cheapest_step(union, weight)
        if step is None:
            return None
        union = simplify(_replace(union, step.path, step.after))
    return union


@dataclass(frozen=True, slots=True)
class _Step:
    """Replaces one part of the union, found by its indexes from the root, with a wider one."""

    path: tuple[int, ...]
    before: PatternExpression
    after: PatternExpression
    cost: float  # the share of all records that match in addition

    @property
    def saved_characters(self) -> int:
        return len(format_expression(self.before)) - len(format_expression(self.after))

    @property
    def saved_regexes(self) -> int:
        return len(regex_terms(self.before)) - len(regex_terms(self.after))


def _cheapest_step(union: PatternExpression, weight: float) -> _Step | None:
    """By cost for each regular expression in excess, or else for each character in excess."""
    regexes = len(regex_terms(union)) - MAX_REGEXES
    excess = regexes if regexes > 0 else len(format_pattern(union, compact=True)) - MAX_CHARACTERS
    prices = {}
    for step in _steps(union, weight):
        saved = min(excess, step.saved_regexes if regexes > 0 else step.saved_characters)
        if saved > 0:
            prices[step] = step.cost / saved
    return min(prices, key=lambda step: prices[step], default=None)


def _steps(
    expression: PatternExpression,
    weight: float,
    path: tuple[int, ...] = (),
    siblings: float = 1.0,
) -> Iterator[_Step]:
    """`siblings` is the share of records that match the conjuncts around the expression."""
    match expression:
        case Conjunction(parts):
            for index, part in enumerate(parts):
                others = conjunction(parts[:index] + parts[index + 1 :])
                share = siblings * estimated_share(others, weight)
                yield _Step(path, expression, others, share * (1 - estimated_share(part, weight)))
                yield from _steps(part, weight, (*path, index), share)
        case Disjunction(parts):
            before = estimated_share(expression, weight)
            for wider in _with_common_prefixes(parts):
                yield _Step(
                    path, expression, wider, siblings * (estimated_share(wider, weight) - before)
                )
            for index, part in enumerate(parts):
                yield from _steps(part, weight, (*path, index), siblings)


def _with_common_prefixes(parts: Sequence[PatternExpression]) -> Iterator[PatternExpression]:
    """The disjunction of the parts with two strings of a field replaced by their common prefix."""
    strings = sorted(
        (part.field, part.value.strip('"').rstrip("*"), index)
        for index, part in enumerate(parts)
        if isinstance(part, PatternTerm) and part.operator == "=" and part.value.startswith('"')
    )
    for (field, one, first), (same, other, second) in pairwise(strings):
        prefix = commonprefix([one, other])  # noqa: RUF071  of strings, not of paths
        value = quoted_value(StringPattern((prefix, Wildcard.MANY))) if prefix else None
        if field == same and value is not None:
            rest = (part for index, part in enumerate(parts) if index not in {first, second})
            yield disjunction([PatternTerm(field, "=", value), *rest])


def _replace(
    expression: PatternExpression, path: tuple[int, ...], part: PatternExpression
) -> PatternExpression:
    if not path or isinstance(expression, PatternTerm):
        return part
    index, *below = path
    parts = list(expression.parts)
    parts[index] = _replace(parts[index], tuple(below), part)
    return conjunction(parts) if isinstance(expression, Conjunction) else disjunction(parts)


def estimated_share(expression: PatternExpression, weight: float = 1.0) -> float:
    """The share of an organization's records that match, between 0 and 1.

    The estimate assumes that terms are independent. A weight below 1 makes each term less
    selective.
    """
    match expression:
        case PatternTerm():
            bits = weight * _bits(expression)
            return float(min(1.0, _alternatives(expression) * 2**-bits))
        case Conjunction(parts):
            return math.prod(estimated_share(part, weight) for part in parts)
        case Disjunction(parts):
            return min(1.0, sum(estimated_share(part, weight) for part in parts))


def _alternatives(term: PatternTerm) -> int:
    return term.value.count("|") + 1 if term.is_regex else 1


def _bits(term: PatternTerm) -> float:
    if not term.value.startswith(('"', "%")):
        return _OTHER_TYPE_BITS
    bits = _string_bits(term)
    if term.value.startswith('"*') or term.value.endswith('*"'):
        return min(bits, _BITS_PER_CHARACTER * len(term.value.strip('"*')))
    return bits


def _string_bits(term: PatternTerm) -> float:
    if term.field == "eventSource" and term.value in _BUSY_SOURCES:
        return _BUSY_SOURCE_BITS
    is_parameter = term.field.startswith("requestParameters.")
    return _FIELD_BITS.get(term.field, _PARAMETER_BITS if is_parameter else _OTHER_STRING_BITS)

"""A rule's condition as a small tree that every rendering reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.exceptions import SigmaError
from sigma.types import SigmaCasedString

from detections.errors import DetectionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sigma.rule import SigmaRule


@dataclass(frozen=True, slots=True)
class FieldIs:
    """The field holds one of these strings, compared with case; false where it is absent."""

    field: str  # dotted path into the CloudTrail record
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


type Condition = FieldIs | AllOf | AnyOf | Not


def from_sigma(detection: str, rule: SigmaRule) -> Condition:
    """Read the rule's one condition.

    Supported are `and`, `or`, `not`, `1 of`, `all of` over fields with `|cased` strings.
    Raises DetectionError for everything else: CloudWatch compares with case, so a field
    without `|cased` would mean one thing in Sigma and another in the deployed pattern.
    """
    parsed = rule.detection.parsed_condition
    if len(parsed) != 1:
        raise DetectionError(detection, "detection.condition", "write exactly one condition")
    try:
        condition = parsed[0].parse()
    except SigmaError as error:
        raise DetectionError(detection, "detection.condition", str(error)) from error
    return _read(detection, condition)


def _read(detection: str, node: object) -> Condition:
    match node:
        case ConditionAND():
            return AllOf(_read_all(detection, node.args))
        case ConditionOR():
            return _merged(_read_all(detection, node.args))
        case ConditionNOT():
            return Not(_read(detection, node.args[0]))
        case ConditionFieldEqualsValueExpression():
            return FieldIs(node.field, (_literal(detection, node),))
        case _:
            raise DetectionError(
                detection,
                "detection.condition",
                f"{type(node).__name__} is not supported: compare named fields with |cased strings",
            )


def _read_all(detection: str, nodes: Sequence[object]) -> tuple[Condition, ...]:
    return tuple(_read(detection, node) for node in nodes)


def _literal(detection: str, node: ConditionFieldEqualsValueExpression) -> str:
    value = node.value
    if not isinstance(value, SigmaCasedString):
        raise DetectionError(detection, node.field, "write the field as `name|cased` with strings")
    if value.contains_special():
        raise DetectionError(detection, node.field, "wildcards are not supported")
    return str(value.to_plain())


def _merged(conditions: tuple[Condition, ...]) -> Condition:
    """`a is x or a is y` is one comparison with two values, which renders shorter."""
    fields = {condition.field for condition in conditions if isinstance(condition, FieldIs)}
    if len(fields) != 1 or not all(isinstance(condition, FieldIs) for condition in conditions):
        return AnyOf(conditions)
    values = (condition.values for condition in conditions if isinstance(condition, FieldIs))
    return FieldIs(fields.pop(), tuple(dict.fromkeys(value for group in values for value in group)))

"""A detection as a CloudWatch Logs filter pattern.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from detections.conditions import AllOf, AnyOf, FieldIs, Not
from detections.errors import DetectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detections.catalog import Detection
    from detections.conditions import Condition

PATTERN_CHARACTERS = 1024  # the longest pattern that PutMetricFilter takes
PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+")
UNSAYABLE = re.compile(r'["\\*%\x00-\x1f]')  # a quote, an escape, a wildcard, a regex, a control


def metric_pattern(detection: Detection) -> str:
    """Exactly the records that the detection matches.

    One exception, which the language cannot say: under a negation, a field that holds an
    object, an array, a number or a boolean, which CloudTrail documents for no field compared here.
    """
    return _pattern(detection.name, detection.condition)


def subscription_pattern(detections: Sequence[Detection]) -> str:
    """At least the records that any of the detections matches; the importer decides.

    One pattern for all: a log group takes two subscription filters, and the other one is the
    user's. Negations are left out: what a pattern says of absent and null fields is documented
    thinly, and a sign-in must not be missed over it.
    """
    widened = [_positive(detection) for detection in detections]
    condition = widened[0] if len(widened) == 1 else AnyOf(tuple(widened))
    return _pattern(" and ".join(detection.name for detection in detections), condition)


def _positive(detection: Detection) -> Condition:
    widened = _widened(detection.condition)
    if widened is None:
        raise DetectionError(detection.name, "condition", "needs a part without a negation")
    return widened


def _pattern(detection: str, condition: Condition) -> str:
    pattern = "{ " + _render(detection, condition) + " }"
    if len(pattern) > PATTERN_CHARACTERS:
        reason = f"its pattern has {len(pattern)} characters; at most {PATTERN_CHARACTERS} fit"
        raise DetectionError(detection, "condition", reason)
    return pattern


def _widened(condition: Condition) -> Condition | None:
    """The condition without what stands under a negation; None where that is no condition."""
    match condition:
        case Not():
            return None
        case AllOf(parts):
            kept = tuple(part for part in map(_widened, parts) if part is not None)
            return AllOf(kept) if kept else None
        case AnyOf(parts):
            kept = tuple(part for part in map(_widened, parts) if part is not None)
            return AnyOf(kept) if len(kept) == len(parts) else None
        case FieldIs():
            return condition


def _render(detection: str, condition: Condition) -> str:
    match condition:
        case AllOf(parts):
            return _joined(" && ", (_render(detection, part) for part in parts))
        case AnyOf(parts):
            return _joined(" || ", (_render(detection, part) for part in parts))
        case FieldIs(field, values):
            selector = _selector(detection, field)
            return _joined(
                " || ", (f"{selector} = {_quoted(detection, field, value)}" for value in values)
            )
        case Not(inner):
            return _render_negated(detection, inner)


def _render_negated(detection: str, condition: Condition) -> str:
    match condition:
        case Not(inner):
            return _render(detection, inner)
        case AllOf(parts):
            return _render(detection, AnyOf(tuple(Not(part) for part in parts)))
        case AnyOf(parts):
            return _render(detection, AllOf(tuple(Not(part) for part in parts)))
        case FieldIs(field, values):
            selector = _selector(detection, field)
            differs = _joined(
                " && ", (f"{selector} != {_quoted(detection, field, value)}" for value in values)
            )
            return _joined(" || ", [*_absences(detection, field), differs])


def _absences(detection: str, field: str) -> Iterable[str]:
    """`!=` is false on an absent field, and NOT EXISTS under a null parent is undocumented:
    so each step of the path may be absent or null.
    """
    steps = field.split(".")
    for length in range(len(steps), 0, -1):
        selector = _selector(detection, ".".join(steps[:length]))
        yield f"{selector} NOT EXISTS"
        yield f"{selector} IS NULL"


def _selector(detection: str, field: str) -> str:
    for step in field.split("."):
        if not PLAIN_NAME.fullmatch(step):
            raise DetectionError(detection, field, f"{step!r} is no plain field name")
    return f"$.{field}"


def _quoted(detection: str, field: str, value: str) -> str:
    if not value or UNSAYABLE.search(value):
        raise DetectionError(detection, field, f"a filter pattern cannot say {value!r}")
    return f'"{value}"'


def _joined(operator: str, parts: Iterable[str]) -> str:
    listed = list(parts)
    return listed[0] if len(listed) == 1 else operator.join(f"({part})" for part in listed)

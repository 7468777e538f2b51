"""A detection as an EventBridge event pattern.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from compiler.detection import Rule
from compiler.errors import DetectionError
from compiler.eventbridge.alternatives import (
    Alternative,
    alternatives,
    possible_values,
    refused_for,
    without,
)
from compiler.eventbridge.items import pattern_list
from compiler.eventbridge.values import Tests

PATTERN_CHARACTERS = 4096  # the longest pattern that PutRule takes
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html, with
# the sign-in's name as it stands there and as CloudTrail's and Sign-In's own guides have it.
DETAIL_TYPES = (
    "AWS API Call via CloudTrail",
    "AWS Console Sign In via CloudTrail",
    "AWS Console Signin via CloudTrail",
    "AWS Console Action via CloudTrail",
    "AWS Service Event via CloudTrail",
    "AWS Insight via CloudTrail",
    "AWS Network Activity Event via CloudTrail",
)
OPERATORS = (
    "exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr = < <= > >="
)
FUTURE_OPERATORS = (
    "regex not-wildcard not-equals-ignore-case date-after date-on-or-after date-before "
    "date-on-or-before in-date-range ip-address-in-range ip-address-not-in-range"
)
# Under $or, Ruler, EventBridge's matcher, takes no field of such a name.
RESERVED_IN_OR = frozenset({*OPERATORS.split(), *FUTURE_OPERATORS.split()})


def event_pattern(detection: Rule) -> dict[str, Any]:
    """The events of just the records that the detection matches.

    Exact where a compared field is absent, null or a scalar of a type that it is compared with, and
    where numbers are between -5 and 5 billion with at most six decimals. Raises DetectionError for
    what event patterns cannot say and for what passes their limits.
    """
    pattern = {"detail-type": list(DETAIL_TYPES), **_Renderer(detection).pattern()}
    length = len(_compact(pattern))
    if length > PATTERN_CHARACTERS:
        reason = f"its event pattern has {length} characters; at most {PATTERN_CHARACTERS} fit"
        raise DetectionError(detection.name, "detection.condition", reason)
    return pattern


def event_pattern_text(detection: Rule) -> str:
    """The pattern as compact JSON, as PutRule takes it."""
    return _compact(event_pattern(detection))


def _compact(pattern: dict[str, Any]) -> str:
    return json.dumps(pattern, separators=(",", ":"))


class _Renderer:
    def __init__(self, detection: Rule) -> None:
        self._detection = detection
        self._possible = possible_values(detection.condition)

    def pattern(self) -> dict[str, Any]:
        found = alternatives(self._detection)
        if not found:
            raise DetectionError(
                self._detection.name, "detection.condition", "no record can match it"
            )
        return {"detail": self._detail(found, in_or=False)} if all(found) else {}

    def _detail(self, listed: Sequence[Alternative], *, in_or: bool) -> dict[str, Any]:
        """What all alternatives share stands beside their `$or`."""
        shared = {field: tests for (field, tests), count in _counts(listed) if count == len(listed)}
        detail = self._nested(shared, in_or=in_or)
        if len(listed) > 1:
            own = [without(one, shared) for one in listed]
            detail["$or"] = [self._detail(group, in_or=True) for group in _groups(own)]
        return detail

    def _nested(self, alternative: Alternative, *, in_or: bool) -> dict[str, Any]:
        detail: dict[str, Any] = {}
        for field in (field for field in self._possible if field in alternative):
            place = self._place(detail, field, in_or=in_or)
            with refused_for(self._detection, field):
                tests = pattern_list(alternative[field], self._possible[field])
            place[field.split(".")[-1]] = tests
        return detail

    def _place(self, detail: dict[str, Any], field: str, *, in_or: bool) -> dict[str, Any]:
        """The object in which the field's list shall stand."""
        *parents, last = field.split(".")
        reserved = RESERVED_IN_OR.intersection((*parents, last))
        if in_or and reserved:
            reason = f"{min(reserved)} is a word of the language, which under $or names no field"
            raise DetectionError(self._detection.name, field, reason)
        place: Any = detail
        for step in parents:
            place = place.setdefault(step, {})
            if isinstance(place, list):
                break
        if isinstance(place, list) or last in place:
            reason = "one comparison is with the field and one with what is in it: leave one out"
            raise DetectionError(self._detection.name, field, reason)
        return cast("dict[str, Any]", place)


def _counts(alternatives: Iterable[Alternative]) -> list[tuple[tuple[str, Tests], int]]:
    return Counter(entry for one in alternatives for entry in one.items()).most_common()


def _groups(alternatives: Sequence[Alternative]) -> list[list[Alternative]]:
    """Those with the most common list of tests together, then the others likewise."""
    groups: list[list[Alternative]] = []
    left = list(alternatives)
    while left:
        (field, tests), _ = _counts(left)[0]
        groups.append([one for one in left if one.get(field) == tests])
        left = [one for one in left if one.get(field) != tests]
    return groups

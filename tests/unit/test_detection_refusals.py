"""What a detection is refused for, and that the refusal names the place and the reason."""

from pathlib import Path
from typing import Any

import pytest

from detections import cloudwatch
from detections.catalog import load_detection
from detections.conditions import Not
from detections.errors import DetectionError
from tests.unit.detection_catalogs import RULE, detection, write

NO_CASED = "write the field as `name|cased` with strings"
CUSTOM = RULE["rootwatch"]


def event(**fields: Any) -> dict[str, Any]:
    return {"detection": {"event": fields, "condition": "event"}}


LOADING = {
    "a field without cased": (event(eventName="DeleteTrail"), "eventName", NO_CASED),
    "a number": (event(eventVersion=5), "eventVersion", NO_CASED),
    "a boolean": (event(readOnly=True), "readOnly", NO_CASED),
    "a null": (event(errorCode=None), "errorCode", NO_CASED),
    "a regular expression": (event(**{"eventName|re": "Delete.*"}), "eventName", NO_CASED),
    "an existence": (event(**{"eventName|exists": True}), "eventName", NO_CASED),
    "a wildcard": (
        event(**{"eventName|cased": "Delete*"}),
        "eventName",
        "wildcards are not supported",
    ),
    "a part of a string": (
        event(**{"eventName|contains|cased": "Delete"}),
        "eventName",
        "wildcards are not supported",
    ),
    "a cased number": (event(**{"eventVersion|cased": 5}), "rule.yml", "incompatible"),
    "a list of keywords": (
        {"detection": {"event": ["DeleteTrail", "StopLogging"], "condition": "event"}},
        "detection.condition",
        "compare named fields with |cased strings",
    ),
    "two conditions": (
        {"detection": {**RULE["detection"], "condition": ["event", "not event"]}},
        "detection.condition",
        "write exactly one condition",
    ),
    "an unknown level": ({"level": "urgent"}, "rule.yml", "'urgent' is not a valid"),
    "no level": ({"level": None}, "level, id", "a rule needs both"),
    "no id": ({"id": None}, "level, id", "a rule needs both"),
    "an id that is no UUID": ({"id": "one"}, "rule.yml", "must be an UUID"),
    "no title": ({"title": None}, "rule.yml", "must have a title"),
    "no detection": ({"detection": None}, "rule.yml", "must have a detection"),
    "another product": (
        {"logsource": {"product": "windows", "service": "security"}},
        "logsource",
        "must be product aws, service cloudtrail",
    ),
    "another service": (
        {"logsource": {"product": "aws", "service": "route53"}},
        "logsource",
        "must be product aws, service cloudtrail",
    ),
    "no log source": ({"logsource": None}, "rule.yml", "must have a log source"),
    "no custom block": ({"rootwatch": None}, "rootwatch", "must be a mapping"),
    "a custom block that is a list": ({"rootwatch": ["TTPs"]}, "rootwatch", "must be a mapping"),
    "one type for a list": (
        {"rootwatch": {**CUSTOM, "types": "TTPs"}},
        "rootwatch.types",
        "must be a list of strings",
    ),
    "a condition of unknown parts": (
        {"detection": {**RULE["detection"], "condition": "event and other"}},
        "detection.condition",
        "other",
    ),
    "no types": (
        {"rootwatch": {**CUSTOM, "types": []}},
        "rootwatch.types",
        "must be a list of strings",
    ),
    "no next steps": (
        {"rootwatch": {"types": ["TTPs"]}},
        "rootwatch.next_steps",
        "must be a list of strings",
    ),
    "a number among the types": (
        {"rootwatch": {**CUSTOM, "types": ["TTPs", 5]}},
        "rootwatch.types",
        "must be a list of strings",
    ),
}


@pytest.mark.parametrize(("changes", "where", "reason"), LOADING.values(), ids=LOADING)
def test_loading_refuses(tmp_path: Path, changes: dict[str, Any], where: str, reason: str) -> None:
    folder = write(tmp_path, "refused", **changes)

    with pytest.raises(DetectionError) as refused:
        load_detection(folder)

    assert (refused.value.detection, refused.value.where) == ("refused", where)
    assert reason in refused.value.reason
    assert str(refused.value) == f"detection refused: {where}: {refused.value.reason}"


UNSAYABLE = {
    "a quote": ({"eventName|cased": 'Delete"Trail'}, "eventName", "cannot say 'Delete\"Trail'"),
    "an escape": ({"eventName|cased": "a\\\\b"}, "eventName", "a filter pattern cannot say"),
    "an asterisk": ({"eventName|cased": "Delete\\*"}, "eventName", "a filter pattern cannot say"),
    "a percent sign": ({"eventName|cased": "100%"}, "eventName", "cannot say '100%'"),
    "nothing": ({"eventName|cased": ""}, "eventName", "cannot say ''"),
    "a field with a dash": ({"event-name|cased": "x"}, "event-name", "no plain field name"),
    "a step with a star": ({"a.*.c|cased": "x"}, "a.*.c", "'*' is no plain field name"),
}


@pytest.mark.parametrize(("fields", "where", "reason"), UNSAYABLE.values(), ids=UNSAYABLE)
def test_a_pattern_refuses_what_the_language_cannot_say(
    tmp_path: Path, fields: dict[str, str], where: str, reason: str
) -> None:
    one = load_detection(write(tmp_path, "refused", **event(**fields)))

    for render in (cloudwatch.metric_pattern, lambda only: cloudwatch.subscription_pattern([only])):
        with pytest.raises(DetectionError) as refused:
            render(one)
        assert refused.value.where == where
        assert reason in refused.value.reason


def test_a_pattern_that_no_filter_takes_is_refused(tmp_path: Path) -> None:
    names = [f"AnEventWithARatherLongName{number}" for number in range(40)]
    one = load_detection(write(tmp_path, "long", **event(**{"eventName|cased": names})))

    with pytest.raises(DetectionError) as refused:
        cloudwatch.metric_pattern(one)

    assert refused.value.detection == "long"
    assert refused.value.reason.endswith("characters; at most 1024 fit")


def test_a_subscription_pattern_that_grew_too_long_names_its_detections(tmp_path: Path) -> None:
    names = [f"AnEventWithARatherLongName{number}" for number in range(12)]
    listed = [
        load_detection(write(tmp_path, name, **event(**{"eventName|cased": names})))
        for name in ("one", "two")
    ]

    with pytest.raises(DetectionError) as refused:
        cloudwatch.subscription_pattern(listed)

    assert refused.value.detection == "one and two"


@pytest.mark.parametrize("condition", ["not event", "event or not other", "not (event and other)"])
def test_a_subscription_needs_a_part_without_a_negation(tmp_path: Path, condition: str) -> None:
    rule = {
        "event": {"eventName|cased": "DeleteTrail"},
        "other": {"eventSource|cased": "cloudtrail.amazonaws.com"},
        "condition": condition,
    }
    one = load_detection(write(tmp_path, "negative", detection=rule))

    with pytest.raises(DetectionError) as refused:
        cloudwatch.subscription_pattern([one])

    assert refused.value.detection == "negative"
    assert refused.value.reason == "needs a part without a negation"


def test_a_double_negation_is_none(tmp_path: Path) -> None:
    inner = load_detection(write(tmp_path, "plain")).condition
    twice = detection(Not(Not(inner)))

    assert cloudwatch.metric_pattern(twice) == cloudwatch.metric_pattern(detection(inner))

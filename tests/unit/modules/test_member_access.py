"""The event rule in every account forwards each sign-in that a detection matches, and no others.

moto's evaluator reads the deployed pattern: it is independent of this project.
"""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from compiler import catalog
from compiler.samples import read_samples
from modules.member_access import sign_in_pattern
from sandbox.cloudtrail import sign_ins

DETAIL_TYPES = ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail")
ACCOUNT = "444444444444"


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return sign_in_pattern()


@pytest.fixture(scope="module")
def pattern(written: dict[str, Any]) -> EventPattern:
    return EventPattern.load(json.dumps(written))


def event(record: dict[str, Any], detail_type: str = DETAIL_TYPES[0]) -> Any:
    return {"detail-type": detail_type, "source": "aws.signin", "detail": record}


def literals(pattern: dict[str, Any]) -> list[Any]:
    return [
        value
        for part in pattern.values()
        for value in (literals(part) if isinstance(part, dict) else part)
    ]


def test_the_pattern_consists_of_literal_strings(written: dict[str, Any]) -> None:
    """An operator could exclude a sign-in of a form that nobody expects; the importer decides."""
    assert all(isinstance(value, str) for value in literals(written))


def test_every_sign_in_that_a_detection_of_the_importer_matches_is_forwarded(
    pattern: EventPattern,
) -> None:
    matching = [
        (one, sample)
        for one in catalog.load()
        if "importer" in one.evaluated_by
        for sample in read_samples(one.folder)
        if sample.record.get("eventName") == "ConsoleLogin" and sample.matches
    ]

    assert matching
    for one, sample in matching:
        for detail_type in DETAIL_TYPES:
            forwarded = pattern.matches_event(event(sample.record, detail_type))
            assert forwarded, f"{one.name}/{sample.name} as {detail_type}"


@pytest.mark.parametrize(
    "mfa_used", ["No", "NO", "", None, False, 0, {"value": "Yes"}, ["Yes"], "Yes"]
)
def test_a_sign_in_is_forwarded_whatever_the_value_of_mfa_used(
    pattern: EventPattern, mfa_used: Any
) -> None:
    record = sign_ins.root_without_mfa(ACCOUNT)
    record["additionalEventData"]["MFAUsed"] = mfa_used

    assert pattern.matches_event(event(record))


@pytest.mark.parametrize("data", [None, {}, "absent"])
def test_a_sign_in_without_mfa_used_is_forwarded(pattern: EventPattern, data: Any) -> None:
    record = sign_ins.root_without_mfa(ACCOUNT)
    record["additionalEventData"] = data
    if data == "absent":
        del record["additionalEventData"]

    assert pattern.matches_event(event(record))


def test_other_sign_ins_are_not_forwarded(pattern: EventPattern) -> None:
    for make in (sign_ins.root_failing, sign_ins.single_sign_on, sign_ins.iam_user_without_mfa):
        assert not pattern.matches_event(event(make(ACCOUNT))), make.__name__


@pytest.mark.parametrize(
    "change",
    [
        {"source": "signin"},
        {"source": "aws.s3"},
        {"detail-type": "AWS API Call via CloudTrail"},
        {"detail-type": "AWS Service Event via CloudTrail"},
    ],
)
def test_other_events_are_not_forwarded(pattern: EventPattern, change: dict[str, str]) -> None:
    other: Any = {**event(sign_ins.root_without_mfa(ACCOUNT)), **change}

    assert not pattern.matches_event(other)

"""The member template's event pattern takes every sign-in that a detection is about, no others."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from compiler import catalog
from modules.member_access import TEMPLATE
from sandbox.cloudtrail import sign_ins
from sandbox.eventbridge import patterns
from sandbox.eventbridge.patterns import StrictEventPattern
from tests.unit.compiler.judges import event

SPELLINGS = ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail")
ACCOUNT = "444444444444"


class Loader(yaml.SafeLoader):
    """The template's own tags say nothing here."""


Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


@pytest.fixture(scope="module")
def pattern() -> StrictEventPattern:
    template = yaml.load(TEMPLATE.read_text("utf-8"), Loader)  # noqa: S506  a SafeLoader
    written = template["Resources"]["SignInRule"]["Properties"]["EventPattern"]
    return patterns.load(json.dumps(written))


def sent(record: dict[str, Any], spelling: str = SPELLINGS[0]) -> dict[str, Any]:
    """As EventBridge brings a sign-in."""
    return {**event(record), "source": "aws.signin", "detail-type": spelling}


def sign_in_samples(*, matching: bool) -> list[Any]:
    """Of the detections that the importer evaluates, those that are about a console sign-in."""
    return [
        pytest.param(sample.record, id=f"{one.name}-{sample.name}")
        for one in catalog.load()
        if "importer" in one.evaluated_by
        for sample in catalog.samples(one)
        if sample.record.get("eventName") == "ConsoleLogin" and sample.matches is matching
    ]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("record", sign_in_samples(matching=True))
def test_whatever_a_detection_matches_is_sent(
    pattern: StrictEventPattern, record: dict[str, Any], spelling: str
) -> None:
    assert pattern.matches(sent(record, spelling))


@pytest.mark.parametrize(
    "mfa_used", ["No", "NO", "", None, False, 0, {"value": "Yes"}, ["Yes"], "Yes"]
)
def test_whatever_is_said_of_mfa_the_importer_decides(
    pattern: StrictEventPattern, mfa_used: Any
) -> None:
    record = sign_ins.root_without_mfa(ACCOUNT)
    record["additionalEventData"]["MFAUsed"] = mfa_used

    assert pattern.matches(sent(record))


@pytest.mark.parametrize("data", [None, {}, "absent"])
def test_a_sign_in_that_says_nothing_of_mfa_is_sent(pattern: StrictEventPattern, data: Any) -> None:
    record = sign_ins.root_without_mfa(ACCOUNT)
    record["additionalEventData"] = data
    if data == "absent":
        del record["additionalEventData"]

    assert pattern.matches(sent(record))


@pytest.mark.parametrize(
    "make",
    [sign_ins.root_failing, sign_ins.single_sign_on, sign_ins.iam_user_without_mfa],
    ids=lambda make: make.__name__,
)
def test_other_sign_ins_are_not_sent(
    pattern: StrictEventPattern, make: Callable[[str], dict[str, Any]]
) -> None:
    assert not pattern.matches(sent(make(ACCOUNT)))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "signin"},
        {"source": "aws.s3"},
        {"detail-type": "AWS API Call via CloudTrail"},
        {"detail-type": "AWS Service Event via CloudTrail"},
    ],
)
def test_other_events_are_not_sent(pattern: StrictEventPattern, change: dict[str, str]) -> None:
    assert not pattern.matches({**sent(sign_ins.root_without_mfa(ACCOUNT)), **change})

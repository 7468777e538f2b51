"""Loading detections.json, and matching records against it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.matching.detection import Compliance
from functions.finding_importer.matching.rules import Ruleset
from tests.unit.importer.doubles import ENTRY, detection, record

MFA_USED = {"additionalEventData": {"MFAUsed": "Yes"}}
CIS: Mapping[str, Any] = {
    "framework": "CIS AWS Foundations Benchmark",
    "version": "5.0.0",
    "controls": ["1.4", "1.6"],
}


def test_a_detection_is_loaded_with_all_its_fields() -> None:
    loaded = detection(priority="low", compliance=[CIS])

    assert loaded.name == "root_console_login_without_mfa"
    assert loaded.severity == "CRITICAL"
    assert loaded.priority == "low"
    assert loaded.types == ("TTPs/Initial Access",)
    assert loaded.compliance == (
        Compliance(framework=CIS["framework"], version="5.0.0", controls=("1.4", "1.6")),
    )
    assert loaded.next_steps[2] == "Turn MFA on."
    assert loaded.runbook == loaded.runbook_url == ENTRY["runbook"]
    assert detection(runbook="detections/a/runbook.md").runbook_url is None


def test_only_matching_detections_are_told() -> None:
    other = detection(name="other", predicate={"field": "eventName", "equals": ["CheckMfa"]})
    root = detection()
    ruleset = Ruleset.of([other, root])

    assert ruleset.matching(record()) == (root,)
    assert ruleset.matching(record(**MFA_USED)) == ()
    assert ruleset.matching(record(eventName="CheckMfa")) == (other,)


def test_detections_are_told_in_the_order_of_the_file() -> None:
    entries = [
        {**ENTRY, "name": f"number_{number:02}", "predicate": predicate}
        for number, predicate in enumerate(
            [
                {"field": "awsRegion", "equals": ["us-east-1"]},
                {"not": {"field": "awsRegion", "equals": ["eu-west-1"]}},
                {"field": "eventName", "equals": ["ConsoleLogin"]},
            ]
            * 9
        )
    ]
    ruleset = Ruleset.load(json.dumps(entries))

    assert ruleset.matching(record()) == ruleset.detections


def test_a_ruleset_without_detections_matches_nothing() -> None:
    assert Ruleset.of([]).matching(record()) == ()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"severity": "critical"}, "detections[0].severity"),
        ({"severity": None}, "detections[0].severity"),
        ({"priority": "High"}, "detections[0].priority"),
        ({"priority": None}, "detections[0].priority"),
        ({"types": ["Initial Access"]}, "detections[0].types"),
        ({"types": []}, "detections[0].types"),
        ({"compliance": None}, "detections[0].compliance"),
        ({"compliance": ["CIS 1.4"]}, "detections[0].compliance"),
        ({"compliance": [CIS, {**CIS, "version": 5}]}, "detections[0].compliance[1].version"),
        ({"compliance": [{**CIS, "controls": []}]}, "detections[0].compliance[0].controls"),
        ({"compliance": [{**CIS, "framework": " "}]}, "detections[0].compliance[0].framework"),
        ({"next_steps": ["fine", " "]}, "detections[0].next_steps"),
        ({"title": ""}, "detections[0].title"),
        ({"runbook": None}, "detections[0].runbook"),
        ({"name": "Root Login"}, "detections[0].name"),
        ({"predicate": {"all": [{"unknown": 1}]}}, "detections[0].predicate.all[0]"),
        ({"predicate": {"field": "a", "regex": ["("]}}, "detections[0].predicate.regex[0]"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(DetectionsError) as caught:
        Ruleset.load(json.dumps([{**ENTRY, **changes}]))

    assert caught.value.where == where


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", json.dumps([ENTRY, ENTRY])])
def test_a_file_without_distinct_detections_is_refused(text: str) -> None:
    with pytest.raises(DetectionsError, match=r"^detections"):
        Ruleset.load(text)

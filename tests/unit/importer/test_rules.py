"""Loading detections.json, and matching records against it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.matching.rules import ComplianceControls, Ruleset
from tests.unit.importer.builders import ENTRY, detection, record

MFA_USED = {"additionalEventData": {"MFAUsed": "Yes"}}
CIS: Mapping[str, Any] = {
    "framework": "CIS AWS Foundations Benchmark",
    "version": "5.0.0",
    "controls": ["1.4", "1.6"],
}


def test_a_detection_has_the_fields_of_its_entry() -> None:
    loaded = detection(priority="low", compliance=[CIS])

    assert loaded.name == "root_console_login_without_mfa"
    assert loaded.severity == "CRITICAL"
    assert loaded.priority == "low"
    assert loaded.types == ("TTPs/Initial Access",)
    assert loaded.compliance == (
        ComplianceControls(framework=CIS["framework"], version="5.0.0", controls=("1.4", "1.6")),
    )
    assert loaded.next_steps[2] == "Turn MFA on."
    assert loaded.runbook == loaded.runbook_url == ENTRY["runbook"]
    assert detection(runbook="detections/a/runbook.md").runbook_url is None


def test_a_detection_can_have_every_severity_and_every_type_namespace_of_asff() -> None:
    for severity in ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"):
        assert detection(severity=severity).severity == severity
    types = (
        *("Software and Configuration Checks", "TTPs", "Effects", "Unusual Behaviors"),
        "Sensitive Data Identifications/PII",
    )
    assert detection(types=list(types)).types == types


def test_only_matching_detections_are_returned() -> None:
    other = detection(name="other", predicate={"field": "eventName", "equals": ["CheckMfa"]})
    root = detection()
    ruleset = Ruleset.of([other, root])

    assert ruleset.matching(record()) == (root,)
    assert ruleset.matching(record(**MFA_USED)) == ()
    assert ruleset.matching(record(eventName="CheckMfa")) == (other,)


def test_detections_are_returned_in_the_order_of_the_file() -> None:
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


def test_an_empty_ruleset_matches_nothing() -> None:
    assert Ruleset.of([]).matching(record()) == ()


INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"severity": "critical"}, "severity", "'critical'"),
    ({"severity": None}, "severity", "None"),
    ({"priority": "High"}, "priority", "'High'"),
    ({"priority": None}, "priority", "None"),
    ({"types": ["Initial Access"]}, "types", "'Initial Access'"),
    ({"types": []}, "types", "[]"),
    ({"compliance": None}, "compliance", "None"),
    ({"compliance": ["CIS 1.4"]}, "compliance", "['CIS 1.4']"),
    ({"compliance": [CIS, {**CIS, "version": 5}]}, "compliance[1].version", "5"),
    ({"compliance": [{**CIS, "controls": []}]}, "compliance[0].controls", "[]"),
    ({"compliance": [{**CIS, "framework": " "}]}, "compliance[0].framework", "' '"),
    ({"next_steps": ["fine", " "]}, "next_steps", "['fine', ' ']"),
    ({"next_steps": "fine"}, "next_steps", "'fine'"),
    ({"title": ""}, "title", "''"),
    ({"runbook": None}, "runbook", "None"),
    ({"name": "Root Login"}, "name", "'Root Login'"),
    ({"name": "a" * 129}, "name", repr("a" * 129)),
    ({"predicate": {"all": [{"unknown": 1}]}}, "predicate.all[0]", "{'unknown': 1}"),
    ({"predicate": {"field": "a", "regex": ["("]}}, "predicate.regex[0]", "'(' "),
]


def test_an_invalid_entry_raises_an_error_with_the_key_and_the_value() -> None:
    for changes, key, got in INVALID:
        with pytest.raises(DetectionsError) as caught:
            Ruleset.load(json.dumps([{**ENTRY, **changes}]))

        assert str(caught.value).startswith(f"detections[0].{key}: got {got}")


def test_a_document_without_unique_detections_raises_an_error() -> None:
    for text, message in (
        ("", "detections: got invalid JSON ("),
        ("{}", "detections: got {}, expected a nonempty array of detections"),
        ("[]", "detections: got [], expected a nonempty array of detections"),
        ("[1]", "detections[0]: got 1, expected an object"),
        (
            json.dumps([ENTRY, ENTRY]),
            f"detections: got the name {ENTRY['name']!r} 2 times, expected unique names",
        ),
    ):
        with pytest.raises(DetectionsError) as caught:
            Ruleset.load(text)

        assert str(caught.value).startswith(message)

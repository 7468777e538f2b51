"""Loading detections.json, and matching records against it."""

import json
from typing import Any

import pytest

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.rules import load, matching
from tests.unit.importer_doubles import ENTRY, detection, record

MFA_USED = {"additionalEventData": {"MFAUsed": "Yes"}}


def test_a_detection_is_loaded_with_all_its_fields() -> None:
    loaded = detection()

    assert loaded.name == "root_console_login_without_mfa"
    assert loaded.severity == "CRITICAL"
    assert loaded.types == ("TTPs/Initial Access",)
    assert loaded.next_steps[2] == "Turn MFA on."


def test_only_matching_detections_are_told() -> None:
    other = detection(name="other", predicate={"field": "eventName", "equals": ["CheckMfa"]})
    root = detection()

    assert matching([other, root], record()) == (root,)
    assert matching([other, root], record(**MFA_USED)) == ()
    assert matching([other, root], record(eventName="CheckMfa")) == (other,)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"severity": "critical"}, "detections[0].severity"),
        ({"severity": None}, "detections[0].severity"),
        ({"types": ["Initial Access"]}, "detections[0].types"),
        ({"types": []}, "detections[0].types"),
        ({"next_steps": ["fine", " "]}, "detections[0].next_steps"),
        ({"title": ""}, "detections[0].title"),
        ({"name": "Root Login"}, "detections[0].name"),
        ({"predicate": {"all": [{"unknown": 1}]}}, "detections[0].predicate.all[0]"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(DetectionsError) as caught:
        detection(**changes)

    assert caught.value.where == where


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", json.dumps([ENTRY, ENTRY])])
def test_a_file_without_distinct_detections_is_refused(text: str) -> None:
    with pytest.raises(DetectionsError, match=r"^detections"):
        load(text)

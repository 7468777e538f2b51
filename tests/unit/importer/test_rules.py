"""Loading detections.json, and matching records against it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import DetectionsError
from functions.finding_importer.matching.index import RequiredText, needs
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


EMPTY_DOCUMENT = (
    "detections: got invalid JSON (Expecting value: line 1 column 1 (char 0)), "
    "expected an array of detections"
)


def test_a_document_without_unique_detections_raises_an_error() -> None:
    for text, message in (
        (
            "",
            EMPTY_DOCUMENT,
        ),
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

        assert str(caught.value) == message


# Some names are prefixes of others.
PATHS = (
    *("event", "eventName", "eventSource", "userIdentity.type", "userIdentity.types"),
    *("requestParameters.role.name", "requestParameters.role.names"),
)
WORDS = ("Root", "root", "ROOT", "ConsoleLogin", "\N{KELVIN SIGN}ms", "kms", "")
LOWERCASE = tuple(sorted({word.lower() for word in WORDS if word.isascii()}))


def some(words: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3)


OPERATORS = st.one_of(
    some(WORDS).map(lambda words: {"equals": words}),
    some(LOWERCASE).map(lambda words: {"equals_ignore_case": words}),
    st.sampled_from(
        [{"regex": ["oo"]}, {"regex": ["(?i)^k"]}, {"null": True}, {"exists": True}, {"eq": 1}]
    ),
)
LEAVES = st.builds(
    lambda path, operator: {"field": path, **operator}, st.sampled_from(PATHS), OPERATORS
)
PREDICATES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.lists(nodes, min_size=1, max_size=3).map(lambda children: {"all": children}),
        st.lists(nodes, min_size=1, max_size=3).map(lambda children: {"any": children}),
        nodes.map(lambda child: {"not": child}),
    ),
    max_leaves=8,
)
VALUES = st.sampled_from([*WORDS, None, True, 1, 1.5, [], ["Root"], {}, {"Root": "Root"}])
WORDS_OR_VALUES = st.sampled_from(WORDS) | VALUES
NAMED = VALUES | st.fixed_dictionaries(
    {}, optional={"name": WORDS_OR_VALUES, "names": WORDS_OR_VALUES}
)
TYPED = VALUES | st.fixed_dictionaries(
    {}, optional={"type": WORDS_OR_VALUES, "types": WORDS_OR_VALUES}
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "event": WORDS_OR_VALUES,
        "eventName": WORDS_OR_VALUES,
        "eventSource": WORDS_OR_VALUES,
        "userIdentity": TYPED,
        "requestParameters": VALUES | st.fixed_dictionaries({}, optional={"role": NAMED}),
    },
)


@given(st.lists(PREDICATES, max_size=6), st.lists(RECORDS, min_size=1, max_size=8))
def test_matching_with_and_without_the_index_agrees(
    predicates: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    ruleset = Ruleset.of(
        [detection(name=f"n{i}", predicate=predicate) for i, predicate in enumerate(predicates)]
    )

    for one in records:
        expected = tuple(each for each in ruleset.detections if each.matches(one))
        assert ruleset.matching(one) == expected


def equal(path: str, *texts: str) -> dict[str, Any]:
    return {"field": path, "equals": list(texts)}


def exactly(path: str, *texts: str) -> frozenset[RequiredText]:
    return frozenset(RequiredText(path, text, ignore_case=False) for text in texts)


IS_LOGIN = equal("eventName", "ConsoleLogin")
IS_ROOT = equal("userIdentity.type", "Root")
IS_IN_EITHER_REGION = equal("awsRegion", "us-east-1", "us-west-2")
IS_IAM = equal("eventSource", "iam.amazonaws.com")
IS_FAILED = {"field": "errorCode", "exists": True}


def test_a_predicate_needs_the_strings_without_which_it_cannot_match() -> None:
    for node, expected in (
        (IS_LOGIN, exactly("eventName", "ConsoleLogin")),
        (
            {"field": "a.b", "equals_ignore_case": ["x", "y"]},
            frozenset(RequiredText("a.b", text, ignore_case=True) for text in "xy"),
        ),
        (IS_FAILED, None),
        ({"field": "a", "regex": ["x"]}, None),
        ({"not": IS_LOGIN}, None),
        ({"all": [IS_FAILED, {"not": IS_LOGIN}]}, None),
        ({"all": [IS_FAILED, IS_ROOT]}, exactly("userIdentity.type", "Root")),
        (
            {"any": [IS_LOGIN, IS_ROOT]},
            exactly("eventName", "ConsoleLogin") | exactly("userIdentity.type", "Root"),
        ),
        ({"any": [IS_LOGIN, IS_FAILED]}, None),
        ({"all": [{"any": [IS_LOGIN, IS_FAILED]}, IS_IAM]}, needs(IS_IAM)),
    ):
        assert needs(node) == expected


def test_all_needs_what_its_most_selective_child_needs() -> None:
    for children, most_selective in (
        ([IS_IAM, IS_ROOT, equal("eventName", *"abcdefgh")], 2),
        ([IS_IAM, IS_ROOT], 1),
        ([IS_IN_EITHER_REGION, IS_IAM], 1),
        ([IS_IAM, equal("recipientAccountId", "111111111111")], 0),
        ([{"any": [IS_LOGIN, IS_IAM]}, IS_ROOT], 1),
    ):
        assert needs({"all": children}) == needs(children[most_selective])


def test_a_detection_is_a_candidate_only_if_the_record_has_what_it_needs() -> None:
    predicates = [IS_LOGIN, {"all": [IS_ROOT, IS_FAILED]}, {"not": IS_LOGIN}]
    detections = [detection(name=f"n{i}", predicate=node) for i, node in enumerate(predicates)]
    index = Ruleset.of(detections).index

    assert index.candidates(record()) == {0, 1, 2}
    assert index.candidates(record(eventName="CheckMfa")) == {1, 2}
    assert index.candidates({}) == {2}


def test_a_detection_that_ignores_case_is_a_candidate_in_any_case() -> None:
    node = {"field": "eventName", "equals_ignore_case": ["consolelogin"]}
    index = Ruleset.of([detection(predicate=node)]).index

    assert index.candidates(record(eventName="CONSOLELogin")) == {0}
    assert index.candidates(record(eventName="CheckMfa")) == frozenset()
    assert index.candidates(record(eventName=["consolelogin"])) == frozenset()

"""What a trail records, by its event selectors, as CloudTrail documents them."""

from typing import Any

import pytest

from operations.preflight.recording import (
    records,
    records_management_events,
    sign_in,
    with_sign_ins,
)

SIGN_IN = sign_in("aws", "333333333333")
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}
DATA = {"Field": "eventCategory", "Equals": ["Data"]}
S3_OBJECTS = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}


def basic(**selector: Any) -> dict[str, Any]:
    return {"EventSelectors": [selector]}


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


@pytest.mark.parametrize(
    ("selectors", "is_recorded"),
    [
        (basic(ReadWriteType="All", IncludeManagementEvents=True), True),
        (basic(ReadWriteType="WriteOnly", IncludeManagementEvents=True), True),
        (basic(ReadWriteType="ReadOnly", IncludeManagementEvents=True), False),
        (basic(ReadWriteType="All", IncludeManagementEvents=False), False),
        (
            basic(
                ReadWriteType="All",
                IncludeManagementEvents=True,
                ExcludeManagementEventSources=["kms.amazonaws.com"],
            ),
            True,
        ),
        (advanced(MANAGEMENT), True),
        (advanced(MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}), True),
        (advanced(MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}), False),
        (advanced(DATA, S3_OBJECTS), False),
        (advanced(MANAGEMENT, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}), True),
        (
            advanced(MANAGEMENT, {"Field": "eventSource", "NotEquals": ["signin.amazonaws.com"]}),
            False,
        ),
        (advanced(MANAGEMENT, {"Field": "eventName", "NotStartsWith": ["Get", "Console"]}), False),
        (advanced(MANAGEMENT, {"Field": "eventName", "StartsWith": ["Get", "Console"]}), True),
        (advanced(MANAGEMENT, {"Field": "eventName", "EndsWith": ["Role"]}), False),
        (advanced(MANAGEMENT, {"Field": "userIdentity.arn", "NotEndsWith": [":root"]}), False),
        (
            advanced(MANAGEMENT, {"Field": "sessionCredentialFromConsole", "Equals": ["true"]}),
            False,
        ),
        ({"EventSelectors": [], "AdvancedEventSelectors": []}, False),
        ({}, False),
    ],
)
def test_a_root_sign_in_is_recorded(selectors: dict[str, Any], *, is_recorded: bool) -> None:
    assert records(selectors, SIGN_IN) is is_recorded


def test_one_selector_that_selects_is_enough() -> None:
    selectors = {
        "AdvancedEventSelectors": [
            {"FieldSelectors": [DATA, S3_OBJECTS]},
            {"FieldSelectors": [MANAGEMENT]},
        ]
    }

    assert records(selectors, SIGN_IN)


@pytest.mark.parametrize(
    ("selectors", "is_paid"),
    [
        (basic(ReadWriteType="ReadOnly", IncludeManagementEvents=True), True),
        (basic(ReadWriteType="All", IncludeManagementEvents=False), False),
        (advanced(MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}), True),
        (advanced(DATA, S3_OBJECTS), False),
        ({}, False),
    ],
)
def test_management_events_are_recorded(selectors: dict[str, Any], *, is_paid: bool) -> None:
    assert records_management_events(selectors) is is_paid


@pytest.mark.parametrize(
    ("selectors", "option", "key"),
    [
        (
            basic(
                ReadWriteType="ReadOnly",
                IncludeManagementEvents=True,
                DataResources=[{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::logs/"]}],
            ),
            "--event-selectors",
            "EventSelectors",
        ),
        (advanced(DATA, S3_OBJECTS), "--advanced-event-selectors", "AdvancedEventSelectors"),
        ({}, "--event-selectors", "EventSelectors"),
    ],
)
def test_what_is_mended_records_sign_ins_and_all_that_it_did(
    selectors: dict[str, Any], option: str, key: str
) -> None:
    found, mended = with_sign_ins(selectors)

    assert found == option
    assert records({key: mended}, SIGN_IN)
    data = [one.get("DataResources") for one in selectors.get("EventSelectors", [])]
    assert [one.get("DataResources") for one in mended][: len(data)] == data
    assert mended[: len(selectors.get("AdvancedEventSelectors", []))] == selectors.get(
        "AdvancedEventSelectors", []
    )

"""Imported findings, and the filters of GetFindings."""

from typing import Any

import pytest

from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.finding_filters import ATTRIBUTES, check_filters, matches
from sandbox.security_hub.findings import AsffFinding, Caller, FindingStore
from sandbox.tests.security_hub import organization as security_hub_organization

CALLER = Caller(account_id="111122223333", region="eu-central-1", partition="aws")


def finding(**changes: Any) -> AsffFinding:
    return security_hub_organization.finding(CALLER.account_id, CALLER.region, **changes)


def without(name: str) -> AsffFinding:
    return {key: value for key, value in finding().items() if key != name}


def stored(*imports: AsffFinding) -> AsffFinding:
    store = FindingStore()
    for imported in imports:
        store.put(imported, CALLER)
    (only,) = store
    return only


def test_security_hub_completes_a_new_finding() -> None:
    created = stored(finding())

    assert created["Region"] == "eu-central-1"
    assert created["RecordState"] == "ACTIVE"
    assert created["Workflow"] == {"Status": "NEW"}
    assert created["Severity"] == {"Label": "CRITICAL", "Normalized": 90}
    assert created["Types"] == ["TTPs"]
    assert created["ProductFields"]["aws/securityhub/FindingId"] == (
        f"{CALLER.default_product_arn}/finding-1"
    )


def test_a_normalized_severity_has_a_label() -> None:
    for normalized, label in [
        (0, "INFORMATIONAL"),
        (39, "LOW"),
        (40, "MEDIUM"),
        (70, "HIGH"),
        (90, "CRITICAL"),
    ]:
        created = stored(
            without("FindingProviderFields")
            | {"Severity": {"Normalized": normalized}, "Types": ["TTPs"]}
        )

        assert created["Severity"] == {"Label": label, "Normalized": normalized}, (
            normalized,
            label,
        )
        assert created["FindingProviderFields"]["Severity"] == {"Label": label}, (normalized, label)


def test_a_newer_import_updates_the_finding_and_keeps_customer_fields() -> None:
    note = {"Text": "mine", "UpdatedBy": "me", "UpdatedAt": "2025-01-01T00:00:00Z"}

    updated = stored(
        finding(Note=note, Workflow={"Status": "NOTIFIED"}),
        finding(
            UpdatedAt="2025-01-01T00:00:00.000000001Z",
            Title="New title",
            Note=note | {"Text": "theirs"},
            Workflow={"Status": "RESOLVED"},
            FindingProviderFields={"Severity": {"Label": "LOW"}, "Types": ["TTPs"]},
        ),
    )

    assert updated["Title"] == "New title"
    assert updated["Severity"]["Label"] == "LOW"
    assert updated["Note"] == note
    assert updated["Workflow"] == {"Status": "NOTIFIED"}


def test_an_import_that_is_not_newer_changes_nothing() -> None:
    for updated_at in ["2025-01-01T00:00:00Z", "2025-01-01T00:59:59+01:00"]:
        kept = stored(finding(), finding(UpdatedAt=updated_at, Title="Late"))

        assert kept["Title"] == "Title", updated_at


def condition(comparison: str, value: str, **key: str) -> dict[str, str]:
    return {"Comparison": comparison, "Value": value, **key}


def test_filters_select_findings() -> None:
    for filters, expected in [
        ({}, True),
        ({"Id": [condition("EQUALS", "finding-1")]}, True),
        ({"Id": [condition("EQUALS", "finding")]}, False),
        ({"Id": [condition("PREFIX", "finding")]}, True),
        ({"Id": [condition("EQUALS", "x"), condition("EQUALS", "finding-1")]}, True),
        ({"Id": [condition("NOT_EQUALS", "x"), condition("NOT_EQUALS", "finding-1")]}, False),
        ({"Title": [condition("PREFIX", "Ti"), condition("PREFIX_NOT_EQUALS", "Title")]}, False),
        ({"Id": [condition("PREFIX", "f")], "Title": [condition("EQUALS", "x")]}, False),
        ({"SeverityLabel": [condition("EQUALS", "CRITICAL")]}, True),
        ({"ResourceType": [condition("EQUALS", "AwsAccount")]}, True),
        ({"Type": [condition("CONTAINS", "TT")]}, True),
        ({"ComplianceStatus": [condition("EQUALS", "FAILED")]}, False),
        ({"ComplianceStatus": [condition("NOT_EQUALS", "FAILED")]}, True),
        ({"ProductFields": [condition("EQUALS", "v", Key="k")]}, True),
        ({"ProductFields": [condition("NOT_EQUALS", "v", Key="k")]}, False),
        ({"ProductFields": [condition("EQUALS", "v", Key="other")]}, False),
    ]:
        known = stored(finding(ProductFields={"k": "v"}))

        check_filters(filters)

        assert matches(known, filters) is expected, (filters, expected)


def test_an_invalid_filter_is_refused() -> None:
    for filters in [
        {"NoteText": [condition("EQUALS", "x")]},
        {"Id": [{"Value": "x"}]},
        {"Id": [condition("CONTAINS_WORD", "x")]},
        {"ProductFields": [condition("EQUALS", "v")]},
        {"Id": [condition("EQUALS", str(n)) for n in range(21)]},
        {name: [condition("EQUALS", "x")] for name in sorted(ATTRIBUTES)[:11]},
        {"Id": [condition("EQUALS", "x"), condition("NOT_EQUALS", "y")]},
        {"Id": [condition("EQUALS", "x"), condition("PREFIX_NOT_EQUALS", "y")]},
        {"Id": [condition("CONTAINS", "x"), condition("EQUALS", "y")]},
        {"Id": [condition("NOT_CONTAINS", "x"), condition("NOT_EQUALS", "y")]},
    ]:
        with pytest.raises(InvalidInputError, match="Filters"):
            check_filters(filters)

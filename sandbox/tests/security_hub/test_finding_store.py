"""What Security Hub makes of an import, and how it finds findings again."""

from typing import Any

import pytest

from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.finding_filters import ATTRIBUTES, check_filters, matches
from sandbox.security_hub.findings import Caller, FindingStore
from sandbox.tests.security_hub import organization as security_hub_organization

CALLER = Caller(account_id="111122223333", region="eu-central-1", partition="aws")

type Finding = dict[str, Any]


def finding(**changes: Any) -> Finding:
    return security_hub_organization.finding(CALLER.account_id, CALLER.region, **changes)


def without(name: str) -> Finding:
    return {key: value for key, value in finding().items() if key != name}


def stored(*imports: Finding) -> Finding:
    store = FindingStore()
    for imported in imports:
        store.put(imported, CALLER)
    (only,) = store
    return only


def test_a_new_finding_is_completed_as_security_hub_does() -> None:
    created = stored(finding())

    assert created["Region"] == "eu-central-1"
    assert created["RecordState"] == "ACTIVE"
    assert created["Workflow"] == {"Status": "NEW"}
    assert created["Severity"] == {"Label": "CRITICAL", "Normalized": 90}
    assert created["Types"] == ["TTPs"]
    assert created["ProductFields"]["aws/securityhub/FindingId"] == (
        f"{CALLER.default_product_arn}/finding-1"
    )


@pytest.mark.parametrize(
    ("normalized", "label"),
    [(0, "INFORMATIONAL"), (39, "LOW"), (40, "MEDIUM"), (70, "HIGH"), (90, "CRITICAL")],
)
def test_a_normalized_severity_gets_its_label(normalized: int, label: str) -> None:
    created = stored(
        without("FindingProviderFields")
        | {"Severity": {"Normalized": normalized}, "Types": ["TTPs"]}
    )

    assert created["Severity"] == {"Label": label, "Normalized": normalized}
    assert created["FindingProviderFields"]["Severity"] == {"Label": label}


def test_a_later_import_updates_and_leaves_the_customers_fields() -> None:
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


@pytest.mark.parametrize("updated_at", ["2025-01-01T00:00:00Z", "2025-01-01T00:59:59+01:00"])
def test_an_equal_or_earlier_import_changes_nothing(updated_at: str) -> None:
    kept = stored(finding(), finding(UpdatedAt=updated_at, Title="Late"))

    assert kept["Title"] == "Title"


def condition(comparison: str, value: str, **key: str) -> dict[str, str]:
    return {"Comparison": comparison, "Value": value, **key}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
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
    ],
)
def test_filters_select(filters: dict[str, list[dict[str, str]]], *, expected: bool) -> None:
    known = stored(finding(ProductFields={"k": "v"}))

    check_filters(filters)

    assert matches(known, filters) is expected


@pytest.mark.parametrize(
    "filters",
    [
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
    ],
)
def test_a_filter_without_meaning_is_refused(filters: dict[str, list[dict[str, str]]]) -> None:
    with pytest.raises(InvalidInputError, match="Filters"):
        check_filters(filters)

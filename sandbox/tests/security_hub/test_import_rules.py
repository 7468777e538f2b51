"""The rules of BatchImportFindings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.security_hub.conformance import nanoseconds
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.finding_filters import ATTRIBUTES, check_filters, matches
from sandbox.security_hub.findings import (
    MAX_CHARACTERS,
    AsffFinding,
    Caller,
    FindingStore,
    checked_call,
    import_failure,
)
from sandbox.tests.security_hub import organization as security_hub_organization

CALLER = Caller(account_id="111122223333", region="eu-central-1", partition="aws")


def finding(**changes: Any) -> AsffFinding:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "finding-1",
        "ProductArn": CALLER.default_product_arn,
        "GeneratorId": "generator",
        "AwsAccountId": CALLER.account_id,
        "CreatedAt": "2025-01-01T00:00:00Z",
        "UpdatedAt": "2025-01-01T00:00:00Z",
        "Title": "Title",
        "Description": "Description",
        "Resources": [{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333"}],
        "FindingProviderFields": {
            "Severity": {"Label": "CRITICAL"},
            "Types": ["TTPs/Initial Access/Valid Accounts"],
        },
    } | changes


def without(name: str) -> AsffFinding:
    return {key: value for key, value in finding().items() if key != name}


def message_of(candidate: Any) -> str:
    failure = import_failure(candidate, CALLER)
    assert failure is not None
    assert failure.error_code == "InvalidInput"
    return failure.error_message


def nested(path: str, value: Any) -> AsffFinding:
    """A finding with `value` at a dotted path."""
    first, _, rest = path.partition(".")
    if not rest:
        return finding(**{first: value})
    inner: Any = value
    for name in reversed(rest.split(".")):
        inner = {name: inner}
    return finding(**{first: inner})


ACCEPTED = [
    pytest.param(finding(), id="minimal"),
    pytest.param(
        without("FindingProviderFields") | {"Severity": {"Normalized": 90}, "Types": ["TTPs"]},
        id="severity-and-types-at-the-top",
    ),
    pytest.param(
        finding(Note={"Text": "t", "UpdatedBy": "u", "UpdatedAt": "2025-01-01T00:00:00Z"})
    ),
    pytest.param(finding(UserDefinedFields={"k": "v"}), id="user-defined-fields"),
    pytest.param(
        finding(ProductFields={"product/signedInAt": "whenever"}), id="own-key-ending-in-At"
    ),
    pytest.param(finding(ProductFields={f"{n}": "v" * 2048 for n in range(50)}), id="50-fields"),
    pytest.param(finding(UpdatedAt="2025-01-01T00:00:00.123456789+02:00"), id="offset"),
    pytest.param(finding(UpdatedAt="2025-01-01T00:00:00-0530"), id="offset-without-colon"),
    pytest.param(finding(Network={"SourceIpV6": "2001:db8::1"}), id="ipv6"),
    pytest.param(finding(Resources=finding()["Resources"] * 32), id="32-resources"),
    *(
        pytest.param(nested(path, "x" * limit) if path != "Note.Text" else finding(), id=path)
        for path, limit in MAX_CHARACTERS.items()
    ),
]


@pytest.mark.parametrize("candidate", ACCEPTED)
def test_a_valid_finding_is_imported(candidate: AsffFinding) -> None:
    assert import_failure(candidate, CALLER) is None


REFUSED = [
    *((without(name), f"'{name}'") for name in finding() if name != "FindingProviderFields"),
    (without("FindingProviderFields"), "neither has 'Severity'"),
    (without("FindingProviderFields"), "neither has 'Types'"),
    *(
        (nested(path, "x" * (limit + 1)), f"data.{path} should NOT be longer than {limit}")
        for path, limit in MAX_CHARACTERS.items()
        if path != "Note.Text"
    ),
    (finding(SchemaVersion="2018-10-09"), "data.SchemaVersion"),
    (finding(AwsAccountId="1111"), "data.AwsAccountId should have 12 digits"),
    (finding(Titel="x"), "data should NOT have additional property 'Titel'"),
    (nested("Action.ActionTyp", "x"), "data.Action should NOT have additional property"),
    (finding(Title=1), "data.Title should be string"),
    (finding(Title=" "), "data.Title should NOT be shorter"),
    (finding(Confidence=True), "data.Confidence should be integer"),
    (finding(Confidence=101), "data.Confidence should be >= 0 and <= 100"),
    (nested("FindingProviderFields.Criticality", -1), "Criticality should be >= 0"),
    (finding(Resources=[]), "data.Resources should have 1 to 32 items"),
    (finding(Resources=finding()["Resources"] * 33), "data.Resources should have 1 to 32 items"),
    (finding(Resources=[{"Type": "AwsAccount"}]), "data.Resources[0] should have required"),
    (finding(Resources=[{"Type": "t", "Id": "i", "Partition": "mars"}]), "Resources[0].Partition"),
    (nested("Severity.Label", "SEVERE"), "data.Severity.Label should be equal to one of"),
    (nested("Severity.Original", "9"), "data.Severity should have required property 'Label'"),
    (nested("FindingProviderFields.Severity.Original", "9"), "FindingProviderFields.Severity"),
    (finding(RecordState="GONE"), "data.RecordState"),
    (nested("Compliance.Status", "MAYBE"), "data.Compliance.Status"),
    (finding(Types=["Root/Sign-in"]), "is in no ASFF namespace"),
    (finding(Types=["TTPs/a/b/c"]), "is not namespace/category/classifier"),
    (finding(Types=["TTPs//b"]), "is not namespace/category/classifier"),
    (finding(ProductFields={f"{n}": "v" for n in range(51)}), "data.ProductFields should have"),
    (finding(ProductFields={"k" * 129: "v"}), "ProductFields key"),
    (finding(ProductFields={"k": "v" * 2049}), "data.ProductFields['k']"),
    (finding(ProductFields={"k": 1}), "data.ProductFields['k'] should be string"),
    (finding(CreatedAt="2025-01-01 00:00:00Z"), "data.CreatedAt should match format date-time"),
    (finding(CreatedAt="2025-02-30T00:00:00Z"), "data.CreatedAt should match format date-time"),
    (finding(UpdatedAt="2025-01-01T00:00:00"), "data.UpdatedAt should match format date-time"),
    (nested("Network.SourceIpV4", "signin.amazonaws.com"), "should be an IPv4 address"),
    (nested("Network.SourceIpV6", "192.0.2.1"), "should be an IPv6 address"),
    (
        nested("Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4", "2001:db8::1"),
        "RemoteIpDetails.IpAddressV4 should be an IPv4 address",
    ),
    (finding(Resources=[{"Type": "t", "Id": "i" * 250_000}]), "should NOT have more than 245760"),
    ("finding", "data should be object"),
]


def test_an_invalid_finding_fails_with_its_path() -> None:
    for candidate, message in REFUSED:
        assert message in message_of(candidate), (candidate, message)


def test_a_finding_of_another_account_is_denied() -> None:
    failure = import_failure(finding(AwsAccountId="999999999999"), CALLER)

    assert failure is not None
    assert (failure.finding_id, failure.error_code) == ("finding-1", "InvalidAccess")


def test_a_call_has_1_to_100_findings() -> None:
    cases: list[Any] = [[], [finding()] * 101, None, {}]
    for findings in cases:
        with pytest.raises(InvalidInputError, match="1 to 100 items"):
            checked_call(findings, CALLER)


def test_a_product_of_another_account_fails_the_call() -> None:
    for old, new in [
        ("arn:aws:", "arn:aws-cn:"),
        ("eu-central-1", "us-east-1"),
        ("111122223333", "444455556666"),
    ]:
        foreign = finding(ProductArn=CALLER.default_product_arn.replace(old, new))

        with pytest.raises(InvalidInputError, match="productArn"):
            checked_call([finding(), foreign], CALLER)


@given(st.integers(0, 10**9 - 1), st.integers(-14 * 60, 14 * 60))
def test_timestamps_keep_nanoseconds_with_any_offset(fraction: int, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = f"2025-01-01T00:00:00.{fraction:09}{sign}{hours:02}:{rest:02}"

    instant = nanoseconds(local)

    assert instant == nanoseconds("2025-01-01T00:00:00Z") - minutes * 60 * 10**9 + fraction


def stored_finding(**changes: Any) -> AsffFinding:
    return security_hub_organization.finding(CALLER.account_id, CALLER.region, **changes)


def stored_without(name: str) -> AsffFinding:
    return {key: value for key, value in stored_finding().items() if key != name}


def stored(*imports: AsffFinding) -> AsffFinding:
    store = FindingStore()
    for imported in imports:
        store.put(imported, CALLER)
    (only,) = store
    return only


def test_security_hub_completes_a_new_finding() -> None:
    created = stored(stored_finding())

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
            stored_without("FindingProviderFields")
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
        stored_finding(Note=note, Workflow={"Status": "NOTIFIED"}),
        stored_finding(
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
        kept = stored(stored_finding(), stored_finding(UpdatedAt=updated_at, Title="Late"))

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
        known = stored(stored_finding(ProductFields={"k": "v"}))

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

"""The finding in ASFF: its identity, its limits, what it says, and what stands in for it."""

from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.aws import Connections, Credentials, Patience
from functions.finding_importer.findings.finding import Asff, Finding, HubScope, build, finding_id
from functions.finding_importer.findings.refusal import Cause, Refusal
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from sandbox.security_hub.findings import Caller, FindingStore
from tests.unit.importer.doubles import (
    OWNER,
    REGION,
    RUNBOOK,
    SCOPE,
    SECURITY,
    detection,
    finding,
    hub_problem,
    record,
    schema_problems,
)
from tests.unit.importer.events import AWKWARD, LONG_TEXT, RECORDS

WHY = Refusal(Cause.HUB_NOT_ENABLED, "not subscribed")
CALLER = Caller(account_id=SECURITY, region=REGION, partition="aws")


def kinds(built: Finding, why: Refusal = WHY) -> list[Asff]:
    return [built.asff, built.stand_in(why), built.archived_stand_in()]


@given(RECORDS, LONG_TEXT)
def test_any_record_that_can_be_placed_gives_findings_that_security_hub_takes(
    drawn: dict[str, Any], words: str
) -> None:
    wordy = f"x{words}"
    chosen = detection(
        title=wordy,
        description=wordy,
        next_steps=[wordy],
        compliance=[{"framework": wordy, "version": wordy, "controls": [wordy, wordy]}],
    )

    for asff in kinds(
        build(CloudTrailEvent.parse(drawn), chosen, SCOPE), Refusal(WHY.cause, wordy)
    ):
        assert schema_problems(asff) == []
        assert hub_problem(asff) is None


@given(RECORDS)
def test_the_same_event_gives_the_same_findings(drawn: dict[str, Any]) -> None:
    one, other = (build(CloudTrailEvent.parse(drawn), detection(), SCOPE) for _ in range(2))

    assert kinds(one) == kinds(other)


@given(
    st.uuids().map(str),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.sampled_from(["us-east-1", "eu-central-1", None]),
    st.ip_addresses().map(str),
    AWKWARD,
)
def test_the_id_depends_on_what_identifies_the_event_and_on_nothing_else(
    event_id: str, account: str, region: str | None, address: str, other: Any
) -> None:
    identity = {"eventID": event_id, "recipientAccountId": account, "awsRegion": region}
    one = CloudTrailEvent.parse(record(**identity))
    again = CloudTrailEvent.parse(
        record(
            **identity,
            eventTime="2026-01-01T00:00:00Z",
            sourceIPAddress=address,
            userAgent=other,
            additionalEventData=other,
        )
    )

    assert finding_id(one, detection(), SCOPE) == finding_id(again, detection(title="x"), SCOPE)


@pytest.mark.parametrize(
    ("changes", "name", "scope"),
    [
        ({"eventID": "other"}, "a", SCOPE),
        ({"recipientAccountId": "444455556666"}, "a", SCOPE),
        ({"awsRegion": "eu-west-1"}, "a", SCOPE),
        ({}, "b", SCOPE),
        ({}, "a", HubScope("aws-cn", REGION, SECURITY)),
    ],
)
def test_each_part_of_the_identity_changes_the_id(
    changes: dict[str, Any], name: str, scope: HubScope
) -> None:
    first = finding_id(CloudTrailEvent.parse(record()), detection(name="a"), SCOPE)
    second = finding_id(CloudTrailEvent.parse(record(**changes)), detection(name=name), scope)

    assert first != second


def test_the_finding_says_what_where_and_when() -> None:
    asff = finding().asff

    assert asff["Id"] == (
        "rootwatch/root_console_login_without_mfa/aws/us-east-1/111122223333/"
        "7f1c1f6e-0000-4000-8000-000000000001"
    )
    assert asff["ProductArn"] == (
        "arn:aws:securityhub:eu-central-1:111122223333:product/111122223333/default"
    )
    assert asff["AwsAccountId"] == OWNER
    assert asff["CreatedAt"] == asff["UpdatedAt"] == "2025-03-04T05:06:07.000Z"
    assert asff["Severity"] == asff["FindingProviderFields"]["Severity"] == {"Label": "CRITICAL"}
    assert asff["Types"] == asff["FindingProviderFields"]["Types"] == ["TTPs/Initial Access"]
    assert asff["Resources"] == [
        {
            "Type": "AwsAccount",
            "Id": "AWS::::Account:111122223333",
            "Partition": "aws",
            "Region": REGION,
        }
    ]
    assert asff["Description"] == (
        "Account 111122223333, 2025-03-04 05:06:07 UTC, from 198.51.100.7. "
        "The root user signed in with nothing but a password."
    )
    assert asff["ProductFields"] == {
        "rootwatch/detectionId": detection().id,
        "rootwatch/eventID": "7f1c1f6e-0000-4000-8000-000000000001",
        "rootwatch/event": (
            "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1"
            "#/events/7f1c1f6e-0000-4000-8000-000000000001"
        ),
        "rootwatch/awsRegion": "us-east-1",
        "rootwatch/MFAUsed": "No",
        "rootwatch/LoginTo": "https://console.aws.amazon.com/",
        "rootwatch/sourceIPAddress": "198.51.100.7",
        "rootwatch/userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
    }


def test_the_finding_says_what_to_do_and_where_the_runbook_is() -> None:
    recommendation = finding().asff["Remediation"]["Recommendation"]
    unpublished = finding(runbook="detections/a/runbook.md").asff["Remediation"]["Recommendation"]
    long = finding(next_steps=["x" * 600]).asff["Remediation"]["Recommendation"]

    assert recommendation["Url"] == RUNBOOK
    assert recommendation["Text"].startswith(f"Runbook: {RUNBOOK} 1. Ask the account's owner. 2. ")
    assert "Url" not in unpublished
    assert unpublished["Text"].startswith("Runbook: detections/a/runbook.md 1. ")
    assert long["Text"].startswith(f"Runbook: {RUNBOOK} 1. xxx")
    assert len(long["Text"]) == 512


def test_the_finding_says_which_controls_it_bears_on() -> None:
    cis, nist = "CIS AWS Foundations Benchmark", "NIST SP 800-53"
    told = finding(
        compliance=[
            {"framework": cis, "version": "5.0.0", "controls": ["1.4", "1.6"]},
            {"framework": nist, "version": "Rev. 5", "controls": ["AU-9"]},
        ]
    )

    assert told.asff["ProductFields"]["rootwatch/compliance"] == (
        "CIS AWS Foundations Benchmark 5.0.0: 1.4, 1.6; NIST SP 800-53 Rev. 5: AU-9"
    )


@pytest.mark.parametrize(
    ("address", "v4", "v6"),
    [
        ("198.51.100.7", "198.51.100.7", None),
        ("2001:DB8::1", None, "2001:db8::1"),
        ("::ffff:198.51.100.7", None, "::ffff:198.51.100.7"),
        ("fe80::1%eth0", None, None),
        ("signin.amazonaws.com", None, None),
        ("198.51.100.777", None, None),
        ("198.51.100.0/24", None, None),
        ("", None, None),
        (3325256711, None, None),
        (None, None, None),
        ({"ip": "198.51.100.7"}, None, None),
    ],
)
def test_an_address_stands_where_its_kind_belongs(
    address: Any, v4: str | None, v6: str | None
) -> None:
    asff = finding({"sourceIPAddress": address}).asff
    call = asff.get("Action", {}).get("AwsApiCallAction", {})

    assert call.get("RemoteIpDetails", {}).get("IpAddressV4") == v4
    assert asff.get("Network", {}).get("SourceIpV6") == v6
    assert ("Action" in asff, "Network" in asff) == (v4 is not None, v6 is not None)


def test_the_call_is_named_as_far_as_the_event_does() -> None:
    nameless = finding({"eventName": "", "eventSource": None}).asff["Action"]["AwsApiCallAction"]
    call = finding().asff["Action"]["AwsApiCallAction"]

    assert (call["Api"], call["ServiceName"]) == ("ConsoleLogin", "signin.amazonaws.com")
    assert nameless == {
        "CallerType": "remoteip",
        "RemoteIpDetails": {"IpAddressV4": "198.51.100.7"},
        "ServiceName": "null",
    }


def test_a_stand_in_is_the_security_accounts_and_says_whose_and_why() -> None:
    owners, stand_in, archived = kinds(finding())

    for asff in (stand_in, archived):
        assert (asff["Id"], asff["Resources"]) == (owners["Id"], owners["Resources"])
        assert asff["AwsAccountId"] == SECURITY
        assert asff["ProductArn"] == CALLER.default_product_arn
    assert stand_in["ProductFields"] == owners["ProductFields"] | {
        "rootwatch/owningAccount": OWNER,
        "rootwatch/notInOwningAccountBecause": "Security Hub is not enabled there: not subscribed",
    }
    assert archived["ProductFields"] == owners["ProductFields"] | {"rootwatch/movedTo": OWNER}
    assert (stand_in["RecordState"], archived["RecordState"]) == ("ACTIVE", "ARCHIVED")


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 2, 1), (2, 1, 2)])
def test_a_stand_in_ends_archived_whichever_import_comes_last(order: tuple[int, ...]) -> None:
    store, made = FindingStore(), kinds(finding({"eventTime": "9998-12-31T23:59:59.9999Z"}))
    for kind in order:
        store.put(made[kind], CALLER)

    assert [one["RecordState"] for one in store] == ["ARCHIVED"]


def test_the_link_leads_to_the_finding_in_the_importers_region() -> None:
    assert finding().link.startswith(
        "https://eu-central-1.console.aws.amazon.com/securityhub/home?region=eu-central-1#/findings"
    )
    assert finding().link.endswith("%252F7f1c1f6e-0000-4000-8000-000000000001")


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_botocore_accepts_the_finding_as_a_request(kind: int) -> None:
    patience = Patience(connect_seconds=1, read_seconds=1, attempts=1)
    credentials = Credentials("key", "secret", "token", CloudTrailEvent.parse(record()).time)
    client = Connections(REGION, patience).client("securityhub", credentials=credentials)
    expected = {"Findings": [kinds(finding({"sourceIPAddress": "2001:db8::1"}))[kind]]}
    answer = {"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}
    with Stubber(client) as stub:
        stub.add_response("batch_import_findings", answer, expected)
        response = client.batch_import_findings(**expected)

    assert response["SuccessCount"] == 1

"""The finding in ASFF: its identity, its limits, and what it says."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.aws import Credentials, connect
from functions.finding_importer.cloudtrail import CloudTrailEvent
from functions.finding_importer.errors import BadRecordError
from functions.finding_importer.finding import HubScope, build, finding_id
from functions.finding_importer.notice import Notice, compose
from functions.finding_importer.rules import Ruleset
from tests.unit.importer_doubles import SCOPE, detection, finding, record

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
LIMITS = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}
CUSTOMERS = {"Note", "UserDefinedFields", "VerificationState", "Workflow"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
LONG_TEXT = st.text(min_size=1).map(lambda text: text * 500)
AWKWARD = JSON | LONG_TEXT
AWKWARD_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "eventID": AWKWARD,
        "eventTime": AWKWARD,
        "recipientAccountId": AWKWARD,
        "userIdentity": AWKWARD,
        "awsRegion": AWKWARD,
        "eventName": AWKWARD,
        "eventSource": AWKWARD,
        "sourceIPAddress": AWKWARD | st.ip_addresses().map(str),
        "userAgent": AWKWARD,
        "additionalEventData": AWKWARD
        | st.fixed_dictionaries({"MFAUsed": AWKWARD, "LoginTo": AWKWARD}),
    },
)
PLACES = st.fixed_dictionaries(
    {
        "eventID": st.uuids().map(str),
        "eventTime": st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
        "recipientAccountId": st.from_regex(r"[0-9]{12}", fullmatch=True),
    }
)
ALWAYS = {"not": {"field": "no such field", "equals": ["x"]}}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value))
        yield from strings(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def assert_obeys_limits(asff: dict[str, Any]) -> None:
    assert all(1 <= len(asff[key]) <= limit for key, limit in LIMITS.items())
    assert all(re.fullmatch(r".*\S.*", text) for text in strings(asff))
    assert len(asff["Remediation"]["Recommendation"]["Text"]) <= 512
    assert len(asff["ProductFields"]) <= 50
    assert all(len(key) <= 128 for key in asff["ProductFields"])
    assert all(len(value) <= 2048 for value in asff["ProductFields"].values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", asff["UpdatedAt"])
    assert len(json.dumps(asff)) <= 240_000
    assert not CUSTOMERS & set(asff)
    assert "Region" not in asff


def assert_can_be_published(notice: Notice) -> None:
    assert notice.subject.isascii()
    assert notice.subject.isprintable()
    assert len(notice.subject) < 100
    assert len(notice.message.encode()) <= 262_144


@given(AWKWARD_RECORDS)
def test_a_record_that_is_matched_is_read_or_bad_and_nothing_else(record: dict[str, Any]) -> None:
    Ruleset.of([detection()]).matching(record)
    with suppress(BadRecordError):
        CloudTrailEvent.parse(record)


@given(AWKWARD_RECORDS, PLACES, LONG_TEXT)
def test_any_record_that_can_be_placed_gives_a_finding_and_a_notice_within_the_limits(
    awkward: dict[str, Any], place: dict[str, Any], words: str
) -> None:
    wordy = f"x{words}"
    chosen = detection(
        description=wordy,
        title=wordy,
        next_steps=[wordy],
        predicate=ALWAYS,
        compliance=[{"framework": wordy, "version": wordy, "controls": [wordy, wordy]}],
    )
    record = awkward | place

    assert Ruleset.of([chosen]).matching(record) == (chosen,)
    built = build(CloudTrailEvent.parse(record), chosen, SCOPE)
    assert_obeys_limits(built.asff)
    assert_can_be_published(compose(built, wordy))


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
        ({}, "a", HubScope("aws-cn", "eu-central-1")),
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
    assert asff["AwsAccountId"] == "111122223333"
    assert asff["CreatedAt"] == asff["UpdatedAt"] == "2025-03-04T05:06:07.000Z"
    assert asff["Severity"] == asff["FindingProviderFields"]["Severity"] == {"Label": "CRITICAL"}
    assert asff["Types"] == asff["FindingProviderFields"]["Types"] == ["TTPs/Initial Access"]
    assert asff["Resources"] == [
        {
            "Type": "AwsAccount",
            "Id": "AWS::::Account:111122223333",
            "Partition": "aws",
            "Region": "eu-central-1",
        }
    ]
    assert asff["ProductFields"]["rootwatch/MFAUsed"] == "No"
    assert "198.51.100.7" in asff["Description"]
    assert asff["Remediation"]["Recommendation"]["Text"].startswith("1. Ask the account's owner. 2")


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
    assert "rootwatch/compliance" not in finding(compliance=[]).asff["ProductFields"]


@pytest.mark.parametrize(
    ("address", "v4", "v6"),
    [
        ("198.51.100.7", "198.51.100.7", None),
        ("2001:DB8::1", None, "2001:db8::1"),
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
    call = asff["Action"]["AwsApiCallAction"]

    assert call.get("RemoteIpDetails", {}).get("IpAddressV4") == v4
    assert asff.get("Network", {}).get("SourceIpV6") == v6
    assert call["Api"] == "ConsoleLogin"
    assert call["ServiceName"] == "signin.amazonaws.com"


def test_botocore_accepts_the_finding_as_a_request() -> None:
    client = connect("securityhub", "eu-central-1", Credentials("key", "secret", "token"))
    expected = {"Findings": [finding({"sourceIPAddress": "2001:db8::1"}).asff]}
    with Stubber(client) as stub:
        stub.add_response(
            "batch_import_findings",
            {"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []},
            expected,
        )
        response = client.batch_import_findings(**expected)

    assert response["SuccessCount"] == 1

"""Findings in ASFF: their Ids, limits, content, and fallback findings."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from functions.finding_importer.aws import ClientFactory, ClientTimeouts, Credentials
from functions.finding_importer.findings.finding import Asff, Finding, HubScope, build, finding_id
from functions.finding_importer.findings.import_status import FailureCause, FindingImportFailure
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from sandbox.security_hub.findings import Caller, FindingStore
from tests.unit.importer.builders import (
    ANY_VALUES,
    LONG_TEXT,
    OWNER,
    RECORDS,
    REGION,
    RUNBOOK,
    SCHEMA,
    SCOPE,
    SECURITY,
    detection,
    finding,
    hub_problem,
    record,
    schema_problems,
)

FAILURE = FindingImportFailure(FailureCause.HUB_NOT_ENABLED, "not subscribed")
CALLER = Caller(account_id=SECURITY, region=REGION, partition="aws")


def variants(built: Finding, failure: FindingImportFailure = FAILURE) -> list[Asff]:
    return [built.asff, built.fallback_finding(failure), built.archived_fallback_finding()]


@given(RECORDS, LONG_TEXT)
def test_security_hub_accepts_the_findings_of_arbitrary_valid_records(
    drawn: dict[str, Any], text: str
) -> None:
    title = f"x{text}"
    one = detection(
        title=title,
        description=title,
        next_steps=[title],
        compliance=[{"framework": title, "version": title, "controls": [title, title]}],
    )

    found = build(CloudTrailEvent.parse(drawn), one, SCOPE)

    for asff in variants(found, FindingImportFailure(FAILURE.cause, title)):
        assert schema_problems(asff) == []
        assert hub_problem(asff) is None


@given(RECORDS)
def test_findings_depend_on_the_event_only(drawn: dict[str, Any]) -> None:
    one, other = (build(CloudTrailEvent.parse(drawn), detection(), SCOPE) for _ in range(2))

    assert variants(one) == variants(other)


@given(
    st.uuids().map(str),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.sampled_from(["us-east-1", "eu-central-1", None]),
    st.ip_addresses().map(str),
    ANY_VALUES,
)
def test_the_id_depends_on_the_identity_of_the_event_only(
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


def test_each_part_of_the_identity_changes_the_id() -> None:
    first = finding_id(CloudTrailEvent.parse(record()), detection(name="a"), SCOPE)
    for changes, name, scope in (
        ({"eventID": "other"}, "a", SCOPE),
        ({"recipientAccountId": "444455556666"}, "a", SCOPE),
        ({"awsRegion": "eu-west-1"}, "a", SCOPE),
        ({}, "b", SCOPE),
        ({}, "a", HubScope("aws-cn", REGION, SECURITY)),
    ):
        event = CloudTrailEvent.parse(record(**changes))

        assert finding_id(event, detection(name=name), scope) != first


def test_a_finding_has_the_details_of_its_event() -> None:
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
        "rootwatch/eventUrl": (
            "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1"
            "#/events/7f1c1f6e-0000-4000-8000-000000000001"
        ),
        "rootwatch/awsRegion": "us-east-1",
        "rootwatch/MFAUsed": "No",
        "rootwatch/LoginTo": "https://console.aws.amazon.com/",
        "rootwatch/sourceIPAddress": "198.51.100.7",
        "rootwatch/userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
    }


def test_a_finding_has_the_next_steps_and_the_runbook() -> None:
    recommendation = finding().asff["Remediation"]["Recommendation"]
    unpublished = finding(runbook="detections/a/runbook.md").asff["Remediation"]["Recommendation"]
    long = finding(next_steps=["x" * 600]).asff["Remediation"]["Recommendation"]

    assert recommendation["Url"] == RUNBOOK
    assert recommendation["Text"].startswith(f"Runbook: {RUNBOOK} 1. Ask the account's owner. 2. ")
    assert "Url" not in unpublished
    assert unpublished["Text"].startswith("Runbook: detections/a/runbook.md 1. ")
    assert long["Text"].startswith(f"Runbook: {RUNBOOK} 1. xxx")
    assert len(long["Text"]) == 512


def test_a_finding_has_the_compliance_controls_of_its_detection() -> None:
    cis, nist = "CIS AWS Foundations Benchmark", "NIST SP 800-53"
    found = finding(
        compliance=[
            {"framework": cis, "version": "5.0.0", "controls": ["1.4", "1.6"]},
            {"framework": nist, "version": "Rev. 5", "controls": ["AU-9"]},
        ]
    )

    assert found.asff["ProductFields"]["rootwatch/compliance"] == (
        "CIS AWS Foundations Benchmark 5.0.0: 1.4, 1.6; NIST SP 800-53 Rev. 5: AU-9"
    )


def test_an_ipv4_address_is_in_the_action_and_an_ipv6_address_in_the_network() -> None:
    cases: list[tuple[Any, str | None, str | None]] = [
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
    ]
    for address, v4, v6 in cases:
        asff = finding({"sourceIPAddress": address}).asff
        call = asff.get("Action", {}).get("AwsApiCallAction", {})

        assert call.get("RemoteIpDetails", {}).get("IpAddressV4") == v4
        assert asff.get("Network", {}).get("SourceIpV6") == v6
        assert ("Action" in asff, "Network" in asff) == (v4 is not None, v6 is not None)


def test_the_api_call_has_the_name_and_source_of_the_event() -> None:
    nameless = finding({"eventName": "", "eventSource": None}).asff["Action"]["AwsApiCallAction"]
    call = finding().asff["Action"]["AwsApiCallAction"]

    assert (call["Api"], call["ServiceName"]) == ("ConsoleLogin", "signin.amazonaws.com")
    assert nameless == {
        "CallerType": "remoteip",
        "RemoteIpDetails": {"IpAddressV4": "198.51.100.7"},
        "ServiceName": "null",
    }


def test_a_fallback_finding_belongs_to_the_security_account_and_has_owner_and_reason() -> None:
    owned, fallback, archived = variants(finding())

    for asff in (fallback, archived):
        assert (asff["Id"], asff["Resources"]) == (owned["Id"], owned["Resources"])
        assert asff["AwsAccountId"] == SECURITY
        assert asff["ProductArn"] == CALLER.default_product_arn
    assert fallback["ProductFields"] == owned["ProductFields"] | {
        "rootwatch/owningAccount": OWNER,
        "rootwatch/fallbackReason": str(FAILURE),
    }
    assert archived["ProductFields"] == owned["ProductFields"] | {"rootwatch/movedTo": OWNER}
    assert (fallback["RecordState"], archived["RecordState"]) == ("ACTIVE", "ARCHIVED")


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 2, 1), (2, 1, 2)])
def test_a_fallback_finding_stays_archived_in_any_order_of_imports(order: tuple[int, ...]) -> None:
    store, found = FindingStore(), variants(finding({"eventTime": "9998-12-31T23:59:59.9999Z"}))
    for variant in order:
        store.put(found[variant], CALLER)

    assert [one["RecordState"] for one in store] == ["ARCHIVED"]


def test_console_urls_are_in_the_domain_of_the_partition() -> None:
    for partition, domain in (
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-new", "console.aws.amazon.com"),
    ):
        event = CloudTrailEvent.parse(record(awsRegion=None))
        found = build(event, detection(), HubScope(partition, "eu-1", SECURITY))

        assert found.event_url == (
            f"https://eu-1.{domain}/cloudtrailv2/home?region=eu-1#/events/{event.event_id}"
        )
        assert found.console_url.startswith(
            f"https://eu-1.{domain}/securityhub/home?region=eu-1#/findings?search=Id%3D"
        )
        assert found.console_url.endswith("%252F7f1c1f6e-0000-4000-8000-000000000001")


def test_the_event_url_has_the_region_of_the_event_and_the_console_url_that_of_the_hub() -> None:
    assert finding().event_url.startswith("https://us-east-1.console.aws.amazon.com/cloudtrailv2/")
    assert finding().console_url.startswith(f"https://{REGION}.console.aws.amazon.com/securityhub/")


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128))
def test_console_urls_encode_arbitrary_event_ids(event_id: str) -> None:
    found = finding({"eventID": event_id})
    event = found.event_url.partition("#/events/")[2]
    search = found.console_url.partition("%253A")[2]

    assert unquote(event) == event_id
    assert unquote(unquote(search)).endswith(found.id)
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", event + search)


def test_botocore_accepts_the_findings_of_a_request() -> None:
    timeouts = ClientTimeouts(connect_seconds=1, read_seconds=1, max_attempts=1)
    credentials = Credentials("key", "secret", "token", CloudTrailEvent.parse(record()).time)
    client = ClientFactory(REGION, timeouts).client("securityhub", credentials=credentials)
    response = {"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}
    for asff in variants(finding({"sourceIPAddress": "2001:db8::1"})):
        with Stubber(client) as stub:
            stub.add_response("batch_import_findings", response, {"Findings": [asff]})

            assert client.batch_import_findings(Findings=[asff])["SuccessCount"] == 1


IPV4 = finding().asff
IPV6 = finding({"sourceIPAddress": "2001:db8::1"}).asff
FALLBACK = finding().fallback_finding(FAILURE)
ARCHIVED = finding().archived_fallback_finding()
FIELDS = IPV4["ProductFields"]
RESOURCE = IPV4["Resources"][0]
CUSTOMER_MEMBERS = ["Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState"]


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_and_security_hub_accept_the_importers_findings() -> None:
    for asff in (IPV4, IPV6, FALLBACK, ARCHIVED):
        assert schema_problems(asff) == []
        assert hub_problem(asff) is None


def changed(path: str, value: Any) -> dict[str, Any]:
    asff = copy.deepcopy(IPV4)
    *parents, last = path.split(".")
    parent: Any = asff
    for name in parents:
        parent = parent[name]
    parent[last] = value
    return asff


RECOMMENDATION = "Remediation.Recommendation"
CALL = "Action.AwsApiCallAction"
INVALID = [
    ("SchemaVersion", "2018-10-09"),
    ("Id", "rootwatch/a/aws/us-east-1/111122223333/" + "e" * 512),
    ("Id", IPV4["Id"] + "\n"),
    ("Id", "other/a/aws/us-east-1/111122223333/e"),
    ("GeneratorId", "rootwatch/" + "a" * 512),
    ("ProductArn", IPV4["ProductArn"].replace("product/1", "product/2")),
    ("ProductArn", IPV4["ProductArn"].replace("arn:aws:", "arn:aws-eu:")),
    ("AwsAccountId", "11112222333"),
    ("AwsAccountId", 111122223333),
    ("CreatedAt", "2025-03-04T05:06:07Z"),
    ("UpdatedAt", "2025-03-04T05:06:07.000+01:00"),
    ("FirstObservedAt", "2025-03-04 05:06:07.000Z"),
    ("Title", ""),
    ("Title", " "),
    ("Title", "two\nlines"),
    ("Title", "x" * 257),
    ("Description", "x" * 1025),
    ("Types", []),
    ("Types", ["TTPs"] * 51),
    ("Types", ["Root"]),
    ("Types", ["TTPs/a/b/c"]),
    ("Severity", {"Label": "SEVERE"}),
    ("Severity", {"Label": "LOW", "Normalized": 1}),
    ("FindingProviderFields", {"Severity": {"Label": "LOW"}}),
    ("Resources", []),
    ("Resources", [RESOURCE] * 33),
    ("Resources", [RESOURCE | {"Type": "AwsIamUser"}]),
    ("Resources", [RESOURCE | {"Id": "111122223333"}]),
    ("Resources", [RESOURCE | {"Partition": "aws-eu"}]),
    ("Resources", [RESOURCE | {"Details": {}}]),
    (RECOMMENDATION, {"Url": "https://example.com"}),
    (f"{RECOMMENDATION}.Text", "x" * 513),
    (f"{RECOMMENDATION}.Url", "http://example.com"),
    (f"{RECOMMENDATION}.Url", "https://example.com/a b"),
    ("ProductFields", {**FIELDS, "rootwatch/userAgent": ""}),
    ("ProductFields", {**FIELDS, "rootwatch/userAgent": "x" * 2049}),
    ("ProductFields", {**FIELDS, "rootwatch/MFAUsed": False}),
    ("ProductFields", {**FIELDS, "other": "x"}),
    ("ProductFields", {}),
    ("RecordState", "DELETED"),
    ("RecordState", "ARCHIVED"),
    ("Action.ActionType", "NETWORK_CONNECTION"),
    (f"{CALL}.CallerType", "domain"),
    (f"{CALL}.Api", "x" * 129),
    (f"{CALL}.RemoteIpDetails", {}),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "2001:db8::1"),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "198.51.100.777"),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "198.51.100.7\n"),
    ("Network", IPV6["Network"]),
    *((name, {}) for name in [*CUSTOMER_MEMBERS, "Region", "Compliance"]),
]


def test_the_schema_rejects_every_other_value() -> None:
    for path, value in INVALID:
        assert schema_problems(changed(path, value)), f"{path}: {value!r:.40}"


def test_a_network_requires_an_ipv6_address() -> None:
    for address in ("198.51.100.7", "fe80::1%eth0", "2001:db8::g", "::1\n", ""):
        assert schema_problems({**IPV6, "Network": {"SourceIpV6": address}})


def test_the_schema_rejects_a_finding_without_a_required_member() -> None:
    for name in SCHEMA["required"]:
        assert schema_problems({key: value for key, value in IPV4.items() if key != name}), name


def test_a_finding_is_owned_or_fallback_or_archived() -> None:
    for asff, name in (
        (IPV4, "rootwatch/movedTo"),
        (IPV4, "rootwatch/owningAccount"),
        (FALLBACK, "rootwatch/movedTo"),
        (ARCHIVED, "rootwatch/owningAccount"),
    ):
        fields = asff["ProductFields"] | {name: "111122223333"}

        assert schema_problems({**asff, "ProductFields": fields})


def test_no_object_allows_additional_properties() -> None:
    objects = list(walk(SCHEMA, lambda node: node.get("type") == "object"))

    assert len(objects) > 8
    assert all(node["additionalProperties"] is False for node in objects)
    assert not set(CUSTOMER_MEMBERS) & set(SCHEMA["properties"])


def test_every_member_cites_the_documentation_of_its_limits() -> None:
    for member in SCHEMA["properties"].values():
        definition = SCHEMA["$defs"].get(member.get("$ref", "").rpartition("/")[-1], {})
        description = member.get("description") or definition["description"]

        assert "https://docs.aws.amazon.com/securityhub/" in description


def walk(node: Any, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if wanted(node):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from walk(child, wanted)

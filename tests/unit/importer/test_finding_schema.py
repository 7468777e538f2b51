"""The schema of findings: it takes what the importer makes, and nothing beyond ASFF's limits."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.finding_importer.findings.refusal import Cause, Refusal
from tests.unit.importer.doubles import SCHEMA, finding, hub_problem, schema_problems

WHY = Refusal(Cause.HUB_NOT_ENABLED, "not subscribed")
IPV4 = finding().asff
IPV6 = finding({"sourceIPAddress": "2001:db8::1"}).asff
STAND_IN = finding().stand_in(WHY)
ARCHIVED = finding().archived_stand_in()
FIELDS = IPV4["ProductFields"]
RESOURCE = IPV4["Resources"][0]
CUSTOMERS = ["Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState"]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("asff", [IPV4, IPV6, STAND_IN, ARCHIVED])
def test_what_the_importer_makes_is_valid_here_and_for_security_hub(asff: dict[str, Any]) -> None:
    assert schema_problems(asff) == []
    assert hub_problem(asff) is None


def changed(path: str, value: Any) -> dict[str, Any]:
    asff = copy.deepcopy(IPV4)
    *parents, last = path.split(".")
    place: Any = asff
    for name in parents:
        place = place[name]
    place[last] = value
    return asff


RECOMMENDATION = "Remediation.Recommendation"
CALL = "Action.AwsApiCallAction"
WRONG = [
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
    ("RecordState", "GONE"),
    ("RecordState", "ARCHIVED"),
    ("Action.ActionType", "NETWORK_CONNECTION"),
    (f"{CALL}.CallerType", "domain"),
    (f"{CALL}.Api", "x" * 129),
    (f"{CALL}.RemoteIpDetails", {}),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "2001:db8::1"),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "198.51.100.777"),
    (f"{CALL}.RemoteIpDetails.IpAddressV4", "198.51.100.7\n"),
    ("Network", IPV6["Network"]),
    *((name, {}) for name in [*CUSTOMERS, "Region", "Compliance"]),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda value: f"{value!r:.40}")
def test_anything_else_is_refused(path: str, value: Any) -> None:
    assert schema_problems(changed(path, value))


@pytest.mark.parametrize("address", ["198.51.100.7", "fe80::1%eth0", "2001:db8::g", "::1\n", ""])
def test_a_network_has_an_ipv6_address(address: str) -> None:
    assert schema_problems({**IPV6, "Network": {"SourceIpV6": address}})


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_each_required_member_is_missed(name: str) -> None:
    assert schema_problems({key: value for key, value in IPV4.items() if key != name})


@pytest.mark.parametrize(
    ("asff", "fields"),
    [
        (IPV4, {"rootwatch/movedTo": "111122223333"}),
        (IPV4, {"rootwatch/owningAccount": "111122223333"}),
        (STAND_IN, {"rootwatch/movedTo": "111122223333"}),
        (ARCHIVED, {"rootwatch/owningAccount": "111122223333"}),
    ],
)
def test_a_finding_is_of_one_kind_only(asff: dict[str, Any], fields: dict[str, str]) -> None:
    mixed = {**asff, "ProductFields": {**asff["ProductFields"], **fields}}

    assert schema_problems(mixed)


def test_no_object_may_hold_what_the_schema_does_not_name() -> None:
    objects = list(walk(SCHEMA, lambda node: node.get("type") == "object"))

    assert len(objects) > 8
    assert all(node["additionalProperties"] is False for node in objects)
    assert not set(CUSTOMERS) & set(SCHEMA["properties"])


@pytest.mark.parametrize("name", SCHEMA["properties"])
def test_each_member_names_the_page_of_aws_that_its_limits_are_from(name: str) -> None:
    member = SCHEMA["properties"][name]
    definition = SCHEMA["$defs"].get(member.get("$ref", "").rpartition("/")[-1], {})
    said = member.get("description") or definition["description"]

    assert "https://docs.aws.amazon.com/securityhub/" in said


def walk(node: Any, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if wanted(node):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from walk(child, wanted)

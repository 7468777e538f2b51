"""finding.schema.json accepts the importer's findings, and nothing beyond the limits of ASFF."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator

from functions.finding_importer.findings.import_status import FailureCause, FindingImportFailure
from tests.unit.importer.builders import SCHEMA, finding, hub_problem, schema_problems

FAILURE = FindingImportFailure(FailureCause.HUB_NOT_ENABLED, "not subscribed")
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

"""The rules of BatchImportFindings, and the findings of one account and Region.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
"""

import ipaddress
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.security_hub.conformance import finding_shape, nanoseconds, now, strings, violations
from sandbox.security_hub.errors import InvalidInputError

MAX_FINDINGS_PER_CALL = 100
MAX_FINDING_BYTES = 240 * 1024
TYPE_NAMESPACES = (
    "Software and Configuration Checks",
    "TTPs",
    "Effects",
    "Unusual Behaviors",
    "Sensitive Data Identifications",
)
MAX_TYPE_LEVELS = 3
# https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html
# https://docs.aws.amazon.com/securityhub/latest/userguide/asff-top-level-attributes.html
MAX_CHARACTERS = {
    "Id": 512,
    "GeneratorId": 512,
    "Title": 256,
    "Description": 1024,
    "ProductName": 128,
    "CompanyName": 128,
    "Note.Text": 512,
    "Remediation.Recommendation.Text": 512,
}
ITEM_COUNTS = {  # minimum and maximum
    "Types": (0, 50),
    "FindingProviderFields.Types": (0, 50),
    "Resources": (1, 32),
    "ProductFields": (0, 50),
    "UserDefinedFields": (0, 50),
}
PERCENTAGES = ("Confidence", "Criticality", "Severity.Normalized")
MAX_PERCENTAGE = 100
MAX_PRODUCT_FIELD_KEY = 128
MAX_PRODUCT_FIELD_VALUE = 2048
_TIMESTAMP_MEMBER = re.compile(r"(At|FirstSeen|LastSeen)$")
_ADDRESS_VERSIONS: dict[str, Callable[[str], object]] = {
    "V4": ipaddress.IPv4Address,
    "V6": ipaddress.IPv6Address,
}
_ADDRESS_MEMBER = re.compile(r"Ip(?:Address)?(V[46])(?:Addresses\[\d+\])?$")

type AsffFinding = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    account_id: str
    region: str
    partition: str

    @property
    def default_product_arn(self) -> str:
        account = self.account_id
        return f"arn:{self.partition}:securityhub:{self.region}:{account}:product/{account}/default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFailure:
    finding_id: str
    error_code: str
    error_message: str


def checked_call(findings: Any, caller: Caller) -> list[Any]:
    """The findings of a call; InvalidInputError for errors that fail the whole call."""
    if not isinstance(findings, list) or not 1 <= len(findings) <= MAX_FINDINGS_PER_CALL:
        raise InvalidInputError(
            f"Invalid parameter 'Findings'. data should have 1 to {MAX_FINDINGS_PER_CALL} items"
        )
    for finding in findings:
        product_arn = finding.get("ProductArn") if isinstance(finding, dict) else None
        if product_arn is not None and product_arn != caller.default_product_arn:
            raise InvalidInputError(f'productArn: "{product_arn}"')
    return findings


def import_failure(finding: Any, caller: Caller) -> ImportFailure | None:
    """Why Security Hub does not import a finding of a valid call; None if it does."""
    if problems := "; ".join(_format_errors(finding)):
        code = "InvalidInput"
        message = f"Finding does not adhere to Amazon Finding Format. {problems}."
    elif finding["AwsAccountId"] != caller.account_id:
        code = "InvalidAccess"
        message = f"Account {caller.account_id} cannot import findings of {finding['AwsAccountId']}"
    else:
        return None
    finding_id = finding.get("Id", "") if isinstance(finding, dict) else ""
    return ImportFailure(finding_id=str(finding_id), error_code=code, error_message=message)


def _format_errors(finding: Any) -> Iterator[str]:
    errors = list(violations(finding_shape(), finding))
    if errors:
        # The other rules rely on the types of the shape.
        yield from errors
        return
    for rule in _RULES:
        yield from rule(finding)


def _size_errors(finding: AsffFinding) -> Iterator[str]:
    size = len(json.dumps(finding, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_FINDING_BYTES:
        yield f"data has {size} bytes and should NOT have more than {MAX_FINDING_BYTES}"


def _constant_errors(finding: AsffFinding) -> Iterator[str]:
    if finding["SchemaVersion"] != "2018-10-08":
        yield "data.SchemaVersion should be equal to 2018-10-08"
    if not re.fullmatch(r"\d{12}", finding["AwsAccountId"]):
        yield "data.AwsAccountId should have 12 digits"


def _severity_and_type_errors(finding: AsffFinding) -> Iterator[str]:
    provider_fields = finding.get("FindingProviderFields", {})
    for name in ("Severity", "Types"):
        if name not in provider_fields and name not in finding:
            yield (
                "data should have required property 'FindingProviderFields', "
                f"data should match some schema in anyOf: neither has '{name}'"
            )
    severity = finding.get("Severity")
    if severity is not None and not {"Label", "Normalized"} & severity.keys():
        yield "data.Severity should have required property 'Label'"
    if "Severity" in provider_fields and "Label" not in provider_fields["Severity"]:
        yield "data.FindingProviderFields.Severity should have required property 'Label'"


def _length_errors(finding: AsffFinding) -> Iterator[str]:
    for path, limit in MAX_CHARACTERS.items():
        if len(_member(finding, path) or "") > limit:
            yield f"data.{path} should NOT be longer than {limit} characters"
    for path, (low, high) in ITEM_COUNTS.items():
        items = _member(finding, path)
        if items is not None and not low <= len(items) <= high:
            yield f"data.{path} should have {low} to {high} items"


def _percentage_errors(finding: AsffFinding) -> Iterator[str]:
    for path in PERCENTAGES:
        if not 0 <= (_member(finding, path) or 0) <= MAX_PERCENTAGE:
            yield f"data.{path} should be >= 0 and <= {MAX_PERCENTAGE}"


def _type_errors(finding: AsffFinding) -> Iterator[str]:
    for path in ("Types", "FindingProviderFields.Types"):
        for finding_type in _member(finding, path) or ():
            levels = finding_type.split("/")
            if levels[0] not in TYPE_NAMESPACES:
                yield f"data.{path}: {finding_type!r} is in no ASFF namespace"
            if len(levels) > MAX_TYPE_LEVELS or not all(level.strip() for level in levels):
                yield f"data.{path}: {finding_type!r} is not namespace/category/classifier"


def _product_field_errors(finding: AsffFinding) -> Iterator[str]:
    for key, value in finding.get("ProductFields", {}).items():
        if len(key) > MAX_PRODUCT_FIELD_KEY:
            yield (
                f"data.ProductFields key {key!r} should NOT be longer than "
                f"{MAX_PRODUCT_FIELD_KEY} characters"
            )
        if len(value) > MAX_PRODUCT_FIELD_VALUE:
            yield (
                f"data.ProductFields['{key}'] should NOT be longer than "
                f"{MAX_PRODUCT_FIELD_VALUE} characters"
            )


def _format_of_string_errors(finding: AsffFinding) -> Iterator[str]:
    for path, text in strings(finding_shape(), finding):
        address = _ADDRESS_MEMBER.search(path)
        if address and not _parses(_ADDRESS_VERSIONS[address[1]], text):
            yield f"{path} should be an IP{address[1].lower()} address"
        if _TIMESTAMP_MEMBER.search(path) and not _parses(nanoseconds, text):
            yield f"{path} should match format date-time"


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _member(finding: AsffFinding, path: str) -> Any:
    value: Any = finding
    for name in path.split("."):
        value = value.get(name) if value is not None else None
    return value


_RULES = (
    _size_errors,
    _constant_errors,
    _severity_and_type_errors,
    _length_errors,
    _percentage_errors,
    _type_errors,
    _product_field_errors,
    _format_of_string_errors,
)


CUSTOMER_FIELDS = ("Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState")
PROVIDER_FIELDS = ("Confidence", "Criticality", "RelatedFindings", "Severity", "Types")
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Severity.html
NORMALIZED_SEVERITIES = {
    "INFORMATIONAL": 0,
    "LOW": 1,
    "MEDIUM": 40,
    "HIGH": 70,
    "CRITICAL": 90,
}


class FindingStore:
    """An import merges as Security Hub documents it; customer fields stay."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, str], AsffFinding] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[AsffFinding]:
        return iter(tuple(self._findings.values()))

    def put(self, imported: Mapping[str, Any], caller: Caller) -> None:
        """Create or update a finding; ignore an import that is not newer."""
        key = imported["ProductArn"], imported["Id"]
        with self._lock:
            known = self._findings.get(key)
            if known is None:
                self._findings[key] = _created(imported, caller)
            elif nanoseconds(imported["UpdatedAt"]) > nanoseconds(known["UpdatedAt"]):
                self._findings[key] = _updated(known, imported, caller)


def _created(imported: Mapping[str, Any], caller: Caller) -> AsffFinding:
    defaults = {"RecordState": "ACTIVE", "Workflow": {"Status": "NEW"}, "WorkflowState": "NEW"}
    return _completed({**defaults, **imported}, imported, caller)


def _updated(known: AsffFinding, imported: Mapping[str, Any], caller: Caller) -> AsffFinding:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html"""
    provided = {name: value for name, value in imported.items() if name not in CUSTOMER_FIELDS}
    return _completed({**known, **provided}, imported, caller)


def _completed(finding: AsffFinding, imported: Mapping[str, Any], caller: Caller) -> AsffFinding:
    product = {"CompanyName": "Personal", "ProductName": "Default"}
    return {
        **finding,
        **product,
        **_provider_fields(imported),
        "Region": caller.region,
        "ProcessedAt": now(),
        "ProductFields": {
            **finding.get("ProductFields", {}),
            "aws/securityhub/FindingId": f"{finding['ProductArn']}/{finding['Id']}",
            **{f"aws/securityhub/{name}": value for name, value in product.items()},
        },
    }


def _provider_fields(imported: Mapping[str, Any]) -> AsffFinding:
    """The five fields of the top level and of FindingProviderFields; each defaults to the other."""
    inner = dict(imported.get("FindingProviderFields", {}))
    outer = {name: imported[name] for name in PROVIDER_FIELDS if name in imported}
    top = {**outer, **inner}
    top["Severity"] = _severity(top["Severity"])
    provided = {**outer, **inner, "Severity": _provider_severity(top["Severity"])}
    return {**top, "FindingProviderFields": provided}


def _severity(severity: Mapping[str, Any]) -> dict[str, Any]:
    label = severity.get("Label") or _label(severity["Normalized"])
    return {"Normalized": NORMALIZED_SEVERITIES[label], **severity, "Label": label}


def _label(normalized: int) -> str:
    return next(
        label for label, low in reversed(NORMALIZED_SEVERITIES.items()) if normalized >= low
    )


def _provider_severity(severity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: severity[name] for name in ("Label", "Original") if name in severity}

"""The findings of one account and Region: what Security Hub adds, and how an update merges."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.security_hub.import_rules import Caller
from sandbox.security_hub.timestamps import nanoseconds, now

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

type Finding = dict[str, Any]


class FindingStore:
    def __init__(self) -> None:
        self._findings: dict[tuple[str, str], Finding] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(tuple(self._findings.values()))

    def put(self, imported: Mapping[str, Any], caller: Caller) -> None:
        """Create, update, or ignore an import that is not later than what is known."""
        key = imported["ProductArn"], imported["Id"]
        with self._lock:
            known = self._findings.get(key)
            if known is None:
                self._findings[key] = _created(imported, caller)
            elif nanoseconds(imported["UpdatedAt"]) > nanoseconds(known["UpdatedAt"]):
                self._findings[key] = _updated(known, imported, caller)


def _created(imported: Mapping[str, Any], caller: Caller) -> Finding:
    defaults = {"RecordState": "ACTIVE", "Workflow": {"Status": "NEW"}, "WorkflowState": "NEW"}
    return _completed({**defaults, **imported}, imported, caller)


def _updated(known: Finding, imported: Mapping[str, Any], caller: Caller) -> Finding:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html"""
    provided = {name: value for name, value in imported.items() if name not in CUSTOMER_FIELDS}
    return _completed({**known, **provided}, imported, caller)


def _completed(finding: Finding, imported: Mapping[str, Any], caller: Caller) -> Finding:
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


def _provider_fields(imported: Mapping[str, Any]) -> Finding:
    """The five fields that stand at the top and in FindingProviderFields; each fills the other."""
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
        label for label, least in reversed(NORMALIZED_SEVERITIES.items()) if normalized >= least
    )


def _provider_severity(severity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: severity[name] for name in ("Label", "Original") if name in severity}

"""Builds findings in the AWS Security Finding Format (ASFF) from CloudTrail events."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import quote

from ..matching.cloudtrail import CloudTrailEvent
from ..matching.rules import DeployedDetection
from ..text import clean_line
from .import_status import FindingImportFailure

# Maximum lengths in characters:
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_TITLE_LIMIT = 256
_DESCRIPTION_LIMIT = 1024
_RECOMMENDATION_LIMIT = 512
_PRODUCT_FIELD_LIMIT = 2048
_API_LIMIT = 128
_ADDRESS_LIMIT = 128  # our limit: a long host name must not displace the rest of the description
# Security Hub ignores an update unless its UpdatedAt is later.
_MIN_UPDATE_INTERVAL = timedelta(milliseconds=1)
_CONSOLE_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
# The console's own encoding of the filter "Id is ...".
_ID_FILTER = "Id%3D%255Coperator%255C%253AEQUALS%255C%253A"

type Asff = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HubScope:
    """The partition, Region and security account in which the importer runs."""

    partition: str
    region: str
    security_account: str


@dataclass(frozen=True, slots=True)
class Finding:
    event: CloudTrailEvent
    detection: DeployedDetection
    scope: HubScope
    asff: Asff

    @property
    def id(self) -> str:
        return str(self.asff["Id"])

    @property
    def account(self) -> str:
        """The owning account."""
        return self.event.account

    @property
    def console_url(self) -> str:
        """The Security Hub console; requires a session in the owning or the security account."""
        home = _console_home("securityhub", self.scope.partition, self.scope.region)
        return f"{home}#/findings?search={_ID_FILTER}{_quoted(_quoted(self.id))}"

    @property
    def event_url(self) -> str:
        """The CloudTrail console; requires a session in the owning account."""
        return _event_url(self.event, self.scope)

    def fallback_finding(self, failure: FindingImportFailure) -> Asff:
        """Return the finding of the security account until the owning account accepts its own.

        Both have the same Id. The product, which includes the account, makes them different.
        """
        asff = _in_security_account(self)
        fields = {
            **asff["ProductFields"],
            "rootwatch/owningAccount": self.account,
            "rootwatch/fallbackReason": clean_line(str(failure), _PRODUCT_FIELD_LIMIT),
        }
        return {**asff, "ProductFields": fields}

    def archived_fallback_finding(self) -> Asff:
        """Return the update that archives the fallback finding.

        It has a later UpdatedAt, so the finding stays archived in whichever order the two arrive.
        """
        asff = _in_security_account(self)
        fields = {**asff["ProductFields"], "rootwatch/movedTo": self.account}
        return {
            **asff,
            "RecordState": "ARCHIVED",
            "UpdatedAt": _timestamp(self.event.time + _MIN_UPDATE_INTERVAL),
            "ProductFields": fields,
        }


def build(event: CloudTrailEvent, detection: DeployedDetection, scope: HubScope) -> Finding:
    return Finding(event, detection, scope, _asff(event, detection, scope))


def finding_id(event: CloudTrailEvent, detection: DeployedDetection, scope: HubScope) -> str:
    """Return an Id that depends on the event and the detection only, so imports are idempotent."""
    region = event.region or scope.region
    return f"rootwatch/{detection.name}/{scope.partition}/{region}/{event.account}/{event.event_id}"


def _in_security_account(finding: Finding) -> Asff:
    security = finding.scope.security_account
    product = _default_product(security, finding.scope)
    return {**finding.asff, "AwsAccountId": security, "ProductArn": product}


def _asff(event: CloudTrailEvent, detection: DeployedDetection, scope: HubScope) -> Asff:
    # Security Hub ignores a repeated import because UpdatedAt is the event's time.
    time = _timestamp(event.time)
    types = list(detection.types)
    return {
        "SchemaVersion": "2018-10-08",
        "Id": finding_id(event, detection, scope),
        "ProductArn": _default_product(event.account, scope),
        "GeneratorId": f"rootwatch/{detection.name}",
        "AwsAccountId": event.account,
        "CreatedAt": time,
        "UpdatedAt": time,
        "FirstObservedAt": time,
        "Title": clean_line(detection.title, _TITLE_LIMIT),
        "Description": _description(event, detection),
        "Types": types,
        "Severity": {"Label": detection.severity},
        "FindingProviderFields": {"Severity": {"Label": detection.severity}, "Types": types},
        "Resources": [_account_resource(event.account, scope)],
        "Remediation": {"Recommendation": _recommendation(detection)},
        "ProductFields": _product_fields(event, detection, scope),
        "RecordState": "ACTIVE",
        **_source(event),
    }


def _timestamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _default_product(account: str, scope: HubScope) -> str:
    hub = f"arn:{scope.partition}:securityhub:{scope.region}:{account}"
    return f"{hub}:product/{account}/default"


def _account_resource(account: str, scope: HubScope) -> Asff:
    return {
        "Type": "AwsAccount",
        "Id": f"AWS::::Account:{account}",
        "Partition": scope.partition,
        "Region": scope.region,
    }


def _description(event: CloudTrailEvent, detection: DeployedDetection) -> str:
    address = clean_line(event.source_address or "an unknown address", _ADDRESS_LIMIT)
    facts = f"Account {event.account}, {event.time:%Y-%m-%d %H:%M:%S} UTC, from {address}."
    return clean_line(f"{facts} {detection.description}", _DESCRIPTION_LIMIT)


def _recommendation(detection: DeployedDetection) -> Asff:
    """Put the runbook first, so that only the steps are truncated."""
    steps = (f"{number}. {step}" for number, step in enumerate(detection.next_steps, start=1))
    text = clean_line(" ".join([f"Runbook: {detection.runbook}", *steps]), _RECOMMENDATION_LIMIT)
    url = detection.runbook_url
    return {"Text": text, "Url": url} if url else {"Text": text}


def _product_fields(
    event: CloudTrailEvent, detection: DeployedDetection, scope: HubScope
) -> dict[str, str]:
    fields = {
        "rootwatch/detectionId": detection.id,
        "rootwatch/eventID": event.event_id,
        "rootwatch/eventUrl": _event_url(event, scope),
        "rootwatch/awsRegion": event.region,
        "rootwatch/MFAUsed": event.mfa_used,
        "rootwatch/LoginTo": event.login_to,
        "rootwatch/sourceIPAddress": event.source_address,
        "rootwatch/userAgent": event.user_agent,
        # ASFF's Compliance object is for the checks of a security standard.
        "rootwatch/compliance": "; ".join(map(str, detection.compliance)),
    }
    return {key: clean_line(value, _PRODUCT_FIELD_LIMIT) for key, value in fields.items() if value}


def _source(event: CloudTrailEvent) -> Asff:
    """Return Action for IPv4 and Network for IPv6, because RemoteIpDetails accepts IPv4 only."""
    match _address(event.source_address):
        case IPv4Address() as address:
            return {"Action": _api_call(event, address)}
        case IPv6Address(scope_id=None) as address:
            return {"Network": {"SourceIpV6": str(address)}}
    return {}


def _api_call(event: CloudTrailEvent, address: IPv4Address) -> Asff:
    call: Asff = {"CallerType": "remoteip", "RemoteIpDetails": {"IpAddressV4": str(address)}}
    if event.name:
        call["Api"] = clean_line(event.name, _API_LIMIT)
    if event.source:
        call["ServiceName"] = clean_line(event.source, _API_LIMIT)
    return {"ActionType": "AWS_API_CALL", "AwsApiCallAction": call}


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text or "")
    except ValueError:
        return None


def _event_url(event: CloudTrailEvent, scope: HubScope) -> str:
    home = _console_home("cloudtrailv2", scope.partition, event.region or scope.region)
    return f"{home}#/events/{_quoted(event.event_id)}"


def _console_home(service: str, partition: str, region: str) -> str:
    """Unknown partitions use the commercial partition's domain."""
    domain = _CONSOLE_DOMAINS.get(partition, _CONSOLE_DOMAINS["aws"])
    return f"https://{region}.{domain}/{service}/home?region={region}"


def _quoted(text: str) -> str:
    return quote(text, safe="")

"""From a CloudTrail event and a detection to a finding in ASFF, by pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from ..matching.cloudtrail import CloudTrailEvent
from ..matching.detection import Detection
from ..text import line
from . import console
from .refusal import Refusal

# Lengths in characters:
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_TITLE_LIMIT = 256
_DESCRIPTION_LIMIT = 1024
_RECOMMENDATION_LIMIT = 512
_PRODUCT_FIELD_LIMIT = 2048
_API_LIMIT = 128
_ADDRESS_LIMIT = 128  # ours: so that a host name cannot crowd out the rest of the description
# The least time by which an update is later, so that it is no longer ignored.
_LATER = timedelta(milliseconds=1)

type Asff = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HubScope:
    """Where findings are imported: the partition, the importer's own region and its own account."""

    partition: str
    region: str
    security_account: str


@dataclass(frozen=True, slots=True)
class Finding:
    event: CloudTrailEvent
    detection: Detection
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
    def link(self) -> str:
        return console.security_hub_finding(self.scope.partition, self.scope.region, self.id)

    def stand_in(self, refusal: Refusal) -> Asff:
        """The finding as the security account's own, as long as its owner does not take it.

        It has the same Id: a finding's identity is its product, which is the account's, and its Id.
        """
        asff = _in_security_account(self)
        fields = {
            **asff["ProductFields"],
            "rootwatch/owningAccount": self.account,
            "rootwatch/notInOwningAccountBecause": line(str(refusal), _PRODUCT_FIELD_LIMIT),
        }
        return {**asff, "ProductFields": fields}

    def archived_stand_in(self) -> Asff:
        """The stand-in after its owner took the finding.

        Its UpdatedAt is later than the stand-in's: whichever of the two arrives last, it stays
        archived.
        """
        asff = _in_security_account(self)
        fields = {**asff["ProductFields"], "rootwatch/movedTo": self.account}
        later = _timestamp(self.event.time + _LATER)
        return {
            **asff,
            "RecordState": "ARCHIVED",
            "UpdatedAt": later,
            "ProductFields": fields,
        }


def build(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> Finding:
    return Finding(event, detection, scope, _asff(event, detection, scope))


def finding_id(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> str:
    """Tell the same event by the same Id whichever way and however often it arrives."""
    region = event.region or scope.region
    return f"rootwatch/{detection.name}/{scope.partition}/{region}/{event.account}/{event.event_id}"


def _in_security_account(finding: Finding) -> Asff:
    security = finding.scope.security_account
    product = _default_product(security, finding.scope)
    return {**finding.asff, "AwsAccountId": security, "ProductArn": product}


def _asff(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> Asff:
    # A repeated import is ignored where UpdatedAt is not later: the event's time is all three.
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
        "Title": line(detection.title, _TITLE_LIMIT),
        "Description": _description(event, detection),
        "Types": types,
        "Severity": {"Label": detection.severity},
        "FindingProviderFields": {"Severity": {"Label": detection.severity}, "Types": types},
        "Resources": [_account_resource(event.account, scope)],
        "Remediation": {"Recommendation": _recommendation(detection)},
        "ProductFields": _product_fields(event, detection, scope),
        "RecordState": "ACTIVE",
        **_origin(event),
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


def _description(event: CloudTrailEvent, detection: Detection) -> str:
    address = line(event.source_address or "an unknown address", _ADDRESS_LIMIT)
    particulars = f"Account {event.account}, {event.time:%Y-%m-%d %H:%M:%S} UTC, from {address}."
    return line(f"{particulars} {detection.description}", _DESCRIPTION_LIMIT)


def _recommendation(detection: Detection) -> Asff:
    """The steps, which are cut where they are too long, after the runbook, which is not."""
    steps = (f"{number}. {step}" for number, step in enumerate(detection.next_steps, start=1))
    text = line(" ".join([f"Runbook: {detection.runbook}", *steps]), _RECOMMENDATION_LIMIT)
    url = detection.runbook_url
    return {"Text": text, "Url": url} if url else {"Text": text}


def _product_fields(
    event: CloudTrailEvent, detection: Detection, scope: HubScope
) -> dict[str, str]:
    region = event.region or scope.region
    fields = {
        "rootwatch/detectionId": detection.id,
        "rootwatch/eventID": event.event_id,
        "rootwatch/event": console.cloudtrail_event(scope.partition, region, event.event_id),
        "rootwatch/awsRegion": event.region,
        "rootwatch/MFAUsed": event.mfa_used,
        "rootwatch/LoginTo": event.login_to,
        "rootwatch/sourceIPAddress": event.source_address,
        "rootwatch/userAgent": event.user_agent,
        # ASFF's Compliance is for findings of controls, whose passing it tells.
        "rootwatch/compliance": "; ".join(map(str, detection.compliance)),
    }
    return {key: line(value, _PRODUCT_FIELD_LIMIT) for key, value in fields.items() if value}


def _origin(event: CloudTrailEvent) -> Asff:
    """Action for an IPv4 address and Network for an IPv6 one, as RemoteIpDetails take IPv4 only."""
    match _address(event.source_address):
        case IPv4Address() as address:
            return {"Action": _api_call(event, address)}
        case IPv6Address(scope_id=None) as address:
            return {"Network": {"SourceIpV6": str(address)}}
    return {}


def _api_call(event: CloudTrailEvent, address: IPv4Address) -> Asff:
    call: Asff = {"CallerType": "remoteip", "RemoteIpDetails": {"IpAddressV4": str(address)}}
    if event.name:
        call["Api"] = line(event.name, _API_LIMIT)
    if event.source:
        call["ServiceName"] = line(event.source, _API_LIMIT)
    return {"ActionType": "AWS_API_CALL", "AwsApiCallAction": call}


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text or "")
    except ValueError:
        return None

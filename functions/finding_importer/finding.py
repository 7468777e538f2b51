"""From a CloudTrail event and a detection to a finding in ASFF, by pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from .cloudtrail import CloudTrailEvent
from .detection import Detection
from .text import line

# Lengths in characters:
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_TITLE_LIMIT = 256
_DESCRIPTION_LIMIT = 1024
_RECOMMENDATION_LIMIT = 512
_PRODUCT_FIELD_LIMIT = 2048
_API_LIMIT = 128
_ADDRESS_LIMIT = 128  # ours: so that a host name cannot crowd out the rest of the description

type Asff = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HubScope:
    """Where findings are imported: the partition, and the importer's own region."""

    partition: str
    region: str


@dataclass(frozen=True, slots=True)
class Finding:
    event: CloudTrailEvent
    detection: Detection
    asff: Asff

    @property
    def id(self) -> str:
        return str(self.asff["Id"])


def build(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> Finding:
    return Finding(event, detection, _asff(event, detection, scope))


def finding_id(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> str:
    """Tell the same event by the same Id whichever way and however often it arrives."""
    region = event.region or scope.region
    return f"rootwatch/{detection.name}/{scope.partition}/{region}/{event.account}/{event.event_id}"


def _asff(event: CloudTrailEvent, detection: Detection, scope: HubScope) -> Asff:
    # A repeated import is ignored where UpdatedAt is not later: the event's time is all three.
    time = event.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
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
        "Remediation": {"Recommendation": {"Text": _recommendation(detection.next_steps)}},
        "ProductFields": _product_fields(event, detection),
        "RecordState": "ACTIVE",
        **_origin(event),
    }


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


def _recommendation(next_steps: Sequence[str]) -> str:
    numbered = (f"{number}. {step}" for number, step in enumerate(next_steps, start=1))
    return line(" ".join(numbered), _RECOMMENDATION_LIMIT)


def _product_fields(event: CloudTrailEvent, detection: Detection) -> dict[str, str]:
    fields = {
        "rootwatch/detectionId": detection.id,
        "rootwatch/eventID": event.event_id,
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
    """Action, and Network where the address is IPv6: RemoteIpDetails take IPv4 only."""
    call: Asff = {}
    if event.name:
        call["Api"] = line(event.name, _API_LIMIT)
    if event.source:
        call["ServiceName"] = line(event.source, _API_LIMIT)
    origin: Asff = {"Action": {"ActionType": "AWS_API_CALL", "AwsApiCallAction": call}}
    match _address(event.source_address):
        case IPv4Address() as address:
            call |= {"CallerType": "remoteip", "RemoteIpDetails": {"IpAddressV4": str(address)}}
        case IPv6Address(scope_id=None) as address:
            origin["Network"] = {"SourceIpV6": str(address)}
    return origin


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text or "")
    except ValueError:
        return None

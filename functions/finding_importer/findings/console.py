"""Addresses of pages in the AWS console, which people follow from a finding or a notification."""

from urllib.parse import quote

_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
# As the console itself writes the filter "Id is ..." into its address.
_ID_IS = "Id%3D%255Coperator%255C%253AEQUALS%255C%253A"


def cloudtrail_event(partition: str, region: str, event_id: str) -> str:
    """The event, for who is signed in to the account where it happened."""
    return f"{_home('cloudtrailv2', partition, region)}#/events/{_quoted(event_id)}"


def security_hub_finding(partition: str, region: str, finding_id: str) -> str:
    """The finding, for who is signed in to its account or to the one that administers the hub."""
    search = f"{_ID_IS}{_quoted(_quoted(finding_id))}"
    return f"{_home('securityhub', partition, region)}#/findings?search={search}"


def _home(service: str, partition: str, region: str) -> str:
    """A partition without a known console gets that of the commercial one."""
    domain = _DOMAINS.get(partition, _DOMAINS["aws"])
    return f"https://{region}.{domain}/{service}/home?region={region}"


def _quoted(text: str) -> str:
    return quote(text, safe="")

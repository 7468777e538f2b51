"""Addresses of console pages, whatever an event's ID holds."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.findings.console import cloudtrail_event, security_hub_finding


@pytest.mark.parametrize(
    ("partition", "domain"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-new", "console.aws.amazon.com"),
    ],
)
def test_each_partition_has_its_own_console(partition: str, domain: str) -> None:
    assert cloudtrail_event(partition, "eu-1", "e") == (
        f"https://eu-1.{domain}/cloudtrailv2/home?region=eu-1#/events/e"
    )
    assert security_hub_finding(partition, "eu-1", "a/b").startswith(
        f"https://eu-1.{domain}/securityhub/home?region=eu-1#/findings?search=Id%3D"
    )


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_an_id_cannot_leave_its_place_in_the_address(id_: str) -> None:
    event = cloudtrail_event("aws", "eu-1", id_).partition("#/events/")[2]
    finding = security_hub_finding("aws", "eu-1", id_).partition("%253A")[2]

    assert unquote(event) == id_
    assert unquote(unquote(finding)).endswith(id_)
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", event + finding)

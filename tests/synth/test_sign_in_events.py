"""The fast path: each resource allows only the one before it."""

import json
from typing import Any

import pytest

from config.settings import Settings
from sandbox.iam.policy import ResourcePolicyKind
from tests.synth.access import (
    OVER_TLS,
    aws_service,
    decided_by_identity,
    decided_by_resource,
    role_session,
)
from tests.synth.conftest import MEMBER
from tests.synth.terraform_json import Resource, Stack, actions


@pytest.fixture
def member_rule_arn(member_template: dict[str, Any], settings: Settings) -> str:
    where = f"{settings.sign_in_region}:{MEMBER}"
    return f"arn:{settings.partition}:events:{where}:rule/{member_template['SignInRule']['Name']}"


@pytest.fixture
def bus(detection: Stack) -> Resource:
    return detection.only("aws_cloudwatch_event_bus")


@pytest.fixture
def bus_arn(bus: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:events:{home}:event-bus/{bus['name']}"


@pytest.fixture
def rule(detection: Stack) -> Resource:
    return detection.only("aws_cloudwatch_event_rule")


@pytest.fixture
def rule_arn(bus: Resource, rule: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:events:{home}:rule/{bus['name']}/{rule['name']}"


def test_the_member_rule_sends_to_the_bus_with_its_role(
    member_template: dict[str, Any], bus_arn: str
) -> None:
    [target] = member_template["SignInRule"]["Targets"]

    assert target["Arn"] == bus_arn
    assert target["RoleArn"] == "{attribute RuleRole.Arn}"
    assert member_template["SignInRule"]["State"] == "ENABLED"
    assert "EventBusName" not in member_template["SignInRule"]  # the default bus


def test_the_rules_role_can_only_send_to_the_bus(
    member_template: dict[str, Any], bus_arn: str, settings: Settings
) -> None:
    [policy] = member_template["RuleRole"]["Policies"]
    text = json.dumps(policy["PolicyDocument"])
    role = role_session(settings.partition, MEMBER, member_template["RuleRole"]["RoleName"])

    assert actions(text) == {"events:PutEvents"}
    assert "ManagedPolicyArns" not in member_template["RuleRole"]
    for bus, allowed in ((bus_arn, True), (f"{bus_arn}-of-others", False)):
        decision = decided_by_identity(text, role, "events:PutEvents", bus, {})
        assert decision.allowed is allowed


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"aws:SourceArn": "{}-of-others"}, False),
        ({"aws:SourceAccount": "555555555555"}, False),
    ],
)
def test_only_the_rule_can_assume_its_role(
    member_template: dict[str, Any],
    member_rule_arn: str,
    change: dict[str, str],
    *,
    allowed: bool,
) -> None:
    source = {"aws:SourceArn": member_rule_arn, "aws:SourceAccount": MEMBER}
    changed = {key: value.format(member_rule_arn) for key, value in change.items()}
    decision = decided_by_resource(
        json.dumps(member_template["RuleRole"]["AssumeRolePolicyDocument"]),
        ResourcePolicyKind.TRUST,
        aws_service("events"),
        "sts:AssumeRole",
        f"arn:aws:iam::{MEMBER}:role/any",
        source | changed,
    )

    assert decision.allowed is allowed


@pytest.mark.parametrize("inside", [True, False])
def test_the_bus_accepts_events_from_the_organization_only(
    detection: Stack, bus: Resource, bus_arn: str, settings: Settings, *, inside: bool
) -> None:
    [policy] = detection.pointing_to("aws_cloudwatch_event_bus_policy", "event_bus_name", bus)
    organization = settings.organization.id if inside else "o-otherorgid"
    decision = decided_by_resource(
        policy["policy"],
        ResourcePolicyKind.ORDINARY,
        role_session(settings.partition, MEMBER, "any"),
        "events:PutEvents",
        bus_arn,
        {"aws:PrincipalOrgID": organization},
    )

    assert actions(policy["policy"]) == {"events:PutEvents"}
    assert decision.allowed is inside


def test_the_bus_forwards_to_the_importers_queue_or_the_dead_letter_queue(
    detection: Stack, bus: Resource, rule: Resource
) -> None:
    variables = detection.only("aws_lambda_function")["environment"]["variables"]
    target = detection.only("aws_cloudwatch_event_target")

    assert detection.follow(rule["event_bus_name"], "name") == bus
    assert detection.follow(target["event_bus_name"], "name") == bus
    assert detection.follow(target["rule"], "name") == rule
    assert detection.follow(target["arn"], "arn") == detection.follow(variables["QUEUE_URL"], "url")
    assert detection.follow(target["dead_letter_config"]["arn"], "arn") == detection.follow(
        variables["DEAD_LETTER_QUEUE_URL"], "url"
    )


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"aws:SourceArn": "{}-of-others"}, False),
        ({"aws:SourceAccount": "555555555555"}, False),
    ],
)
def test_only_the_rule_can_send_to_both_queues(
    detection: Stack, rule_arn: str, settings: Settings, change: dict[str, str], *, allowed: bool
) -> None:
    source = {"aws:SourceArn": rule_arn, "aws:SourceAccount": settings.accounts.security}
    changed = {key: value.format(rule_arn) for key, value in change.items()}
    for policy in detection.resources("aws_sqs_queue_policy"):
        queue = detection.follow(policy["queue_url"], "id")
        home = f"{settings.home_region}:{settings.accounts.security}"
        decision = decided_by_resource(
            policy["policy"],
            ResourcePolicyKind.ORDINARY,
            aws_service("events"),
            "sqs:SendMessage",
            f"arn:{settings.partition}:sqs:{home}:{queue['name']}",
            source | changed | OVER_TLS,
        )
        assert decision.allowed is allowed


def test_the_bus_forwards_all_events_of_the_member_rules(
    member_template: dict[str, Any], rule: Resource
) -> None:
    pattern = json.loads(rule["event_pattern"])
    member_pattern = member_template["SignInRule"]["EventPattern"]

    assert set(pattern) == {"source", "detail-type"}
    assert pattern.items() <= member_pattern.items()
    assert pattern["source"] == ["aws.signin"]  # events of AWS only

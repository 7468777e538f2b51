"""The queues and the event bus: who may send, and retries."""

import json
from typing import Any

import pytest

from config.settings import Settings
from functions.finding_importer.delivery.queues import delay_seconds
from sandbox.iam.policy import ResourcePolicyKind
from tests.synth.conftest import MEMBER
from tests.synth.terraform_json import (
    OVER_TLS,
    PLAIN_HTTP,
    Resource,
    Stack,
    actions,
    aws_service,
    decided_by_identity,
    decided_by_resource,
    listed,
    role_session,
    statement,
)

DAY = 24 * 60 * 60


@pytest.fixture
def function(detection: Stack) -> Resource:
    return detection.only("aws_lambda_function")


@pytest.fixture
def queue(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["environment"]["variables"]["QUEUE_URL"], "url")


@pytest.fixture
def dead_letter_queue(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["environment"]["variables"]["DEAD_LETTER_QUEUE_URL"], "url")


def queue_arn(queue: Resource, settings: Settings) -> str:
    home = f"{settings.home_region}:{settings.accounts.security}"
    return f"arn:{settings.partition}:sqs:{home}:{queue['name']}"


def test_both_queues_are_encrypted_and_have_the_maximum_retention(
    queue: Resource, dead_letter_queue: Resource
) -> None:
    for one in (queue, dead_letter_queue):
        assert one["message_retention_seconds"] == 14 * DAY
        assert one["sqs_managed_sse_enabled"] is True


def test_messages_that_exhaust_their_retries_move_to_the_dead_letter_queue(
    detection: Stack, queue: Resource, dead_letter_queue: Resource, settings: Settings
) -> None:
    redrive = json.loads(queue["redrive_policy"])
    allowed = detection.only("aws_sqs_queue_redrive_allow_policy")

    assert redrive["deadLetterTargetArn"] == queue_arn(dead_letter_queue, settings)
    assert detection.follow(allowed["queue_url"], "id") == dead_letter_queue
    assert json.loads(allowed["redrive_allow_policy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [queue_arn(queue, settings)],
    }


def test_a_job_is_retried_for_days_and_its_dead_letter_message_is_kept_for_more(
    queue: Resource,
) -> None:
    """A message keeps its age when it moves to the dead-letter queue."""
    receives = json.loads(queue["redrive_policy"])["maxReceiveCount"]
    retried = sum(delay_seconds(count) for count in range(1, receives + 1))

    assert 3 * DAY < retried < 5 * DAY
    assert queue["message_retention_seconds"] - retried > 7 * DAY


def test_the_visibility_timeout_is_six_times_the_functions_timeout(
    function: Resource, queue: Resource
) -> None:
    assert queue["visibility_timeout_seconds"] == 6 * function["timeout"]


def test_an_invocation_reserves_time_for_its_longest_step_and_for_requeuing(
    function: Resource,
) -> None:
    """Four calls: assume a role and import, and retry both. Two calls: send to each queue."""
    variables = function["environment"]["variables"]
    attempts = int(variables["MAX_ATTEMPTS"])
    one_attempt = float(variables["CONNECT_TIMEOUT_SECONDS"]) + float(
        variables["READ_TIMEOUT_SECONDS"]
    )
    backoff = sum(2**retry for retry in range(attempts - 1))  # the maximum of the standard mode
    slowest_call = attempts * one_attempt + backoff

    assert (4 + 2) * slowest_call <= float(variables["RESERVED_SECONDS"])
    assert float(variables["RESERVED_SECONDS"]) < 0.6 * function["timeout"]


def test_the_queue_invokes_the_function_which_reports_failures_by_message(
    detection: Stack, function: Resource, queue: Resource
) -> None:
    mapping = detection.only("aws_lambda_event_source_mapping")

    assert detection.follow(mapping["event_source_arn"], "arn") == queue
    assert detection.follow(mapping["function_name"], "arn") == function
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["batch_size"] == 10  # the maximum without a batching window
    assert mapping["scaling_config"] == {"maximum_concurrency": 5}
    assert "filter_criteria" not in mapping.arguments


def test_failed_asynchronous_invocations_go_to_the_dead_letter_queue(
    detection: Stack, function: Resource, dead_letter_queue: Resource
) -> None:
    asynchronous = detection.only("aws_lambda_function_event_invoke_config")
    destination = asynchronous["destination_config"]["on_failure"]["destination"]

    assert detection.follow(asynchronous["function_name"], "function_name") == function
    assert detection.follow(destination, "arn") == dead_letter_queue
    assert asynchronous["maximum_retry_attempts"] == 2
    assert asynchronous["maximum_event_age_in_seconds"] == DAY / 4  # the maximum of Lambda


def test_the_queue_policies_deny_plain_http_and_allow_no_identity(
    detection: Stack, queue: Resource, dead_letter_queue: Resource, settings: Settings
) -> None:
    importer = role_session(settings.partition, settings.accounts.security, "any")
    for one in (queue, dead_letter_queue):
        [policy] = detection.pointing_to("aws_sqs_queue_policy", "queue_url", one)
        arn = queue_arn(one, settings)
        for context in (PLAIN_HTTP, OVER_TLS):
            decision = decided_by_resource(
                policy["policy"],
                ResourcePolicyKind.ORDINARY,
                importer,
                "sqs:SendMessage",
                arn,
                context,
            )
            assert not decision.allowed
        deny = statement(policy["policy"], "DenyInsecureTransport")
        assert (deny["Effect"], deny["Action"], listed(deny["Resource"])) == (
            "Deny",
            "sqs:*",
            [arn],
        )


def test_the_table_is_protected_from_deletion_by_aws_and_by_terraform(
    detection: Stack, settings: Settings
) -> None:
    table, is_protected = detection.only("aws_dynamodb_table"), settings.protect

    assert table["deletion_protection_enabled"] is is_protected
    assert table.arguments.get("lifecycle") == ({"prevent_destroy": True} if is_protected else None)


def test_the_idempotency_table_has_ids_that_expire(detection: Stack, function: Resource) -> None:
    name = function["environment"]["variables"]["IDEMPOTENCY_TABLE_NAME"]
    table = detection.follow(name, "name")

    assert table["hash_key"] == "id"
    assert table["attribute"] == [{"name": "id", "type": "S"}]
    assert table["ttl"] == {"attribute_name": "expiration", "enabled": True}
    assert table["billing_mode"] == "PAY_PER_REQUEST"


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

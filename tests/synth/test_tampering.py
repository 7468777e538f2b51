"""The detections of tampering match the names of the deployed resources."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from compiler import predicate as importer
from config.settings import Settings
from functions.finding_importer.matching.rules import Ruleset
from sandbox.cloudtrail.sign_ins import Record
from sandbox.logs.filter_pattern import parse
from tests.synth.conftest import MEMBER, Synthesis
from tests.synth.terraform_json import Stack

ALERTS = "pipeline_alert_tampering"
EVENT_PATH = "pipeline_event_path_tampering"
IMPORTER = "pipeline_importer_tampering"
QUEUE = "pipeline_queue_tampering"
PERSON, STACK = "203.0.113.7", "cloudformation.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Location:
    account: str
    region: str

    def call(
        self, event: str, parameters: Record, answer: Record | None = None, source: str = PERSON
    ) -> Record:
        """The fields of a CloudTrail record of `service:eventName` that differ between calls."""
        service, name = event.split(":")
        return {
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": self.region,
            "recipientAccountId": self.account,
            "sourceIPAddress": source,
            "requestParameters": parameters,
            "responseElements": answer,
        }


@pytest.fixture
def security(settings: Settings) -> Location:
    return Location(settings.accounts.security, settings.home_region)


@pytest.fixture
def member(settings: Settings) -> Location:
    return Location(MEMBER, settings.sign_in_region)


@pytest.fixture
def matched(synthesis: Synthesis) -> Callable[[Record], list[str]]:
    """The names of the detections that match a record in the importer."""
    enabled = [one for one in synthesis.detections if "importer" in one.evaluated_by]
    ruleset = Ruleset.load(importer.document(enabled))
    return lambda record: [one.name for one in ruleset.matching(record)]


def test_the_event_rule_of_an_account_is_watched(
    member_template: dict[str, Any], member: Location, matched: Callable[[Record], list[str]]
) -> None:
    rule = member_template["SignInRule"]["Name"]
    calls = {"DeleteRule": "name", "DisableRule": "name", "PutRule": "name"}
    calls |= {"RemoveTargets": "rule", "PutTargets": "rule"}

    for event, parameter in calls.items():
        assert matched(member.call(f"events:{event}", {parameter: rule})) == [EVENT_PATH], event


def test_the_roles_in_an_account_are_watched(
    member_template: dict[str, Any], member: Location, matched: Callable[[Record], list[str]]
) -> None:
    for role in ("MemberRole", "RuleRole"):
        name = {"roleName": member_template[role]["RoleName"]}
        for event in ("DeleteRole", "DeleteRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"):
            assert matched(member.call(f"iam:{event}", name)) == [IMPORTER], (role, event)


@pytest.mark.parametrize(
    "events",
    [
        {"iam": ("CreateRole", "PutRolePolicy"), "rule": "PutRule", "targets": "PutTargets"},
        {"iam": ("UpdateAssumeRolePolicy",), "rule": "PutRule", "targets": "PutTargets"},
        {
            "iam": ("DeleteRolePolicy", "DeleteRole"),
            "rule": "DeleteRule",
            "targets": "RemoveTargets",
        },
    ],
    ids=["joins", "is updated", "leaves"],
)
def test_calls_of_the_stack_set_do_not_match_when_an_account(
    events: dict[str, Any],
    member_template: dict[str, Any],
    member: Location,
    matched: Callable[[Record], list[str]],
) -> None:
    rule = member_template["SignInRule"]["Name"]
    calls = [
        member.call(f"iam:{event}", {"roleName": member_template[role]["RoleName"]}, source=STACK)
        for role in ("MemberRole", "RuleRole")
        for event in events["iam"]
    ]
    calls.append(member.call(f"events:{events['rule']}", {"name": rule}, source=STACK))
    calls.append(member.call(f"events:{events['targets']}", {"rule": rule}, source=STACK))

    assert set(member_template) == {"MemberRole", "RuleRole", "SignInRule"}
    assert [call["eventName"] for call in calls if matched(call)] == []


def test_the_stacks_are_watched_except_for_calls_of_the_stack_set(
    organization: Stack, detection: Stack, settings: Settings, member: Location
) -> None:
    name = f"{settings.name_prefix}-pipeline-stack-tampering"
    counted = parse(detection.only("aws_cloudwatch_log_metric_filter", name=name)["pattern"])
    stack_set = organization.only("aws_cloudformation_stack_set")["name"]
    own = organization.only("aws_cloudformation_stack")["name"]

    for stack in (f"StackSet-{stack_set}-{uuid4()}", own):
        for event in ("cloudformation:DeleteStack", "cloudformation:UpdateStack"):
            call = {"stackName": stack}
            by_hand, by_service = (member.call(event, call, source=one) for one in (PERSON, STACK))
            assert counted.matches(json.dumps(by_hand)), (event, stack)
            assert not counted.matches(json.dumps(by_service)), (event, stack)


def test_the_bus_and_its_rule_are_watched(
    detection: Stack, security: Location, matched: Callable[[Record], list[str]]
) -> None:
    bus = detection.only("aws_cloudwatch_event_bus")["name"]
    rule = detection.only("aws_cloudwatch_event_rule")["name"]
    calls = {
        "DeleteEventBus": {"name": bus},
        "PutPermission": {"eventBusName": bus},
        "RemovePermission": {"eventBusName": bus},
        "DisableRule": {"name": rule, "eventBusName": bus},
        "RemoveTargets": {"rule": rule, "eventBusName": bus},
    }

    for event, parameters in calls.items():
        assert matched(security.call(f"events:{event}", parameters)) == [EVENT_PATH], event


def test_the_function_is_watched(
    detection: Stack, security: Location, matched: Callable[[Record], list[str]]
) -> None:
    name = {"functionName": detection.only("aws_lambda_function")["function_name"]}

    for event in ("DeleteFunction20150331", "DeleteFunctionEventInvokeConfig"):
        assert matched(security.call(f"lambda:{event}", name)) == [IMPORTER], event


def test_the_queues_and_the_event_source_mapping_are_watched(
    detection: Stack, security: Location, settings: Settings, matched: Callable[[Record], list[str]]
) -> None:
    mapping = detection.only("aws_lambda_event_source_mapping")
    read = detection.follow(mapping["event_source_arn"], "arn")
    place = f"{security.region}:{security.account}"
    answer = {"eventSourceArn": f"arn:{settings.partition}:sqs:{place}:{read['name']}"}
    names = [queue["name"] for queue in detection.resources("aws_sqs_queue")]

    assert len(names) == 2
    for name in names:
        host = f"sqs.{security.region}.amazonaws.com"
        url = {"queueUrl": f"https://{host}/{security.account}/{name}"}
        assert matched(security.call("sqs:DeleteQueue", url)) == [QUEUE], name
    assert matched(security.call("lambda:DeleteEventSourceMapping20150331", {}, answer)) == [QUEUE]


def test_the_table_is_watched(
    detection: Stack, security: Location, matched: Callable[[Record], list[str]]
) -> None:
    name = detection.only("aws_dynamodb_table")["name"]

    assert matched(security.call("dynamodb:DeleteTable", {"tableName": name})) == [QUEUE]


def test_all_alarms_are_watched(
    detection: Stack, security: Location, matched: Callable[[Record], list[str]]
) -> None:
    names = [one["alarm_name"] for one in detection.resources("aws_cloudwatch_metric_alarm")]

    for name in names:
        for event in ("PutMetricAlarm", "SetAlarmState"):
            assert matched(security.call(f"monitoring:{event}", {"alarmName": name})) == [ALERTS]
    for event in ("DeleteAlarms", "DisableAlarmActions"):
        assert matched(security.call(f"monitoring:{event}", {"alarmNames": names})) == [ALERTS]

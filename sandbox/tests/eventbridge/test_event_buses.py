"""Event buses, their policies and tags, and the checks of PutEvents."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY
from sandbox.tests.eventbridge.event_resources import (
    SOURCE,
    Queue,
    admit,
    bus_arn,
    create_bus,
    entry,
    rule_in,
    sending_role,
    target,
)
from sandbox.tests.resources import (
    REGION,
    allow,
    client_with,
    code_of,
    create_role,
    message_of,
    policy,
    session_of,
    unique,
)

MEMBER = MEMBERS[0].id
OWN_ACCOUNT = {"AWS": f"arn:aws:iam::{MEMBER}:root"}


@pytest.fixture(scope="module")
def events(sandbox: Sandbox) -> Any:
    return sandbox.client("events", SECURITY.id)


def statement(name: str, **changes: Any) -> dict[str, Any]:
    return {"Sid": "one", **admit(), "Resource": bus_arn(SECURITY.id, name), **changes}


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return code_of(refused.value), message_of(refused.value)


def test_a_policy_replaces_the_previous_one(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, SECURITY.id, admit())
    document = policy(statement(name, Principal={"AWS": MEMBER}))
    events.put_permission(EventBusName=name, Policy=document)
    described = events.describe_event_bus(Name=name)
    events.remove_permission(EventBusName=name, RemoveAllPermissions=True)

    assert json.loads(described["Policy"]) == json.loads(document)
    assert "Policy" not in events.describe_event_bus(Name=name)


def test_a_permission_is_a_statement_with_its_id(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, SECURITY.id)
    grant = {"EventBusName": name, "Action": "events:PutEvents"}
    events.put_permission(**grant, StatementId="member", Principal=MEMBERS[1].id)
    events.put_permission(**grant, StatementId="member", Principal=MEMBER)
    organization = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-exampleorgid"}
    events.put_permission(**grant, StatementId="all", Principal="*", Condition=organization)
    document = json.loads(events.describe_event_bus(Name=name)["Policy"])
    events.remove_permission(EventBusName=name, StatementId="all")
    left = json.loads(events.describe_event_bus(Name=name)["Policy"])["Statement"]
    unknown, _ = refusal(events.remove_permission, EventBusName=name, StatementId="all")

    assert [one["Sid"] for one in document["Statement"]] == ["member", "all"]
    assert document["Statement"][1]["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}
    }
    assert [one["Principal"] for one in left] == [OWN_ACCOUNT]
    assert unknown == "ResourceNotFoundException"


def test_an_invalid_policy_is_refused(sandbox: Sandbox, events: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Sid": "not a name"}, "Sid must match"),
        ({"Principal": {"AWS": "payments"}}, "expected an account ID"),
        ({"Condition": {"StringIs": {"aws:PrincipalOrgID": "o-x"}}}, "operator"),
        ({"Action": "sqs:SendMessage"}, "actions of events only"),
        ({"Resource": bus_arn(SECURITY.id, "another")}, "or a rule of the bus"),
        ({"Resource": "*"}, "or a rule of the bus"),
        (
            {"Condition": {"StringEquals": {"aws:PrincipalArn": ["x" * 10_240]}}},
            "the maximum is 10240",
        ),
    ]
    for changes, reason in cases:
        name = create_bus(sandbox, SECURITY.id)
        document = policy(statement(name, **changes))

        code, message = refusal(events.put_permission, EventBusName=name, Policy=document)

        assert code in {"ValidationException", "PolicyLengthExceededException"}, (changes, reason)
        assert reason in message, (changes, reason)
        assert "Policy" not in events.describe_event_bus(Name=name), (changes, reason)


def test_a_policy_must_be_json(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, SECURITY.id)

    assert refusal(events.put_permission, EventBusName=name, Policy="{")[0] == "ValidationException"


def test_a_bus_with_rules_cannot_be_deleted(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, SECURITY.id)
    rule = rule_in(SECURITY.id, name)
    rule.put(sandbox)
    code, message = refusal(events.delete_event_bus, Name=name)
    events.delete_rule(Name=rule.name, EventBusName=name)
    events.delete_event_bus(Name=name)

    assert (code, message) == (
        "ValidationException",
        f"Event bus {name} can't be deleted since it has rules.",
    )
    assert refusal(events.describe_event_bus, Name=name)[0] == "ResourceNotFoundException"


def test_an_invalid_bus_name_is_refused(events: Any) -> None:
    for name in ("default", "a/b", "ü"):
        assert refusal(events.create_event_bus, Name=name)[0] in {
            "ValidationException",
            "ResourceAlreadyExistsException",
        }


def test_an_unsupported_setting_is_refused(events: Any) -> None:
    cases: list[dict[str, Any]] = [
        {"KmsKeyIdentifier": "alias/x"},
        {"DeadLetterConfig": {"Arn": "arn:aws:sqs:a:1:b"}},
    ]
    for settings in cases:
        code, message = refusal(events.create_event_bus, Name=unique("bus"), **settings)

        assert code == "ValidationException", settings
        assert next(iter(settings)) in message, settings


def test_a_description_can_be_updated(sandbox: Sandbox, events: Any) -> None:
    name = create_bus(sandbox, SECURITY.id)
    events.update_event_bus(Name=name, Description="of the shop")

    assert events.describe_event_bus(Name=name)["Description"] == "of the shop"


def test_a_bus_and_a_rule_of_the_same_name_have_separate_tags(events: Any) -> None:
    name = unique("same")
    tags = [{"Key": "kind", "Value": "bus"}]
    bus = events.create_event_bus(Name=name, Tags=tags)["EventBusArn"]
    rule = events.put_rule(
        Name=name,
        EventBusName=name,
        EventPattern='{"source": ["a"]}',
        Tags=[{"Key": "kind", "Value": "rule"}],
    )["RuleArn"]
    events.tag_resource(ResourceARN=rule, Tags=[{"Key": "more", "Value": "1"}])
    events.untag_resource(ResourceARN=bus, TagKeys=["kind"])

    of_rule = events.list_tags_for_resource(ResourceARN=rule)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in of_rule} == {"kind": "rule", "more": "1"}
    assert events.list_tags_for_resource(ResourceARN=bus)["Tags"] == []
    gone, _ = refusal(events.list_tags_for_resource, ResourceARN=f"{bus}-gone")
    assert gone == "ResourceNotFoundException"


def test_an_invalid_entry_does_not_fail_the_others(sandbox: Sandbox, events: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Source": "aws.signin"}, "NotAuthorizedForSourceException"),
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": ""}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Detail": "{"}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
    ]
    for change, code in cases:
        rule = rule_in(SECURITY.id)
        queue = Queue(sandbox, SECURITY.id, rule)
        rule.put(sandbox, target(queue.arn), EventPattern='{"detail-type": ["Sale"]}')
        answer = events.put_events(Entries=[entry(**change), entry()])
        arrived = queue.events()
        sandbox.client("events", SECURITY.id).disable_rule(Name=rule.name)

        assert answer["FailedEntryCount"] == 1, (change, code)
        assert answer["Entries"][0]["ErrorCode"] == code, (change, code)
        assert [event["id"] for event in arrived] == [answer["Entries"][1]["EventId"]], (
            change,
            code,
        )


def test_a_request_over_the_limits_is_refused(events: Any) -> None:
    too_large = json.dumps({"text": "x" * 131_072})

    many, _ = refusal(events.put_events, Entries=[entry()] * 11)
    large, message = refusal(events.put_events, Entries=[entry(Detail=too_large)] * 2)

    assert (many, large) == ("ValidationException", "ValidationException")
    assert "over the limit" in message
    assert events.put_events(Entries=[entry(Detail=too_large)])["FailedEntryCount"] == 0


def test_events_for_a_missing_bus_are_refused(sandbox: Sandbox, events: Any) -> None:
    elsewhere = bus_arn(
        SECURITY.id, create_bus(sandbox, SECURITY.id, region="eu-west-1"), "eu-west-1"
    )

    assert refusal(events.put_events, Entries=[entry(bus="gone")])[0] == "ResourceNotFoundException"
    assert "Cross-region" in refusal(events.put_events, Entries=[entry(bus=elsewhere)])[1]


@pytest.fixture
def shop(sandbox: Sandbox) -> Any:
    """A client with a role of the member account that may send events of the shop."""
    return sender(sandbox, "*", {"StringEquals": {"events:source": SOURCE}})


def sender(sandbox: Sandbox, bus: str, condition: dict[str, Any]) -> Any:
    grant = allow("events:PutEvents", bus, Condition=condition)
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT, grant)
    return client_with(sandbox, "events", session_of(sandbox, role))


def test_a_bus_of_another_account_requires_both_policies(sandbox: Sandbox, shop: Any) -> None:
    name, closed = create_bus(sandbox, SECURITY.id, admit()), create_bus(sandbox, SECURITY.id)
    rule = rule_in(SECURITY.id, name)
    queue = Queue(sandbox, SECURITY.id, rule)
    rule.put(sandbox, target(queue.arn))
    arn = bus_arn(SECURITY.id, name)
    shop.put_events(Entries=[entry(bus=arn)])

    assert [event["account"] for event in queue.events()] == [MEMBER]
    others = [entry(bus=arn), entry(bus=arn, Source="test.other")]
    assert refusal(shop.put_events, Entries=others)[0] == "AccessDeniedException"
    to_closed = [entry(bus=bus_arn(SECURITY.id, closed))]
    assert refusal(shop.put_events, Entries=to_closed)[0] == "AccessDeniedException"
    assert queue.events() == []


def test_the_permission_to_send_applies_to_one_bus(sandbox: Sandbox) -> None:
    mine, other = create_bus(sandbox, MEMBER), create_bus(sandbox, MEMBER)
    bound = sender(sandbox, bus_arn(MEMBER, mine), {})
    bound.put_events(Entries=[entry(bus=mine)])

    assert refusal(bound.put_events, Entries=[entry(bus=other)])[0] == "AccessDeniedException"
    assert refusal(bound.put_events, Entries=[entry()])[0] == "AccessDeniedException"


def test_put_targets_requires_permission_to_pass_the_role(sandbox: Sandbox) -> None:
    bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id, admit()))
    rule = rule_in(MEMBER)
    rule.put(sandbox)
    role = sending_role(sandbox, rule, bus)
    put = {"Rule": rule.name, "Targets": [target(bus, RoleArn=role)]}
    may_pass = [allow("events:PutTargets"), allow("iam:PassRole", role)]
    without, with_it = (
        client_with(sandbox, "events", session_of(sandbox, deployer), REGION)
        for deployer in (
            create_role(sandbox, MEMBER, OWN_ACCOUNT, may_pass[0]),
            create_role(sandbox, MEMBER, OWN_ACCOUNT, *may_pass),
        )
    )

    code, message = refusal(without.put_targets, **put)

    assert code == "AccessDeniedException"
    assert "iam:PassRole" in message
    assert with_it.put_targets(**put)["FailedEntryCount"] == 0

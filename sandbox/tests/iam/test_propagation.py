"""A change of a role is effective some time later, in each service that uses the role."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.conditions import ideal
from sandbox.iam.propagation import Propagation
from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY, Account, join, new_number
from sandbox.tests.cloudtrail.trail_resources import (
    TrailCreator,
    create_bucket,
    log_delivery,
    trail_arn,
)
from sandbox.tests.resources import (
    REGION,
    allow,
    client_with,
    code_of,
    create_function,
    create_role,
    message_of,
    policy,
    service,
    session_of,
    trusting,
    unique,
)

MEMBER = MEMBERS[0].id
HANDLER = "def handler(event, context): return event"
DENIED = "AccessDeniedException"  # SQS
OWN_ACCOUNT = {"AWS": MEMBER}
LIST_QUEUES = allow("sqs:ListQueues")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """IAM's changes are effective only after `let_time_pass`."""
    with Sandbox(conditions=replace(ideal(), iam_propagation_seconds=3600.0)) as running:
        yield running


def refusal_of(operation: Any, *arguments: Any, **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        operation(*arguments, **parameters)
    return refused.value


def name_of(role: str) -> str:
    return role.rpartition("/")[2]


def test_a_new_role_cannot_be_assumed_at_once(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT)

    error = refusal_of(session_of, sandbox, role)
    sandbox.let_time_pass()

    assert code_of(error) == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in message_of(error)
    assert session_of(sandbox, role)


def test_iam_itself_returns_a_change_at_once(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT, LIST_QUEUES)
    iam = sandbox.client("iam", MEMBER)

    found = iam.get_role(RoleName=name_of(role))["Role"]

    assert found["AssumeRolePolicyDocument"] == json.loads(trusting(OWN_ACCOUNT))
    assert iam.list_role_policies(RoleName=name_of(role))["PolicyNames"] == ["own"]


def test_a_changed_trust_policy_is_effective_later(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT)
    sandbox.let_time_pass()
    sandbox.client("iam", MEMBER).update_assume_role_policy(
        RoleName=name_of(role), PolicyDocument=trusting(service("lambda"))
    )

    assert session_of(sandbox, role)
    sandbox.let_time_pass()
    assert code_of(refusal_of(session_of, sandbox, role)) == "AccessDenied"


def test_a_changed_role_policy_is_effective_later(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT)
    sandbox.let_time_pass()
    sqs = client_with(sandbox, "sqs", session_of(sandbox, role))
    iam = sandbox.client("iam", MEMBER)
    own = {"RoleName": name_of(role), "PolicyName": "own"}

    iam.put_role_policy(**own, PolicyDocument=policy(LIST_QUEUES))
    assert code_of(refusal_of(sqs.list_queues)) == DENIED
    sandbox.let_time_pass()
    sqs.list_queues()

    iam.delete_role_policy(**own)
    sqs.list_queues()
    sandbox.let_time_pass()
    assert code_of(refusal_of(sqs.list_queues)) == DENIED


def test_an_attached_policy_is_effective_later(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam", MEMBER)
    role = create_role(sandbox, MEMBER, OWN_ACCOUNT)
    attached = iam.create_policy(PolicyName=unique("policy"), PolicyDocument=policy(LIST_QUEUES))
    sandbox.let_time_pass()
    sqs = client_with(sandbox, "sqs", session_of(sandbox, role))

    iam.attach_role_policy(RoleName=name_of(role), PolicyArn=attached["Policy"]["Arn"])
    assert code_of(refusal_of(sqs.list_queues)) == DENIED
    sandbox.let_time_pass()
    sqs.list_queues()


def test_lambda_refuses_a_new_role_with_the_error_that_the_provider_retries(
    sandbox: Sandbox,
) -> None:
    error = refusal_of(create_function, sandbox, SECURITY.id, HANDLER)

    assert code_of(error) == "InvalidParameterValueException"
    expected = "The role defined for the function cannot be assumed by Lambda."
    assert message_of(error) == expected


def test_cloudtrail_refuses_a_new_role_with_the_error_that_the_provider_retries(
    sandbox: Sandbox,
) -> None:
    cloudtrail = sandbox.client("cloudtrail")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    create, name = TrailCreator(sandbox), unique("trail")
    bucket, delivery = create_bucket(sandbox, trail_arn(name)), log_delivery(sandbox)

    error = refusal_of(create, name, bucket, **delivery)
    sandbox.let_time_pass()
    create(name, bucket, **delivery)
    create.remove()

    assert code_of(error) == "InvalidCloudWatchLogsRoleArnException"
    assert message_of(error).startswith("Access denied.")


def test_eventbridge_refuses_a_new_role(sandbox: Sandbox) -> None:
    events = sandbox.client("events", MEMBER)
    bus = unique("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    role = create_role(sandbox, MEMBER, service("events"), allow("events:PutEvents", arn))
    rule = unique("rule")
    events.put_rule(Name=rule, EventPattern='{"source": ["test"]}')
    target = {"Rule": rule, "Targets": [{"Id": "bus", "Arn": arn, "RoleArn": role}]}

    error = refusal_of(events.put_targets, **target)
    sandbox.let_time_pass()
    events.put_targets(**target)

    assert code_of(error) == "ValidationException"
    assert "cannot be assumed by principal 'events.amazonaws.com'" in message_of(error)


def test_the_roles_of_a_stack_are_effective_when_the_stack_is(sandbox: Sandbox) -> None:
    name = unique("stack-role")
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": name,
                    "AssumeRolePolicyDocument": json.loads(trusting(OWN_ACCOUNT)),
                },
            }
        }
    }
    sandbox.client("cloudformation", MEMBER).create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    assert session_of(sandbox, f"arn:aws:iam::{MEMBER}:role/{name}")


def test_the_role_of_a_new_account_is_effective(sandbox: Sandbox) -> None:
    account = Account(new_number(), unique("account"))
    join(account)

    identity = sandbox.client("sts", account.id, REGION).get_caller_identity()

    assert identity["Account"] == account.id


def test_the_delay_differs_between_services_and_depends_on_the_seed() -> None:
    one, same, other = Propagation(10.0, 1), Propagation(10.0, 1), Propagation(10.0, 2)
    services = ("lambda", "cloudtrail", "events", "sts")

    delays = [one.seconds(service) for service in services]

    assert all(5.0 <= delay <= 10.0 for delay in delays)
    assert len(set(delays)) == len(services)
    assert delays == [same.seconds(service) for service in services]
    assert delays != [other.seconds(service) for service in services]

"""Service control policies that are attached to the root, units and accounts, and boundaries."""

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, ROOT_ID, SECURITY
from sandbox.tests.control_policies import ControlPolicies, deny
from sandbox.tests.resources import (
    allow,
    client_with,
    code_of,
    create_role,
    message_of,
    policy,
    session_of,
    trusting,
    unique,
)

MEMBER = MEMBERS[0].id
ALLOW_ALL = allow("*")


def refused(sandbox: Sandbox, account: str, service: str = "sqs") -> ClientError | None:
    """The refusal of a listing in the account, or None."""
    client = sandbox.client(service, account)
    operation = client.list_queues if service == "sqs" else client.list_topics
    try:
        operation()
    except ClientError as error:
        return error
    return None


def test_a_denial_applies_below_its_target(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    cases: list[tuple[str, set[str]]] = [
        (MEMBER, {MEMBER}),
        (units["Workloads"], {account.id for account in MEMBERS}),
        (ROOT_ID, {*(account.id for account in MEMBERS), SECURITY.id, LOG_ARCHIVE.id}),
    ]
    accounts = [MANAGEMENT, SECURITY, LOG_ARCHIVE, *MEMBERS]
    for target, expected in cases:
        control.attach(target, deny("sqs:*"))

        denied = {account.id for account in accounts if refused(sandbox, account.id)}

        assert denied == expected, target
        assert refused(sandbox, MEMBER, "sns") is None
        control.clear()


def test_the_error_is_the_one_of_aws(sandbox: Sandbox, control: ControlPolicies) -> None:
    identifier = control.attach(MEMBER, deny("sqs:*"))

    error = refused(sandbox, MEMBER)

    assert error is not None
    assert code_of(error) == "AccessDeniedException"
    assert "is not authorized to perform: sqs:ListQueues on resource: * " in message_of(error)
    assert "with an explicit deny in a service control policy: arn:aws:" in message_of(error)
    assert identifier in message_of(error)


def test_an_allow_list_needs_the_action_at_each_level(
    sandbox: Sandbox, control: ControlPolicies
) -> None:
    control.attach(MEMBER, allow(["sns:*", "organizations:*"]))
    control.detach_full_access(MEMBER)
    try:
        error = refused(sandbox, MEMBER)
        assert error is not None
        expected = "because no service control policy allows the sqs:ListQueues action"
        assert expected in message_of(error)
        assert refused(sandbox, MEMBER, "sns") is None
    finally:
        control.restore_full_access(MEMBER)


def test_the_last_policy_of_a_target_stays(sandbox: Sandbox, control: ControlPolicies) -> None:
    with pytest.raises(ClientError) as kept:
        control.detach_full_access(MEMBER)
    assert code_of(kept.value) == "ConstraintViolationException"
    assert kept.value.response["Reason"] == "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
    assert refused(sandbox, MEMBER) is None


def test_conditions_of_a_control_policy_are_evaluated(
    sandbox: Sandbox, control: ControlPolicies
) -> None:
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}
    control.attach(MEMBER, deny("sqs:*", Condition=elsewhere))

    assert refused(sandbox, MEMBER) is None
    with pytest.raises(ClientError) as denied:
        sandbox.client("sqs", MEMBER, "eu-central-1").list_queues()
    assert code_of(denied.value) == "AccessDeniedException"


def test_a_denial_of_some_roles_leaves_the_others(
    sandbox: Sandbox, control: ControlPolicies
) -> None:
    stem = unique("protected")
    control.attach(MEMBER, deny("iam:*", f"arn:aws:iam::*:role/{stem}-*"))
    iam, trust = sandbox.client("iam", MEMBER), trusting({"AWS": MEMBER})

    iam.create_role(RoleName=stem, AssumeRolePolicyDocument=trust)
    with pytest.raises(ClientError) as denied:
        iam.create_role(RoleName=f"{stem}-one", AssumeRolePolicyDocument=trust)

    assert code_of(denied.value) == "AccessDenied"
    role = f"arn:aws:iam::{MEMBER}:role/{stem}-one"
    assert f"perform: iam:CreateRole on resource: {role} with an" in message_of(denied.value)


def test_the_session_of_a_role_is_limited(sandbox: Sandbox, control: ControlPolicies) -> None:
    role = create_role(sandbox, MEMBER, {"AWS": MEMBER}, ALLOW_ALL)
    keys = session_of(sandbox, role)
    sqs = client_with(sandbox, "sqs", keys)
    sqs.list_queues()

    control.attach(MEMBER, deny("sqs:*"))

    with pytest.raises(ClientError) as denied:
        sqs.list_queues()
    assert code_of(denied.value) == "AccessDeniedException"


def test_a_service_is_not_limited(sandbox: Sandbox, control: ControlPolicies) -> None:
    """AWS services that use resource policies are no principals of the account."""
    events = sandbox.client("events", MEMBER)
    sqs = sandbox.client("sqs", MEMBER)
    url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{MEMBER}:{url.rpartition('/')[2]}"
    sender = {"Service": "events.amazonaws.com"}
    admission = policy(allow("sqs:SendMessage", arn, Principal=sender))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": admission})
    name = unique("rule")
    events.put_rule(Name=name, EventPattern='{"source": ["test"]}')
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    control.attach(MEMBER, deny("sqs:SendMessage"))
    events.put_events(Entries=[{"Source": "test", "DetailType": "test", "Detail": "{}"}])

    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_boundary_limits_a_role(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam", MEMBER)
    boundary = iam.create_policy(
        PolicyName=unique("boundary"), PolicyDocument=policy(allow("sns:*"))
    )["Policy"]["Arn"]
    name = unique("role")
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=trusting({"AWS": MEMBER}),
        PermissionsBoundary=boundary,
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(ALLOW_ALL))
    keys = session_of(sandbox, role)

    client_with(sandbox, "sns", keys).list_topics()
    with pytest.raises(ClientError) as denied:
        client_with(sandbox, "sqs", keys).list_queues()
    expected = "because no permissions boundary allows the sqs:ListQueues action"
    assert expected in message_of(denied.value)

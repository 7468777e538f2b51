"""Updates and deletions of existing stack instances."""

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import LOG_ARCHIVE, MEMBERS, SECURITY
from sandbox.tests.cloudformation.stack_set_helper import (
    CURRENT,
    FAILED,
    FOLLOWING,
    TOLERANT,
    DeployedStackSet,
    unit_id,
)
from sandbox.tests.resources import REGION, code_of

FIRST, SECOND, THIRD = (member.id for member in MEMBERS)


@pytest.fixture
def stack_set(sandbox: Sandbox) -> DeployedStackSet:
    return DeployedStackSet(sandbox, FOLLOWING)


@pytest.fixture
def workloads(sandbox: Sandbox) -> str:  # noqa: ARG001  there is a unit when it runs
    return unit_id("Workloads")


def test_the_instance_of_a_suspended_account_can_only_be_retained(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.deploy(workloads)
    organization.suspend(FIRST)
    stack_set.delete_instances(workloads)
    left = stack_set.statuses()
    stack_set.delete_instances(workloads, retain=True)
    organization.reinstate(FIRST)

    assert left == {FIRST: ("CURRENT", "SKIPPED_SUSPENDED_ACCOUNT")}
    assert not stack_set.accounts()
    assert stack_set.has_resources(FIRST)


def test_a_stack_that_cannot_be_deleted_is_inoperable(
    sandbox: Sandbox, stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.deploy(workloads)
    iam = sandbox.client("iam", FIRST)
    policy = iam.create_policy(
        PolicyName=stack_set.name,
        PolicyDocument='{"Version": "2012-10-17", "Statement": '
        '[{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}',
    )["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=stack_set.name, PolicyArn=policy)
    operation = stack_set.delete_instances(workloads, preferences=TOLERANT)

    assert stack_set.operation(operation)["StatusDetails"] == {"FailedStackInstancesCount": 1}
    assert stack_set.statuses() == {FIRST: ("INOPERABLE", "INOPERABLE")}


def test_resources_deleted_in_the_account_are_ignored(
    sandbox: Sandbox, stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.deploy(workloads)
    iam = sandbox.client("iam", FIRST)
    iam.delete_role_policy(RoleName=stack_set.name, PolicyName="send")
    iam.delete_role(RoleName=stack_set.name)
    operation = stack_set.delete_instances(workloads)

    assert stack_set.operation(operation)["Status"] == "SUCCEEDED"
    assert not stack_set.accounts()
    assert not stack_set.has_resources(FIRST)


def test_an_update_applies_to_every_instance(
    sandbox: Sandbox, stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.deploy(workloads)
    stacks = {one["Account"]: one["StackId"] for one in stack_set.summaries()}
    operation = stack_set.update(Parameters=stack_set.parameters(Description="as it is"))
    role = sandbox.client("iam", SECOND).get_role(RoleName=stack_set.name)["Role"]
    own = sandbox.client("cloudformation", SECOND).describe_stacks(StackName=stacks[SECOND])

    assert role["Description"] == "as it is"
    assert own["Stacks"][0]["StackName"] == stacks[SECOND].split("/")[1]
    assert set(stack_set.statuses().values()) == {CURRENT}
    assert {one["Account"]: one["StackId"] for one in stack_set.summaries()} == stacks
    assert stack_set.operation(operation)["Action"] == "UPDATE"


def test_a_failed_update_restores_the_stack(stack_set: DeployedStackSet, workloads: str) -> None:
    stack_set.deploy(workloads)
    before = stack_set.name
    stack_set.name = f"{before}-new"
    stack_set.block(FIRST)
    named = stack_set.parameters()
    stack_set.name = before
    operation = stack_set.update(Parameters=named, OperationPreferences=TOLERANT)

    assert stack_set.results(operation)[FIRST]["Status"] == "FAILED"
    assert stack_set.statuses() == {FIRST: FAILED, SECOND: CURRENT, THIRD: CURRENT}
    assert stack_set.has_resources(FIRST)
    assert not stack_set.has_resources(SECOND)


def test_an_update_keeps_parameter_overrides(
    sandbox: Sandbox, stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.deploy(workloads)
    only_second = {
        "OrganizationalUnitIds": [workloads],
        "Accounts": [SECOND],
        "AccountFilterType": "INTERSECTION",
    }
    stack_set.client.update_stack_instances(
        StackSetName=stack_set.name,
        DeploymentTargets=only_second,
        Regions=[REGION],
        ParameterOverrides=[{"ParameterKey": "Description", "ParameterValue": "of its own"}],
    )
    stack_set.update(Parameters=stack_set.parameters(Description="of all"))
    descriptions = [
        sandbox.client("iam", account).get_role(RoleName=stack_set.name)["Role"]["Description"]
        for account in (FIRST, SECOND)
    ]

    assert descriptions == ["of all", "of its own"]


def test_instances_cannot_be_updated_by_account(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    """The Terraform provider sends the unit as an account."""
    stack_set.deploy(workloads)

    with pytest.raises(ClientError) as refused:
        stack_set.client.update_stack_instances(
            StackSetName=stack_set.name, Accounts=[workloads], Regions=[REGION]
        )

    assert code_of(refused.value) == "ValidationError"


def test_an_operation_affects_only_its_target_unit(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    security = unit_id("Security")
    stack_set.deploy(workloads, security)
    operation = stack_set.delete_instances(security)

    assert set(stack_set.results(operation)) == {SECURITY.id, LOG_ARCHIVE.id}
    assert stack_set.accounts() == {FIRST, SECOND, THIRD}


def test_an_update_keeps_managed_execution(
    stack_set: DeployedStackSet,
) -> None:
    described = []
    for more in ({}, {"ManagedExecution": {"Active": True}}, {}):
        stack_set.update(**more)
        answer = stack_set.client.describe_stack_set(StackSetName=stack_set.name)
        described.append(answer["StackSet"]["ManagedExecution"])

    assert described == [{"Active": False}, {"Active": True}, {"Active": True}]

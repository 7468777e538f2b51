"""Operations on stack instances: preferences, failures and their tolerance."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import LOG_ARCHIVE, MEMBERS, SECURITY
from sandbox.tests.cloudformation.stack_set_helper import (
    CURRENT,
    FAILED,
    FOLLOWING,
    STATIC,
    TEMPLATE,
    TOLERANT,
    DeployedStackSet,
    unit_id,
)
from sandbox.tests.resources import REGION, code_of, message_of

FIRST, SECOND, THIRD = (member.id for member in MEMBERS)
OTHER_REGION = "eu-central-1"
CANCELLED = ("OUTDATED", "CANCELLED")
SKIPPED = ("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT")


@pytest.fixture
def stack_set(sandbox: Sandbox) -> DeployedStackSet:
    return DeployedStackSet(sandbox, FOLLOWING)


@pytest.fixture
def workloads(sandbox: Sandbox) -> str:  # noqa: ARG001  there is a unit when it runs
    return unit_id("Workloads")


@pytest.fixture
def _suspended(sandbox: Sandbox) -> Iterator[None]:  # noqa: ARG001  there is an account when it runs
    organization.suspend(FIRST)
    yield
    organization.reinstate(FIRST)


def test_invalid_preferences_are_refused(stack_set: DeployedStackSet, workloads: str) -> None:
    for preferences, reason in [
        ({"FailureTolerancePercentage": 101}, "FailureTolerancePercentage 101 must be less"),
        ({"MaxConcurrentPercentage": 101}, "MaxConcurrentPercentage 101 must be less"),
        ({"RegionConcurrencyType": "BOTH"}, "RegionConcurrencyType BOTH must be one of"),
        ({"ConcurrencyMode": "NONE"}, "ConcurrencyMode NONE must be one of"),
        (
            {"FailureToleranceCount": 1, "FailureTolerancePercentage": 1},
            "FailureToleranceCount and FailureTolerancePercentage cannot both",
        ),
        (
            {"MaxConcurrentCount": 1, "MaxConcurrentPercentage": 1},
            "MaxConcurrentCount and MaxConcurrentPercentage cannot both",
        ),
    ]:
        with pytest.raises(ClientError) as refused:
            stack_set.deploy(workloads, preferences=preferences)

        assert code_of(refused.value) == "ValidationError", (preferences, reason)
        assert reason in message_of(refused.value), (preferences, reason)
        assert not stack_set.accounts(), (preferences, reason)


@pytest.mark.parametrize("mode", ["STRICT_FAILURE_TOLERANCE", "SOFT_FAILURE_TOLERANCE"])
def test_operations_return_their_preferences(
    mode: str, stack_set: DeployedStackSet, workloads: str
) -> None:
    preferences = {**TOLERANT, "RegionConcurrencyType": "PARALLEL", "ConcurrencyMode": mode}
    operations = [
        stack_set.deploy(workloads, preferences=preferences),
        stack_set.update(OperationPreferences=preferences),
        stack_set.delete_instances(workloads, preferences=preferences),
    ]
    listed = stack_set.client.list_stack_set_operations(StackSetName=stack_set.name)["Summaries"]

    for operation in operations:
        assert stack_set.operation(operation)["OperationPreferences"] == preferences
    assert [one["OperationPreferences"] for one in listed] == [preferences] * len(operations)


def test_a_failure_in_one_account_does_not_affect_others(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    operation = stack_set.deploy(workloads, preferences=TOLERANT)
    described = stack_set.operation(operation)

    assert stack_set.statuses() == {FIRST: FAILED, SECOND: CURRENT, THIRD: CURRENT}
    assert described["Status"] == "SUCCEEDED"
    assert described["StatusDetails"] == {"FailedStackInstancesCount": 1}
    assert described["OperationPreferences"]["FailureTolerancePercentage"] == 100


def test_a_failure_over_the_tolerance_stops_the_operation(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    operation = stack_set.deploy(workloads)

    assert stack_set.operation(operation)["Status"] == "FAILED"
    assert stack_set.statuses() == {FIRST: FAILED, SECOND: CANCELLED, THIRD: CANCELLED}
    assert stack_set.results(operation)[SECOND]["Status"] == "CANCELLED"
    assert not stack_set.has_resources(SECOND)


@pytest.mark.parametrize(
    ("preferences", "last"),
    [
        ({"FailureToleranceCount": 1, "MaxConcurrentCount": 3}, CANCELLED),
        ({"FailureTolerancePercentage": 66, "MaxConcurrentPercentage": 100}, CANCELLED),
        (
            {
                "FailureToleranceCount": 1,
                "MaxConcurrentCount": 3,
                "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
            },
            CURRENT,
        ),
        (
            {
                "FailureToleranceCount": 1,
                "MaxConcurrentCount": 3,
                "ConcurrencyMode": "STRICT_FAILURE_TOLERANCE",
            },
            CANCELLED,
        ),
        (
            {
                "FailureTolerancePercentage": 40,
                "MaxConcurrentPercentage": 100,
                "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
            },
            CURRENT,
        ),
        ({"FailureToleranceCount": 2}, CURRENT),
    ],
)
def test_concurrent_deployments_finish_after_the_tolerance_is_exceeded(
    preferences: dict[str, Any],
    last: tuple[str, str],
    stack_set: DeployedStackSet,
    workloads: str,
) -> None:
    stack_set.block(FIRST)
    stack_set.block(SECOND)
    stack_set.deploy(workloads, preferences=preferences)

    assert stack_set.statuses() == {FIRST: FAILED, SECOND: FAILED, THIRD: last}


def test_results_and_instances_have_the_reason_of_a_failure(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    operation = stack_set.deploy(workloads, preferences=TOLERANT)
    reason = f"ResourceStatusReason:Role with name {stack_set.name} already exists."
    instance = next(one for one in stack_set.summaries() if one["Account"] == FIRST)

    assert stack_set.results(operation)[FIRST]["StatusReason"] == reason
    assert instance["StatusReason"] == reason
    assert "StackId" not in instance


def test_an_existing_rule_fails_the_deployment(
    sandbox: Sandbox, stack_set: DeployedStackSet, workloads: str
) -> None:
    events = sandbox.client("events", FIRST)
    events.put_rule(Name=stack_set.name, EventPattern='{"source": ["own"]}')
    operation = stack_set.deploy(workloads, preferences=TOLERANT)
    roles = sandbox.client("iam", FIRST).list_roles()["Roles"]

    assert "already exists" in stack_set.results(operation)[FIRST]["StatusReason"]
    assert events.describe_rule(Name=stack_set.name)["EventPattern"] == '{"source": ["own"]}'
    assert stack_set.name not in {role["RoleName"] for role in roles}


@pytest.mark.parametrize(
    ("part", "mistake", "reason"),
    [
        ("      EventPattern:\n        source: [aws.signin]\n", "", "EventPattern"),
        ("Effect: Allow", "Effect: Perhaps", "Syntax errors in policy"),
        ("      AssumeRolePolicyDocument:", "      TrustPolicy:", "AssumeRolePolicyDocument"),
    ],
)
def test_a_failed_creation_is_rolled_back(
    part: str, mistake: str, reason: str, sandbox: Sandbox, workloads: str
) -> None:
    stack_set = DeployedStackSet(sandbox, STATIC)
    stack_set.update(
        UsePreviousTemplate=False,
        TemplateBody=TEMPLATE.replace(part, mistake),
        Parameters=stack_set.parameters(),
    )
    operation = stack_set.deploy(workloads, preferences=TOLERANT)

    assert set(stack_set.statuses().values()) == {FAILED}
    assert reason in stack_set.results(operation)[FIRST]["StatusReason"]
    assert not stack_set.has_resources(FIRST)


def test_create_stack_instances_retries_only_outdated_instances(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    stack_set.deploy(workloads, preferences=TOLERANT)
    stacks = {one["Account"]: one.get("StackId") for one in stack_set.summaries()}
    stack_set.unblock(FIRST)
    stack_set.deploy(workloads)
    after = {one["Account"]: one["StackId"] for one in stack_set.summaries()}

    assert stack_set.has_resources(FIRST)
    assert (after[SECOND], after[THIRD]) == (stacks[SECOND], stacks[THIRD])


def test_a_failed_region_cancels_the_next_regions(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    preferences = {"RegionOrder": [OTHER_REGION, REGION]}
    stack_set.deploy(workloads, regions=[REGION, OTHER_REGION], preferences=preferences)
    details = {
        (one["Account"], one["Region"]): one["StackInstanceStatus"]["DetailedStatus"]
        for one in stack_set.summaries()
    }

    assert details[FIRST, OTHER_REGION] == "FAILED"
    assert {details[account, REGION] for account in (FIRST, SECOND)} == {"CANCELLED"}


@pytest.mark.usefixtures("_suspended")
def test_a_suspended_account_is_skipped_without_a_failure(
    stack_set: DeployedStackSet, workloads: str
) -> None:
    operation = stack_set.deploy(workloads)

    assert stack_set.operation(operation)["Status"] == "SUCCEEDED"
    assert stack_set.statuses() == {FIRST: SKIPPED, SECOND: CURRENT, THIRD: CURRENT}


def test_an_operation_id_is_unique(stack_set: DeployedStackSet, workloads: str) -> None:
    request: dict[str, Any] = {
        "StackSetName": stack_set.name,
        "DeploymentTargets": {"OrganizationalUnitIds": [workloads]},
        "Regions": [REGION],
        "OperationId": "terraform-1",
    }
    stack_set.client.create_stack_instances(**request)
    with pytest.raises(ClientError) as again:
        stack_set.client.create_stack_instances(**request)
    with pytest.raises(ClientError) as unknown:
        stack_set.operation("terraform-2")

    assert stack_set.operation("terraform-1")["Status"] == "SUCCEEDED"
    assert code_of(again.value) == "OperationIdAlreadyExistsException"
    assert code_of(unknown.value) == "OperationNotFoundException"
    assert stack_set.operations() == [("CREATE", "SUCCEEDED")]


FIRST, SECOND, THIRD = (member.id for member in MEMBERS)


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

"""Operations on stack instances: what fails, what that stops, and what becomes of the rest."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import MEMBERS
from sandbox.tests.cloudformation.stack_set_helper import (
    CURRENT,
    FAILED,
    FOLLOWING,
    STATIC,
    TEMPLATE,
    TOLERANT,
    StackSet,
    unit_id,
)
from sandbox.tests.resources import REGION, code_of, message_of

FIRST, SECOND, THIRD = (member.id for member in MEMBERS)
OTHER_REGION = "eu-central-1"
CANCELLED = ("OUTDATED", "CANCELLED")
SKIPPED = ("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT")


@pytest.fixture
def stack_set(sandbox: Sandbox) -> StackSet:
    return StackSet(sandbox, FOLLOWING)


@pytest.fixture
def workloads(sandbox: Sandbox) -> str:  # noqa: ARG001  there is a unit when it runs
    return unit_id("Workloads")


@pytest.fixture
def _suspended(sandbox: Sandbox) -> Iterator[None]:  # noqa: ARG001  there is an account when it runs
    organization.suspend(FIRST)
    yield
    organization.reinstate(FIRST)


@pytest.mark.parametrize(
    ("preferences", "reason"),
    [
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
    ],
)
def test_preferences_that_make_no_sense_are_refused(
    preferences: dict[str, Any], reason: str, stack_set: StackSet, workloads: str
) -> None:
    with pytest.raises(ClientError) as refused:
        stack_set.deploy(workloads, preferences=preferences)

    assert code_of(refused.value) == "ValidationError"
    assert reason in message_of(refused.value)
    assert not stack_set.accounts()


@pytest.mark.parametrize("mode", ["STRICT_FAILURE_TOLERANCE", "SOFT_FAILURE_TOLERANCE"])
def test_preferences_are_answered_as_they_were_given(
    mode: str, stack_set: StackSet, workloads: str
) -> None:
    preferences = {**TOLERANT, "RegionConcurrencyType": "PARALLEL", "ConcurrencyMode": mode}
    operations = [
        stack_set.deploy(workloads, preferences=preferences),
        stack_set.update(OperationPreferences=preferences),
        stack_set.withdraw(workloads, preferences=preferences),
    ]
    listed = stack_set.client.list_stack_set_operations(StackSetName=stack_set.name)["Summaries"]

    for operation in operations:
        assert stack_set.operation(operation)["OperationPreferences"] == preferences
    assert [one["OperationPreferences"] for one in listed] == [preferences] * len(operations)


def test_one_broken_account_keeps_no_other_uncovered(stack_set: StackSet, workloads: str) -> None:
    stack_set.block(FIRST)
    operation = stack_set.deploy(workloads, preferences=TOLERANT)
    described = stack_set.operation(operation)

    assert stack_set.statuses() == {FIRST: FAILED, SECOND: CURRENT, THIRD: CURRENT}
    assert described["Status"] == "SUCCEEDED"
    assert described["StatusDetails"] == {"FailedStackInstancesCount": 1}
    assert described["OperationPreferences"]["FailureTolerancePercentage"] == 100


def test_a_failure_that_is_not_tolerated_stops_the_operation(
    stack_set: StackSet, workloads: str
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
def test_what_was_begun_before_the_tolerance_was_exceeded_is_finished(
    preferences: dict[str, Any],
    last: tuple[str, str],
    stack_set: StackSet,
    workloads: str,
) -> None:
    stack_set.block(FIRST)
    stack_set.block(SECOND)
    stack_set.deploy(workloads, preferences=preferences)

    assert stack_set.statuses() == {FIRST: FAILED, SECOND: FAILED, THIRD: last}


def test_the_reason_of_a_failure_is_told(stack_set: StackSet, workloads: str) -> None:
    stack_set.block(FIRST)
    operation = stack_set.deploy(workloads, preferences=TOLERANT)
    reason = f"ResourceStatusReason:Role with name {stack_set.name} already exists."
    instance = next(one for one in stack_set.summaries() if one["Account"] == FIRST)

    assert stack_set.results(operation)[FIRST]["StatusReason"] == reason
    assert instance["StatusReason"] == reason
    assert "StackId" not in instance


def test_a_rule_of_that_name_is_not_taken_over(
    sandbox: Sandbox, stack_set: StackSet, workloads: str
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
def test_a_failed_creation_leaves_nothing(
    part: str, mistake: str, reason: str, sandbox: Sandbox, workloads: str
) -> None:
    stack_set = StackSet(sandbox, STATIC)
    stack_set.update(
        UsePreviousTemplate=False,
        TemplateBody=TEMPLATE.replace(part, mistake),
        Parameters=stack_set.parameters(),
    )
    operation = stack_set.deploy(workloads, preferences=TOLERANT)

    assert set(stack_set.statuses().values()) == {FAILED}
    assert reason in stack_set.results(operation)[FIRST]["StatusReason"]
    assert not stack_set.has_resources(FIRST)


def test_what_is_outdated_is_tried_again_and_nothing_else(
    stack_set: StackSet, workloads: str
) -> None:
    stack_set.block(FIRST)
    stack_set.deploy(workloads, preferences=TOLERANT)
    stacks = {one["Account"]: one.get("StackId") for one in stack_set.summaries()}
    stack_set.unblock(FIRST)
    stack_set.deploy(workloads)
    after = {one["Account"]: one["StackId"] for one in stack_set.summaries()}

    assert stack_set.has_resources(FIRST)
    assert (after[SECOND], after[THIRD]) == (stacks[SECOND], stacks[THIRD])


def test_a_region_that_failed_cancels_those_that_follow(
    stack_set: StackSet, workloads: str
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
def test_a_suspended_account_is_skipped_and_counts_as_no_failure(
    stack_set: StackSet, workloads: str
) -> None:
    operation = stack_set.deploy(workloads)

    assert stack_set.operation(operation)["Status"] == "SUCCEEDED"
    assert stack_set.statuses() == {FIRST: SKIPPED, SECOND: CURRENT, THIRD: CURRENT}


def test_an_operation_has_the_id_that_it_was_given_and_no_other_has_it(
    stack_set: StackSet, workloads: str
) -> None:
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

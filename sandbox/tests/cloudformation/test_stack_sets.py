"""The deployment targets of service-managed stack sets."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    Account,
    join,
    move,
)
from sandbox.tests.cloudformation.stack_set_helper import (
    FOLLOWING,
    TEMPLATE,
    DeployedStackSet,
    create_unit,
    unit_id,
)
from sandbox.tests.resources import REGION, code_of, message_of

MEMBER_IDS = {member.id for member in MEMBERS}
PAYMENTS, WEBSITE, RESEARCH = (member.id for member in MEMBERS)
NESTED = Account("777777777777", "nested")
OTHER_REGION = "eu-central-1"


@pytest.fixture(scope="module")
def units(sandbox: Sandbox) -> dict[str, str]:
    """The IDs of units by name; Nested is in Workloads and has one account."""
    ids = {name: unit_id(name) for name in ("Workloads", "Security")}
    ids["Nested"] = create_unit(sandbox, ids["Workloads"])
    join(NESTED)
    move(NESTED.id, ids["Nested"])
    return ids


@pytest.fixture
def stack_set(sandbox: Sandbox, units: dict[str, str]) -> DeployedStackSet:  # noqa: ARG001  all accounts are there
    return DeployedStackSet(sandbox, FOLLOWING)


def test_a_unit_includes_the_accounts_of_its_children(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"])

    assert stack_set.accounts() == MEMBER_IDS | {NESTED.id}
    assert all(stack_set.has_resources(account) for account in stack_set.accounts())
    assert not stack_set.has_resources(SECURITY.id)


def test_a_nested_unit_excludes_the_accounts_of_its_parent(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Nested"])

    assert stack_set.accounts() == {NESTED.id}


def test_the_root_includes_all_accounts_except_management(stack_set: DeployedStackSet) -> None:
    stack_set.deploy(ROOT_ID)

    assert stack_set.accounts() == MEMBER_IDS | {LOG_ARCHIVE.id, SECURITY.id, NESTED.id}
    assert not stack_set.has_resources(MANAGEMENT.id)


def test_overlapping_targets_create_one_instance(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"], units["Nested"])

    summaries = stack_set.summaries()
    assert sorted(one["Account"] for one in summaries) == sorted(MEMBER_IDS | {NESTED.id})
    assert {one["OrganizationalUnitId"] for one in summaries} == {units["Workloads"]}


@pytest.mark.parametrize(
    ("filter_", "accounts", "reached"),
    [
        ("DIFFERENCE", [PAYMENTS, SECURITY.id], {WEBSITE, RESEARCH, NESTED.id}),
        ("INTERSECTION", [PAYMENTS, SECURITY.id], {PAYMENTS}),
        ("NONE", [], MEMBER_IDS | {NESTED.id}),
    ],
)
def test_account_filters_limit_the_targets(
    filter_: str,
    accounts: list[str],
    reached: set[str],
    stack_set: DeployedStackSet,
    units: dict[str, str],
) -> None:
    listed = {"Accounts": accounts} if accounts else {}
    stack_set.deploy(units["Workloads"], AccountFilterType=filter_, **listed)

    assert stack_set.accounts() == reached


WORKLOADS = "Workloads"


def test_invalid_targets_are_refused(stack_set: DeployedStackSet, units: dict[str, str]) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Accounts": [PAYMENTS]}, "can only have OrganizationalUnit as target"),
        ({"OrganizationalUnitIds": [WORKLOADS], "Accounts": [PAYMENTS]}, "AccountFilterType must"),
        (
            {
                "OrganizationalUnitIds": [WORKLOADS],
                "Accounts": [PAYMENTS],
                "AccountFilterType": "UNION",
            },
            "UNION is not supported",
        ),
        (
            {"OrganizationalUnitIds": [WORKLOADS], "AccountFilterType": "DIFFERENCE"},
            "DIFFERENCE requires Accounts",
        ),
        (
            {
                "OrganizationalUnitIds": [WORKLOADS],
                "Accounts": ["payments"],
                "AccountFilterType": "DIFFERENCE",
            },
            "'payments' at 'deploymentTargets.accounts'",
        ),
        (
            {
                "OrganizationalUnitIds": [WORKLOADS],
                "Accounts": [PAYMENTS],
                "AccountFilterType": "NONE",
            },
            "NONE does not support Accounts",
        ),
        ({"OrganizationalUnitIds": ["ou-exam-00000000"]}, "does not exist"),
        ({"OrganizationalUnitIds": ["o-exampleorgid"]}, "failed to satisfy constraint"),
    ]
    for document, reason in cases:
        named = [units.get(unit, unit) for unit in document.get("OrganizationalUnitIds", [])]
        targets = {**document, "OrganizationalUnitIds": named}

        with pytest.raises(ClientError) as refused:
            stack_set.client.create_stack_instances(
                StackSetName=stack_set.name, DeploymentTargets=targets, Regions=[REGION]
            )

        assert code_of(refused.value) == "ValidationError", (targets, reason)
        assert reason in message_of(refused.value), (targets, reason)
        assert not stack_set.accounts(), (targets, reason)


def test_accounts_without_units_are_refused(stack_set: DeployedStackSet) -> None:
    with pytest.raises(ClientError) as refused:
        stack_set.client.create_stack_instances(
            StackSetName=stack_set.name, Accounts=[PAYMENTS], Regions=[REGION]
        )

    assert "can only have OrganizationalUnit as target" in message_of(refused.value)


def test_an_unknown_region_is_refused(stack_set: DeployedStackSet, units: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        stack_set.deploy(units["Workloads"], regions=["us-east-11"])

    assert message_of(refused.value) == "Region us-east-11 does not exist"


def test_deleting_instances_deletes_their_resources(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"], units["Security"])

    stack_set.delete_instances(units["Workloads"])

    assert stack_set.accounts() == {LOG_ARCHIVE.id, SECURITY.id}
    assert not any(stack_set.has_resources(account) for account in MEMBER_IDS)
    assert stack_set.has_resources(SECURITY.id)


def test_deleting_instances_can_retain_their_stacks(
    sandbox: Sandbox, stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Security"])
    (stack,) = (one["StackId"] for one in stack_set.summaries() if one["Account"] == SECURITY.id)
    stack_set.delete_instances(units["Security"], retain=True)
    own = sandbox.client("cloudformation", SECURITY.id).describe_stacks(StackName=stack)["Stacks"]

    assert not stack_set.accounts()
    assert stack_set.has_resources(SECURITY.id)
    assert [one["StackStatus"] for one in own] == ["CREATE_COMPLETE"]
    assert own[0]["StackName"].startswith(f"StackSet-{stack_set.name}-")


def test_account_filters_limit_the_deletion(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"])

    stack_set.delete_instances(
        units["Workloads"], AccountFilterType="DIFFERENCE", Accounts=[PAYMENTS]
    )
    left = stack_set.accounts()
    stack_set.delete_instances(
        units["Workloads"], AccountFilterType="INTERSECTION", Accounts=[PAYMENTS]
    )

    assert left == {PAYMENTS}
    assert not stack_set.accounts()


def test_deleting_instances_of_another_unit_is_refused(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"])
    stack_set.delete_instances(units["Workloads"])

    for unit in (units["Security"], units["Workloads"]):
        with pytest.raises(ClientError) as refused:
            stack_set.delete_instances(unit)
        assert message_of(refused.value) == f"Organizational unit {unit} not found in StackSet"


def test_an_empty_unit_can_be_a_target(sandbox: Sandbox, stack_set: DeployedStackSet) -> None:
    empty = create_unit(sandbox, ROOT_ID)
    operation = stack_set.deploy(empty)
    targets = stack_set.client.list_stack_set_auto_deployment_targets(StackSetName=stack_set.name)

    assert stack_set.operation(operation)["Status"] == "SUCCEEDED"
    assert targets["Summaries"] == [{"OrganizationalUnitId": empty, "Regions": [REGION]}]


def test_a_stack_set_with_instances_cannot_be_deleted(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Security"])
    with pytest.raises(ClientError) as refused:
        stack_set.client.delete_stack_set(StackSetName=stack_set.name)
    stack_set.delete_instances(units["Security"])
    stack_set.client.delete_stack_set(StackSetName=stack_set.name)
    active = stack_set.client.list_stack_sets(Status="ACTIVE")["Summaries"]

    assert code_of(refused.value) == "StackSetNotEmptyException"
    assert stack_set.name not in {one["StackSetName"] for one in active}
    with pytest.raises(ClientError) as gone:
        stack_set.client.describe_stack_set(StackSetName=stack_set.name)
    assert code_of(gone.value) == "StackSetNotFoundException"


def test_describe_stack_set_returns_the_settings(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Security"], regions=[REGION, OTHER_REGION])
    description = stack_set.client.describe_stack_set(StackSetName=stack_set.name)["StackSet"]

    assert description["AutoDeployment"] == FOLLOWING
    assert description["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert description["PermissionModel"] == "SERVICE_MANAGED"
    assert description["TemplateBody"] == TEMPLATE
    assert description["Parameters"] == stack_set.parameters()
    assert description["OrganizationalUnitIds"] == [units["Security"]]
    assert description["Regions"] == sorted([REGION, OTHER_REGION])


def test_an_instance_is_described_and_found_by_account_and_region(
    stack_set: DeployedStackSet, units: dict[str, str]
) -> None:
    operation = stack_set.deploy(units["Security"], regions=[REGION])
    where = {"StackInstanceAccount": SECURITY.id, "StackInstanceRegion": REGION}
    asked = {"StackSetName": stack_set.name}
    instance = stack_set.client.describe_stack_instance(**asked, **where)["StackInstance"]
    listed = stack_set.client.list_stack_instances(**asked, **where)["Summaries"]

    assert [one["Account"] for one in listed] == [SECURITY.id]
    assert (instance["Status"], instance["OrganizationalUnitId"]) == ("CURRENT", units["Security"])
    assert instance["StackInstanceStatus"] == {"DetailedStatus": "SUCCEEDED"}
    assert instance["LastOperationId"] == operation
    with pytest.raises(ClientError) as missing:
        stack_set.client.describe_stack_instance(
            **asked, StackInstanceAccount=PAYMENTS, StackInstanceRegion=REGION
        )
    assert code_of(missing.value) == "StackInstanceNotFoundException"


def test_instances_are_listed_in_pages(stack_set: DeployedStackSet, units: dict[str, str]) -> None:
    stack_set.deploy(units["Workloads"])
    listing = stack_set.client.get_paginator("list_stack_instances")
    pages = list(listing.paginate(StackSetName=stack_set.name, PaginationConfig={"PageSize": 3}))

    assert [len(page["Summaries"]) for page in pages] == [3, 1]
    assert {one["Account"] for page in pages for one in page["Summaries"]} == stack_set.accounts()
    with pytest.raises(ClientError) as refused:
        stack_set.client.list_stack_instances(StackSetName=stack_set.name, NextToken="second")
    assert message_of(refused.value) == "got 'second', expected the token of a previous page"

"""A service-managed stack set reaches every account below its targets but the management one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.organization import (
    ACCOUNTS,
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    Account,
    join,
)
from tests.service.sandbox_resources import REGION, trusting, unique

if TYPE_CHECKING:
    from sandbox.local import Sandbox

MEMBER_IDS = {member.id for member in MEMBERS}
NESTED = Account("777777777777", "nested")


class StackSet:
    """One that makes a role of its own name in every account that it reaches."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.name = unique("stack-set")
        self._sandbox = sandbox
        self._client = sandbox.client("cloudformation", MANAGEMENT.id)
        role = {
            "RoleName": self.name,
            "AssumeRolePolicyDocument": json.loads(trusting({"AWS": SECURITY.id})),
        }
        resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}
        self._client.create_stack_set(
            StackSetName=self.name,
            TemplateBody=json.dumps({"Resources": resources}),
            PermissionModel="SERVICE_MANAGED",
            AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    def deploy(self, *targets: str) -> None:
        self._client.create_stack_instances(
            StackSetName=self.name,
            DeploymentTargets={"OrganizationalUnitIds": list(targets)},
            Regions=[REGION],
        )

    def withdraw(self, *targets: str) -> None:
        self._client.delete_stack_instances(
            StackSetName=self.name,
            DeploymentTargets={"OrganizationalUnitIds": list(targets)},
            Regions=[REGION],
            RetainStacks=False,
        )

    def description(self) -> Any:
        return self._client.describe_stack_set(StackSetName=self.name)["StackSet"]

    def instances(self) -> list[str]:
        pages = self._client.get_paginator("list_stack_instances").paginate(StackSetName=self.name)
        return sorted(one["Account"] for page in pages for one in page["Summaries"])

    def accounts_with_the_role(self) -> set[str]:
        return {
            account
            for account in (*(known.id for known in ACCOUNTS), NESTED.id)
            if self._has_role(account)
        }

    def _has_role(self, account: str) -> bool:
        roles = self._sandbox.client("iam", account).list_roles()["Roles"]
        return any(role["RoleName"] == self.name for role in roles)


@pytest.fixture(scope="module")
def units(sandbox: Sandbox) -> dict[str, str]:
    """The units' ids by name; Nested stands in Workloads and holds an account of its own."""
    organizations = sandbox.client("organizations")
    listed = organizations.list_organizational_units_for_parent(ParentId=ROOT_ID)
    ids = {unit["Name"]: unit["Id"] for unit in listed["OrganizationalUnits"]}
    nested = organizations.create_organizational_unit(ParentId=ids["Workloads"], Name="Nested")
    ids["Nested"] = nested["OrganizationalUnit"]["Id"]
    join(NESTED)
    organizations.move_account(
        AccountId=NESTED.id, SourceParentId=ROOT_ID, DestinationParentId=ids["Nested"]
    )
    return ids


@pytest.fixture
def stack_set(sandbox: Sandbox) -> StackSet:
    return StackSet(sandbox)


def test_a_unit_covers_its_accounts_and_those_of_units_below(
    stack_set: StackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"])

    assert stack_set.accounts_with_the_role() == MEMBER_IDS | {NESTED.id}
    assert stack_set.instances() == sorted(MEMBER_IDS | {NESTED.id})


def test_a_nested_unit_covers_nothing_above_it(stack_set: StackSet, units: dict[str, str]) -> None:
    stack_set.deploy(units["Nested"])

    assert stack_set.accounts_with_the_role() == {NESTED.id}


@pytest.mark.usefixtures("units")
def test_the_root_covers_all_but_the_management_account(stack_set: StackSet) -> None:
    stack_set.deploy(ROOT_ID)

    covered = stack_set.accounts_with_the_role()
    assert covered == MEMBER_IDS | {LOG_ARCHIVE.id, SECURITY.id, NESTED.id}
    assert MANAGEMENT.id not in stack_set.instances()


def test_targets_that_overlap_reach_an_account_once(
    stack_set: StackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"], units["Nested"])

    assert stack_set.instances() == sorted(MEMBER_IDS | {NESTED.id})


def test_instances_deleted_by_unit_take_their_roles_along(
    stack_set: StackSet, units: dict[str, str]
) -> None:
    stack_set.deploy(units["Workloads"], units["Security"])

    stack_set.withdraw(units["Workloads"])

    assert stack_set.accounts_with_the_role() == {LOG_ARCHIVE.id, SECURITY.id}
    assert stack_set.instances() == [LOG_ARCHIVE.id, SECURITY.id]


def test_what_a_plan_compares_is_remembered(stack_set: StackSet) -> None:
    description = stack_set.description()

    assert description["AutoDeployment"]["Enabled"] is True
    assert description["AutoDeployment"]["RetainStacksOnAccountRemoval"] is False
    assert description["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert description["PermissionModel"] == "SERVICE_MANAGED"

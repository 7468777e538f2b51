"""Automatic deployment to accounts that join, move and leave."""

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, ROOT_ID, Account, new_number
from sandbox.tests.cloudformation.stack_set_helper import (
    CURRENT,
    FOLLOWING,
    RETAINING,
    STATIC,
    TOLERANT,
    DeployedStackSet,
    create_unit,
    unit_id,
)
from sandbox.tests.resources import REGION, unique

OTHER_REGION = "eu-central-1"
CREATED = ("CREATE", "SUCCEEDED")
DELETED = ("DELETE", "SUCCEEDED")


@pytest.fixture
def unit(sandbox: Sandbox) -> str:
    """An empty unit in the root."""
    return create_unit(sandbox, ROOT_ID)


def deployed(
    sandbox: Sandbox, *units: str, auto_deployment: Mapping[str, bool] = FOLLOWING
) -> DeployedStackSet:
    stack_set = DeployedStackSet(sandbox, auto_deployment)
    stack_set.deploy(*units, preferences=TOLERANT)
    return stack_set


def joined() -> str:
    """A new account in the root."""
    account = Account(new_number(), unique("account"))
    organization.join(account)
    return account.id


def test_an_account_that_joins_a_target_root_gets_an_instance(sandbox: Sandbox) -> None:
    stack_set = deployed(sandbox, ROOT_ID)
    account = joined()

    assert stack_set.statuses()[account] == CURRENT
    assert stack_set.has_resources(account)
    assert stack_set.operations() == [CREATED, CREATED]


def test_an_account_that_moves_into_a_target_gets_an_instance(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    account = joined()
    before = stack_set.accounts()
    organization.move(account, unit)
    (instance,) = stack_set.summaries()

    assert before == set()
    assert (instance["Account"], instance["Region"]) == (account, REGION)
    assert instance["OrganizationalUnitId"] == unit
    assert stack_set.has_resources(account)


def test_an_account_that_moves_into_a_child_of_a_target_gets_an_instance(
    sandbox: Sandbox, unit: str
) -> None:
    below = create_unit(sandbox, create_unit(sandbox, unit))
    stack_set = deployed(sandbox, unit)
    account = joined()
    organization.move(account, below)
    (instance,) = stack_set.summaries()

    assert (instance["Account"], instance["OrganizationalUnitId"]) == (account, unit)


def test_an_account_gets_an_instance_in_every_region_of_the_target(
    sandbox: Sandbox, unit: str
) -> None:
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    # The role is the whole account's, so one stack set makes it in one Region only.
    stack_set.deploy(unit, regions=[REGION, OTHER_REGION])
    account = joined()
    organization.move(account, unit)
    details = {
        one["Region"]: one["StackInstanceStatus"]["DetailedStatus"] for one in stack_set.summaries()
    }

    assert sorted(details.values()) == ["FAILED", "SUCCEEDED"]
    assert set(details) == {REGION, OTHER_REGION}


def test_the_instance_of_an_account_that_leaves_all_targets_is_deleted(
    sandbox: Sandbox, unit: str
) -> None:
    stack_set = deployed(sandbox, unit)
    account = joined()
    organization.move(account, unit)
    organization.move(account, ROOT_ID)

    assert not stack_set.accounts()
    assert not stack_set.has_resources(account)
    assert stack_set.operations()[-1] == DELETED


def test_the_instance_of_an_account_that_leaves_the_organization_is_deleted(
    sandbox: Sandbox, unit: str
) -> None:
    stack_set = deployed(sandbox, unit)
    account = joined()
    organization.move(account, unit)
    organization.leave(account)

    assert not stack_set.accounts()
    assert not stack_set.has_resources(account)


def test_a_retained_stack_remains_in_the_account(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit, auto_deployment=RETAINING)
    account = joined()
    organization.move(account, unit)
    organization.move(account, ROOT_ID)

    assert not stack_set.accounts()
    assert stack_set.has_resources(account)


def test_a_retained_stack_fails_the_next_deployment(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit, auto_deployment=RETAINING)
    account = joined()
    for target in (unit, ROOT_ID, unit):
        organization.move(account, target)

    assert stack_set.statuses() == {account: ("OUTDATED", "FAILED")}
    assert stack_set.operations()[-1] == ("CREATE", "FAILED")


def test_a_move_within_a_target_changes_nothing(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, ROOT_ID)
    account = joined()
    before = stack_set.operations()
    organization.move(account, unit)

    assert stack_set.operations() == before
    assert stack_set.statuses()[account] == CURRENT


def test_a_move_to_another_target_replaces_the_instance(sandbox: Sandbox, unit: str) -> None:
    second = create_unit(sandbox, ROOT_ID)
    stack_set = deployed(sandbox, unit, second)
    account = joined()
    organization.move(account, unit)
    (before,) = stack_set.summaries()
    organization.move(account, second)
    (after,) = stack_set.summaries()

    assert stack_set.operations()[-2:] == [DELETED, CREATED]
    assert after["StackId"] != before["StackId"]
    assert after["OrganizationalUnitId"] == second
    assert stack_set.has_resources(account)


def test_a_move_to_the_parent_target_keeps_the_instance(sandbox: Sandbox, unit: str) -> None:
    below = create_unit(sandbox, unit)
    stack_set = deployed(sandbox, below, unit)
    account = joined()
    organization.move(account, below)
    (before,) = stack_set.summaries()
    organization.move(account, unit)
    (after,) = stack_set.summaries()

    assert after["StackId"] == before["StackId"]
    assert (before["OrganizationalUnitId"], after["OrganizationalUnitId"]) == (below, unit)


def test_without_automatic_deployment_instances_stay(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit, auto_deployment=STATIC)
    here, later = joined(), joined()
    organization.move(here, unit)
    stack_set.deploy(unit)
    organization.move(later, unit)
    organization.move(here, ROOT_ID)

    assert stack_set.accounts() == {here}
    assert stack_set.has_resources(here)
    assert not stack_set.has_resources(later)


def test_automatic_deployment_can_be_enabled_later(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit, auto_deployment=STATIC)
    stack_set.update(AutoDeployment=FOLLOWING)
    account = joined()
    organization.move(account, unit)

    assert stack_set.accounts() == {account}


def test_automatic_deployment_ignores_account_filters(sandbox: Sandbox, unit: str) -> None:
    excluded, other = joined(), joined()
    organization.move(excluded, unit)
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    stack_set.deploy(unit, AccountFilterType="DIFFERENCE", Accounts=[excluded, other])
    at_first = stack_set.accounts()
    organization.move(other, unit)
    organization.move(excluded, ROOT_ID)
    organization.move(excluded, unit)

    assert at_first == set()
    assert stack_set.accounts() == {other, excluded}


def test_an_excluded_account_stays_excluded_within_its_target(sandbox: Sandbox, unit: str) -> None:
    below, excluded = create_unit(sandbox, unit), joined()
    organization.move(excluded, unit)
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    stack_set.deploy(unit, AccountFilterType="DIFFERENCE", Accounts=[excluded])
    organization.move(excluded, below)

    assert not stack_set.accounts()


def test_delete_stack_instances_includes_automatic_deployments(sandbox: Sandbox, unit: str) -> None:
    excluded, account = joined(), joined()
    organization.move(excluded, unit)
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    targets: dict[str, Any] = {"AccountFilterType": "DIFFERENCE", "Accounts": [excluded]}
    stack_set.deploy(unit, **targets)
    organization.move(account, unit)
    before = stack_set.accounts()
    stack_set.delete_instances(unit, **targets)
    stack_set.client.delete_stack_set(StackSetName=stack_set.name)

    assert before == {account}
    assert not stack_set.has_resources(account)


def test_a_removed_target_is_no_longer_followed(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    stack_set.delete_instances(unit)
    organization.move(joined(), unit)

    assert not stack_set.accounts()


def test_a_failure_in_one_account_does_not_affect_others(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    broken, sound = joined(), joined()
    stack_set.block(broken)
    organization.move(broken, unit)
    organization.move(sound, unit)

    assert stack_set.statuses() == {broken: ("OUTDATED", "FAILED"), sound: CURRENT}


def test_a_suspended_account_is_skipped(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    suspended, sound = joined(), joined()
    organization.suspend(suspended)
    organization.move(suspended, unit)
    organization.move(sound, unit)
    organization.reinstate(suspended)

    assert stack_set.statuses() == {
        suspended: ("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
        sound: CURRENT,
    }
    assert not stack_set.has_resources(suspended)


def test_the_management_account_gets_no_instance(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    organization.move(MANAGEMENT.id, unit)
    there = stack_set.accounts()
    organization.move(MANAGEMENT.id, ROOT_ID)

    assert there == set()
    assert stack_set.operations() == [CREATED]


def test_automatic_deployment_requires_trusted_access(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    stack_set.client.deactivate_organizations_access()
    organization.move(joined(), unit)
    stack_set.client.activate_organizations_access()

    assert not stack_set.accounts()


def test_automatic_deployment_follows_moves_by_the_api(sandbox: Sandbox, unit: str) -> None:
    stack_set = deployed(sandbox, unit)
    account, client = MEMBERS[0].id, sandbox.client("organizations")
    home = unit_id("Workloads")
    move = {"AccountId": account, "SourceParentId": home, "DestinationParentId": unit}
    client.move_account(**move)
    there = stack_set.accounts()
    client.move_account(**{**move, "SourceParentId": unit, "DestinationParentId": home})

    assert there == {account}
    assert not stack_set.accounts()
    assert not stack_set.has_resources(account)


def test_automatic_deployment_follows_many_accounts(sandbox: Sandbox) -> None:
    stack_set = deployed(sandbox, unit_id("Workloads"))
    before = stack_set.accounts()
    accounts = {account.id for account in organization.join_many(300, "Workloads")}

    assert stack_set.accounts() == before | accounts
    assert set(stack_set.statuses().values()) == {CURRENT}

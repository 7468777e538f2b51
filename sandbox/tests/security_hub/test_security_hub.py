"""Security Hub in the organization of the sandbox: accounts are invited, move and leave."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.local import REGION, Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import MANAGEMENT, ROOT_ID, SECURITY, Account

LINKED = "eu-west-1"
WORKLOADS = "Workloads"
ON = {
    "SecurityHub": {
        "ServiceEnabled": True,
        "EnabledStandardIdentifiers": [],
        "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
    }
}


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[Any]:
    """The administrator, which is deregistered afterwards."""
    management = sandbox.client("securityhub")
    management.enable_organization_admin_account(AdminAccountId=SECURITY.id)
    yield sandbox.client("securityhub", SECURITY.id)
    sandbox.client("organizations").deregister_delegated_administrator(
        AccountId=SECURITY.id, ServicePrincipal="securityhub.amazonaws.com"
    )


@pytest.fixture
def _in_workloads(admin: Any) -> Iterator[None]:
    """Central configuration for one unit."""
    aggregator = admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "CENTRAL"}
    )
    policy = admin.create_configuration_policy(Name="on", ConfigurationPolicy=ON)["Id"]
    (unit,) = (one.id for one in organization.organization().ou if one.name == WORKLOADS)
    association = {
        "ConfigurationPolicyIdentifier": policy,
        "Target": {"OrganizationalUnitId": unit},
    }
    admin.start_configuration_policy_association(**association)
    yield
    admin.start_configuration_policy_disassociation(**association)
    admin.delete_configuration_policy(Identifier=policy)
    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
    )
    admin.delete_finding_aggregator(FindingAggregatorArn=aggregator["FindingAggregatorArn"])


def new_account(name: str) -> Account:
    account = Account(organization.new_number(), name)
    organization.join(account)
    return account


def is_enabled(sandbox: Sandbox, account: Account, region: str = REGION) -> bool:
    hub = sandbox.client("securityhub", account.id, region)
    try:
        hub.describe_hub()
    except hub.exceptions.InvalidAccessException:
        return False
    return True


def members(admin: Any) -> list[str]:
    pages = admin.get_paginator("list_members").paginate()
    return [member["AccountId"] for page in pages for member in page["Members"]]


def test_auto_enable_applies_to_created_and_invited_accounts(sandbox: Sandbox, admin: Any) -> None:
    admin.update_organization_configuration(AutoEnable=True, AutoEnableStandards="NONE")
    created = new_account("created")
    invited = Account(organization.new_number(), "invited")
    organization.open_account(invited)
    assert not is_enabled(sandbox, invited)

    organization.accept_invitation(invited.id)

    assert is_enabled(sandbox, created)
    assert is_enabled(sandbox, invited)
    assert members(admin) == [created.id, invited.id]


@pytest.mark.usefixtures("_in_workloads")
def test_an_account_that_moves_or_leaves_keeps_hubs_that_were_never_read(
    sandbox: Sandbox, admin: Any
) -> None:
    passing, leaving, outside = (new_account(name) for name in ("passing", "leaving", "outside"))
    for account in (passing, leaving):
        organization.move(account.id, WORKLOADS)

    organization.move(passing.id, ROOT_ID)
    organization.leave(leaving.id)

    assert is_enabled(sandbox, passing)
    assert is_enabled(sandbox, passing, LINKED)
    assert not is_enabled(sandbox, outside)
    assert passing.id in members(admin)
    assert leaving.id not in members(admin)
    assert not is_enabled(sandbox, Account(MANAGEMENT.id, "management"))
    organization.open_account(leaving)  # its owner can enter it now
    assert is_enabled(sandbox, leaving)
    assert is_enabled(sandbox, leaving, LINKED)


@pytest.mark.usefixtures("_in_workloads")
def test_a_suspended_account_does_not_affect_other_accounts(sandbox: Sandbox, admin: Any) -> None:
    suspended, other = new_account("suspended"), new_account("other")
    for account in (suspended, other):
        organization.move(account.id, WORKLOADS)

    organization.suspend(suspended.id)

    assert is_enabled(sandbox, other)
    assert other.id in members(admin)

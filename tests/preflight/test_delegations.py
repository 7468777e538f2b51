"""The preflight: administrators of CloudTrail and Security Hub."""

from collections.abc import Iterator

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from tests.preflight.operators import Operator, only
from tests.unit.operations.fake_aws import lines, write_state

CLOUDTRAIL = "cloudtrail.amazonaws.com"
SECURITY_HUB = "securityhub.amazonaws.com"
ADMINISTRATOR = "aws_cloudtrail_organization_delegated_admin_account"


@pytest.fixture
def delegated(sandbox: Sandbox) -> Iterator[None]:
    """Removes the administrators of CloudTrail after the test."""
    yield
    listed = sandbox.client("organizations").list_delegated_administrators(
        ServicePrincipal=CLOUDTRAIL
    )["DelegatedAdministrators"]
    cloudtrail = sandbox.client("cloudtrail")
    for admin in listed:
        cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=admin["Id"])


def delegate(sandbox: Sandbox, *accounts: str) -> None:
    for account in accounts:
        sandbox.client("cloudtrail").register_organization_delegated_admin(MemberAccountId=account)


@pytest.mark.usefixtures("delegated")
def test_two_other_administrators_pass_and_three_fail(operator: Operator, sandbox: Sandbox) -> None:
    others = [member.id for member in MEMBERS]
    delegate(sandbox, *others[:2])
    assert operator.problems() == {}

    delegate(sandbox, others[2])
    found = only(operator.problems(), "delegation.cloudtrail")
    assert found.detail == f"3 others: {', '.join(sorted(others))}"
    assert lines(found) == []
    sandbox.client("cloudtrail").deregister_organization_delegated_admin(
        DelegatedAdminAccountId=others[2]
    )
    assert operator.problems() == {}


@pytest.mark.usefixtures("delegated")
def test_an_existing_delegation_to_the_security_account_is_imported(
    operator: Operator, sandbox: Sandbox
) -> None:
    delegate(sandbox, SECURITY.id)
    found = only(operator.problems(), "delegation.cloudtrail")

    assert found.detail.startswith(f"{SECURITY.id}, not created by Rootwatch")
    assert lines(found) == ["make synth"]
    write_state(operator.root, "trail", [(ADMINISTRATOR, SECURITY.id)])
    assert operator.problems() == {}


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_another_administrator_of_security_hub_fails(
    operator: Operator, sandbox: Sandbox, region: str
) -> None:
    """In any region, unless Rootwatch does not manage Security Hub. It keeps its delegation."""
    hub = sandbox.client("securityhub", MANAGEMENT.id, region)
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.problems(), "delegation.security_hub")
    unmanaged = operator.with_config_of(found)
    unmanaged_problems = unmanaged.problems()
    hub.disable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    organizations = sandbox.client("organizations")
    delegates = organizations.list_delegated_administrators(ServicePrincipal=SECURITY_HUB)
    for one in delegates["DelegatedAdministrators"]:
        organizations.deregister_delegated_administrator(
            AccountId=one["Id"], ServicePrincipal=SECURITY_HUB
        )

    assert found.detail == f"others: {MEMBERS[0].id}"
    assert lines(found) == []
    assert "delegation.security_hub" not in unmanaged_problems
    assert operator.problems() == {}

"""The preflight: administrators of CloudTrail and Security Hub."""

from collections.abc import Iterator

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from tests.preflight.operators import Operator, only
from tests.unit.operations.fake_aws import config_of, lines, write_state

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
    operator.follow(found)
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


def test_another_administrator_of_security_hub_fails_until_it_is_removed(
    operator: Operator, sandbox: Sandbox
) -> None:
    sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.problems(), "delegation.security_hub")
    operator.follow(found)

    assert found.detail == f"others: {MEMBERS[0].id}"
    assert config_of(found) == ("security_hub:", "  managed: false")
    assert operator.problems() == {}


def test_another_administrator_in_another_region_fails(
    operator: Operator, sandbox: Sandbox
) -> None:
    hub = sandbox.client("securityhub", MANAGEMENT.id, "eu-west-1")
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.problems(), "delegation.security_hub")

    (line,) = lines(found)
    assert line == (
        "aws organizations deregister-delegated-administrator --service-principal"
        f" {SECURITY_HUB} --account-id {MEMBERS[0].id}"
    )
    operator.follow(found)
    assert operator.problems() == {}


def test_the_check_does_not_apply_if_security_hub_is_not_managed(
    operator: Operator, sandbox: Sandbox
) -> None:
    hub = sandbox.client("securityhub")
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    unmanaged = operator.configured(security_hub={"managed": False})

    assert "delegation.security_hub" not in unmanaged.problems()
    operator.follow(operator.check("delegation.security_hub"))

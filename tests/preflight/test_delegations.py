"""`check --before`: the administrators of CloudTrail and of Security Hub."""

from collections.abc import Iterator

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from tests.preflight.operator import Operator, config_of, lines, only
from tests.unit.operations.answers import write_state

CLOUDTRAIL = "cloudtrail.amazonaws.com"
SECURITY_HUB = "securityhub.amazonaws.com"
DELEGATED = "aws_cloudtrail_organization_delegated_admin_account"


@pytest.fixture
def delegated(sandbox: Sandbox) -> Iterator[None]:
    """CloudTrail's administrators that are left in the end are taken off."""
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
def test_two_others_leave_room_and_three_do_not(operator: Operator, sandbox: Sandbox) -> None:
    others = [member.id for member in MEMBERS]
    delegate(sandbox, *others[:2])
    assert operator.not_ok() == {}

    delegate(sandbox, others[2])
    found = only(operator.not_ok(), "delegation.cloudtrail")
    assert found.detail == ", ".join(sorted(others))
    operator.do(found)
    assert operator.not_ok() == {}


@pytest.mark.usefixtures("delegated")
def test_the_security_account_by_others_is_imported_and_then_ok(
    operator: Operator, sandbox: Sandbox
) -> None:
    delegate(sandbox, SECURITY.id)
    found = only(operator.not_ok(), "delegation.cloudtrail")

    assert found.detail.startswith(f"{SECURITY.id}, but not by Rootwatch")
    assert lines(found) == ["make synth"]
    write_state(operator.root, "trail", [(DELEGATED, SECURITY.id)])
    assert operator.not_ok() == {}


def test_another_administrator_of_security_hub_is_missing_until_it_is_given_up(
    operator: Operator, sandbox: Sandbox
) -> None:
    sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.not_ok(), "delegation.security_hub")
    operator.do(found)

    assert found.detail == MEMBERS[0].id
    assert config_of(found) == ("security_hub:", "  managed: false")
    assert operator.not_ok() == {}


def test_another_administrator_in_another_region_is_missing(
    operator: Operator, sandbox: Sandbox
) -> None:
    hub = sandbox.client("securityhub", MANAGEMENT.id, "eu-west-1")
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    found = only(operator.not_ok(), "delegation.security_hub")

    (line,) = lines(found)
    assert line == (
        "aws organizations deregister-delegated-administrator --service-principal"
        f" {SECURITY_HUB} --account-id {MEMBERS[0].id}"
    )
    operator.do(found)
    assert operator.not_ok() == {}


def test_whoever_leaves_security_hub_alone_is_not_asked(
    operator: Operator, sandbox: Sandbox
) -> None:
    hub = sandbox.client("securityhub")
    hub.enable_organization_admin_account(AdminAccountId=MEMBERS[0].id)
    unmanaged = operator.of(security_hub={"managed": False})

    assert "delegation.security_hub" not in unmanaged.not_ok()
    operator.do(operator.look("delegation.security_hub"))

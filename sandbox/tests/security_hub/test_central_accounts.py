"""Central configuration for accounts that join, move, leave or are suspended."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.security_hub.organization import (
    HOME,
    LINKED,
    MANAGEMENT,
    MockedOrganization,
    code_of,
    mocked_organization,
)

OFF = {"SecurityHub": {"ServiceEnabled": False}}


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        built.configure_centrally()
        yield built


def status_of(organization: MockedOrganization, target: dict[str, str]) -> tuple[str, str]:
    """The status and message of the association of a target."""
    answer = organization.hub(organization.security).get_configuration_policy_association(
        Target=target
    )
    return answer["AssociationStatus"], answer.get("AssociationStatusMessage", "")


def test_an_account_that_joins_has_the_policy_of_the_root(
    organization: MockedOrganization,
) -> None:
    organization.associate({"RootId": organization.root})

    joined = organization.join("joined")

    organization.import_finding(joined)
    organization.import_finding(joined, LINKED)
    assert joined in organization.members()
    assert organization.seen_by(organization.security) == {(joined, HOME), (joined, LINKED)}
    assert status_of(organization, {"AccountId": joined}) == ("SUCCESS", "")


def test_an_account_that_joins_without_a_policy_is_self_managed(
    organization: MockedOrganization,
) -> None:
    organization.associate({"OrganizationalUnitId": organization.unit})

    joined = organization.join("joined")

    assert not organization.is_enabled(joined)
    organization.hub(joined).enable_security_hub()
    organization.import_finding(joined)
    assert organization.members() == [organization.member]
    assert organization.seen_by(organization.security) == set()


@pytest.mark.parametrize("looked_at", [True, False])
def test_an_account_that_moves_out_of_a_policy_keeps_its_settings(
    organization: MockedOrganization, *, looked_at: bool
) -> None:
    organization.associate({"OrganizationalUnitId": organization.unit})
    if looked_at:
        organization.import_finding(organization.member)

    organization.move(organization.member, organization.unit, organization.root)

    organization.import_finding(organization.member, Id="after")
    assert organization.is_enabled(organization.member, LINKED)
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}
    with pytest.raises(ClientError, match="must disassociate it first"):
        organization.hub(organization.member).disable_security_hub()


def test_an_account_that_moves_has_the_policy_of_its_new_unit(
    organization: MockedOrganization,
) -> None:
    organization.associate({"RootId": organization.root}, OFF)
    organization.associate({"OrganizationalUnitId": organization.unit})
    joined = organization.join("joined")
    assert not organization.is_enabled(joined)

    organization.move(joined, organization.root, organization.unit)
    organization.move(organization.member, organization.unit, organization.root)

    assert organization.is_enabled(joined)
    assert not organization.is_enabled(organization.member)


@pytest.mark.parametrize("looked_at", [True, False])
def test_an_account_that_leaves_keeps_its_hub_and_is_no_longer_a_member(
    organization: MockedOrganization, *, looked_at: bool
) -> None:
    organization.associate({"RootId": organization.root})
    if looked_at:
        organization.import_finding(organization.member)

    organization.leave(organization.member)

    assert organization.is_enabled(organization.member)
    assert organization.is_enabled(organization.member, LINKED)
    organization.import_finding(organization.member, Id="after")
    assert organization.seen_by(organization.member) == {(organization.member, HOME)}
    assert organization.seen_by(organization.security) == set()
    assert organization.member not in organization.members()
    organization.hub(organization.member).disable_security_hub()


def test_an_account_that_rejoins_has_the_policy_again(organization: MockedOrganization) -> None:
    organization.associate({"RootId": organization.root})
    organization.import_finding(organization.member)
    organization.leave(organization.member)
    organization.hub(organization.member).disable_security_hub()

    organization.rejoin(organization.member)

    assert organization.is_enabled(organization.member)
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}


def test_accounts_with_an_enabled_hub_become_members_at_the_start(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
    )
    organization.hub(organization.member, LINKED).enable_security_hub()
    organization.import_finding(organization.member, LINKED)
    assert organization.seen_by(organization.security) == set()

    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "CENTRAL"}
    )

    assert organization.seen_by(organization.security) == {(organization.member, LINKED)}


def test_the_policy_of_the_root_applies_to_an_enabled_management_account(
    organization: MockedOrganization,
) -> None:
    management = organization.hub(MANAGEMENT)
    management.enable_security_hub()

    organization.associate({"RootId": organization.root})

    organization.import_finding(MANAGEMENT)
    assert organization.seen_by(organization.security) == {(MANAGEMENT, HOME)}
    assert status_of(organization, {"RootId": organization.root}) == ("SUCCESS", "")
    assert not organization.is_enabled(MANAGEMENT, LINKED)
    with pytest.raises(ClientError, match="central configuration policy"):
        management.disable_security_hub()


@pytest.mark.parametrize("target", ["root", "account"])
def test_a_policy_fails_for_a_management_account_without_a_hub(
    organization: MockedOrganization, target: str
) -> None:
    where = {"root": {"RootId": organization.root}, "account": {"AccountId": MANAGEMENT}}[target]

    policy = organization.associate(where)

    status, message = status_of(organization, where)
    assert status == "FAILED"
    assert MANAGEMENT in message
    assert not organization.is_enabled(MANAGEMENT)
    assert status_of(organization, {"AccountId": MANAGEMENT})[0] == "FAILED"
    organization.hub(MANAGEMENT).enable_security_hub()
    organization.import_finding(MANAGEMENT)
    assert organization.seen_by(organization.security) == set()
    organization.hub(organization.security).start_configuration_policy_association(
        ConfigurationPolicyIdentifier=policy, Target=where
    )
    assert status_of(organization, where)[0] == "SUCCESS"
    assert organization.seen_by(organization.security) == {(MANAGEMENT, HOME)}


def test_an_account_can_have_its_own_policy(organization: MockedOrganization) -> None:
    organization.associate({"RootId": organization.root}, OFF)
    other = organization.join("other")

    organization.associate({"AccountId": organization.member})

    assert organization.is_enabled(organization.member)
    assert not organization.is_enabled(other)


def test_findings_are_visible_while_the_hub_is_enabled(organization: MockedOrganization) -> None:
    organization.associate({"RootId": organization.root})
    organization.import_finding(organization.member)
    off = organization.associate({"AccountId": organization.member}, OFF)
    while_off = organization.seen_by(organization.security)

    organization.hub(organization.security).start_configuration_policy_disassociation(
        ConfigurationPolicyIdentifier=off, Target={"AccountId": organization.member}
    )

    assert while_off == set()
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}


def test_a_policy_does_not_disable_the_administrator(
    organization: MockedOrganization,
) -> None:
    organization.associate({"RootId": organization.root}, OFF)

    assert organization.is_enabled(organization.security)
    assert organization.is_enabled(organization.security, LINKED)


def test_a_policy_fails_for_a_suspended_account(organization: MockedOrganization) -> None:
    suspended = organization.join("suspended")
    organization.suspend(suspended)
    organization.associate({"OrganizationalUnitId": organization.unit})
    organization.associate({"RootId": organization.root})

    organization.import_finding(organization.member)

    assert status_of(organization, {"AccountId": suspended}) == (
        "FAILED",
        f"Account {suspended} is suspended",
    )
    assert suspended in status_of(organization, {"RootId": organization.root})[1]
    unit = {"OrganizationalUnitId": organization.unit}
    assert status_of(organization, unit) == ("SUCCESS", "")
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}


def test_a_later_suspension_does_not_affect_the_other_accounts(
    organization: MockedOrganization,
) -> None:
    organization.associate({"OrganizationalUnitId": organization.unit})
    organization.import_finding(organization.member)

    organization.suspend(organization.member)

    unit = {"OrganizationalUnitId": organization.unit}
    assert status_of(organization, unit)[0] == "SUCCESS"
    assert status_of(organization, {"AccountId": organization.member})[0] == "FAILED"
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}


def test_a_self_managed_account_can_disable_its_hub(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
    organization.associate({"RootId": organization.root})
    admin.start_configuration_policy_association(
        ConfigurationPolicyIdentifier="SELF_MANAGED_SECURITY_HUB",
        Target={"AccountId": organization.member},
    )

    admin.disassociate_members(AccountIds=[organization.member])
    organization.hub(organization.member).disable_security_hub()

    assert not organization.is_enabled(organization.member)
    assert status_of(organization, {"AccountId": organization.member})[0] == "SUCCESS"
    with pytest.raises(ClientError) as refused:
        organization.import_finding(organization.member)
    assert code_of(refused.value) == "InvalidAccessException"

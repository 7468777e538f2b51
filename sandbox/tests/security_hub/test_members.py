"""The members of the organization's administrator."""

from collections.abc import Iterator
from typing import Any

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


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        built.delegate()
        yield built


def create_members(organization: MockedOrganization, *accounts: str) -> dict[str, str]:
    """The unprocessed accounts with the reason."""
    answer = organization.hub(organization.security).create_members(
        AccountDetails=[{"AccountId": account} for account in accounts]
    )
    return {one["AccountId"]: one["ProcessingResult"] for one in answer["UnprocessedAccounts"]}


def test_creating_a_member_enables_its_hub_in_that_region(organization: MockedOrganization) -> None:
    refused = create_members(organization, organization.member)

    assert refused == {}
    assert organization.members() == [organization.member]
    assert organization.is_enabled(organization.member)
    assert not organization.is_enabled(organization.member, LINKED)
    organization.import_finding(organization.member)
    assert organization.seen_by(organization.security) == {(organization.member, HOME)}


def test_the_management_account_must_enable_its_own_hub(organization: MockedOrganization) -> None:
    refused = create_members(organization, MANAGEMENT)
    assert "must enable Security Hub itself" in refused[MANAGEMENT]
    assert not organization.is_enabled(MANAGEMENT)

    organization.hub(MANAGEMENT).enable_security_hub()
    organization.import_finding(MANAGEMENT)

    assert organization.seen_by(organization.security) == set()
    assert create_members(organization, MANAGEMENT) == {}
    assert organization.seen_by(organization.security) == {(MANAGEMENT, HOME)}


def test_an_account_that_cannot_be_a_member_does_not_fail_the_others(
    organization: MockedOrganization,
) -> None:
    suspended = organization.join("suspended")
    organization.suspend(suspended)

    refused = create_members(
        organization, "9" * 12, suspended, organization.security, organization.member
    )

    assert refused.keys() == {"9" * 12, suspended, organization.security}
    assert organization.members() == [organization.member]


def test_get_members_returns_members_only(organization: MockedOrganization) -> None:
    create_members(organization, organization.member)

    described = organization.hub(organization.security).get_members(
        AccountIds=[organization.member, MANAGEMENT]
    )

    (member,) = described["Members"]
    assert (member["AccountId"], member["MemberStatus"]) == (organization.member, "Enabled")
    assert member["AdministratorId"] == organization.security
    assert [one["AccountId"] for one in described["UnprocessedAccounts"]] == [MANAGEMENT]


def test_members_are_listed_in_pages(organization: MockedOrganization) -> None:
    joined = [organization.join(f"account-{number}") for number in range(3)]
    create_members(organization, *joined)
    admin = organization.hub(organization.security)

    first = admin.list_members(MaxResults=2)
    second = admin.list_members(MaxResults=2, NextToken=first["NextToken"])

    listed = [member["AccountId"] for member in first["Members"] + second["Members"]]
    assert listed == joined
    assert "NextToken" not in second


def test_a_disassociated_account_keeps_its_hub(
    organization: MockedOrganization,
) -> None:
    create_members(organization, organization.member)
    organization.import_finding(organization.member)

    organization.hub(organization.security).disassociate_members(AccountIds=[organization.member])

    assert organization.is_enabled(organization.member)
    assert organization.seen_by(organization.security) == set()


def test_only_members_can_be_disassociated(organization: MockedOrganization) -> None:
    with pytest.raises(ClientError) as refused:
        organization.hub(organization.security).disassociate_members(
            AccountIds=[organization.member]
        )

    assert code_of(refused.value) == "ResourceNotFoundException"


def test_members_of_an_organization_cannot_be_deleted(organization: MockedOrganization) -> None:
    create_members(organization, organization.member)

    answer = organization.hub(organization.security).delete_members(
        AccountIds=[organization.member]
    )

    assert [one["AccountId"] for one in answer["UnprocessedAccounts"]] == [organization.member]
    assert organization.members() == [organization.member]


def test_only_the_administrator_manages_members(organization: MockedOrganization) -> None:
    organization.hub(organization.member).enable_security_hub()
    member = organization.hub(organization.member)

    for call in (
        lambda: member.create_members(AccountDetails=[{"AccountId": MANAGEMENT}]),
        lambda: member.disassociate_members(AccountIds=[MANAGEMENT]),
        member.list_members,
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused.value) == "InvalidAccessException"


def test_members_with_a_policy_cannot_be_disassociated(organization: MockedOrganization) -> None:
    admin = organization.hub(organization.security)
    admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "CENTRAL"}
    )
    organization.associate({"OrganizationalUnitId": organization.unit})

    refused = create_members(organization, organization.member)
    with pytest.raises(ClientError, match="managed by a configuration policy") as denied:
        admin.disassociate_members(AccountIds=[organization.member])

    assert "managed by a configuration policy" in refused[organization.member]
    assert code_of(denied.value) == "AccessDeniedException"
    assert organization.members() == [organization.member]
    administrator = organization.hub(organization.member).get_administrator_account()
    assert administrator["Administrator"]["AccountId"] == organization.security


def test_auto_enable_is_off_by_default_and_can_be_read(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
    before = admin.describe_organization_configuration()

    organization.auto_enable()

    after = admin.describe_organization_configuration()
    assert (before["AutoEnable"], before["AutoEnableStandards"]) == (False, "DEFAULT")
    assert (after["AutoEnable"], after["AutoEnableStandards"]) == (True, "NONE")
    assert after["OrganizationConfiguration"] == {
        "ConfigurationType": "LOCAL",
        "Status": "ENABLED",
    }


def test_an_account_that_joins_is_enabled_and_its_findings_are_seen(
    organization: MockedOrganization,
) -> None:
    organization.auto_enable()

    joined = organization.join("joined")

    organization.import_finding(joined)
    assert organization.members() == [joined]
    assert organization.seen_by(organization.security) == {(joined, HOME)}
    administrator = organization.hub(joined).get_administrator_account()["Administrator"]
    assert administrator["AccountId"] == organization.security


def test_an_existing_account_is_not_enabled(organization: MockedOrganization) -> None:
    own_doing = organization.join("own-doing")
    organization.hub(own_doing).enable_security_hub()
    organization.auto_enable()

    organization.import_finding(own_doing)

    assert not organization.is_enabled(organization.member)
    assert not organization.is_enabled(MANAGEMENT)
    assert organization.members() == []
    assert organization.seen_by(organization.security) == set()


def test_auto_enable_applies_to_its_region(organization: MockedOrganization) -> None:
    organization.auto_enable()

    joined = organization.join("joined")

    assert organization.is_enabled(joined)
    assert not organization.is_enabled(joined, LINKED)


def test_turning_it_off_affects_only_accounts_that_join_later(
    organization: MockedOrganization,
) -> None:
    admin = organization.auto_enable()
    early = organization.join("early")
    admin.update_organization_configuration(AutoEnable=False)

    late = organization.join("late")

    assert organization.is_enabled(early)
    assert not organization.is_enabled(late)
    organization.auto_enable()
    assert not organization.is_enabled(late)
    assert organization.members() == [early]


def test_turning_it_on_again_keeps_accounts_that_joined(organization: MockedOrganization) -> None:
    organization.auto_enable()
    joined = organization.join("joined")

    organization.auto_enable()

    assert organization.is_enabled(joined)


@pytest.mark.parametrize("looked_at", [True, False])
def test_an_account_that_leaves_keeps_its_hub_and_is_no_longer_a_member(
    organization: MockedOrganization, *, looked_at: bool
) -> None:
    organization.auto_enable()
    joined = organization.join("joined")
    if looked_at:
        organization.import_finding(joined)

    organization.leave(joined)

    assert organization.is_enabled(joined)
    assert organization.members() == []
    assert organization.seen_by(organization.security) == set()
    assert "Administrator" not in organization.hub(joined).get_administrator_account()
    organization.hub(joined).disable_security_hub()


def test_an_account_that_rejoins_is_enabled_again(organization: MockedOrganization) -> None:
    organization.auto_enable()
    joined = organization.join("joined")
    organization.import_finding(joined)
    organization.leave(joined)
    organization.hub(joined).disable_security_hub()

    organization.rejoin(joined)

    assert organization.is_enabled(joined)
    assert organization.seen_by(organization.security) == {(joined, HOME)}


def test_an_account_that_rejoins_while_it_is_off_is_not_a_member(
    organization: MockedOrganization,
) -> None:
    admin = organization.auto_enable()
    joined = organization.join("joined")
    organization.import_finding(joined)
    admin.update_organization_configuration(AutoEnable=False)
    organization.leave(joined)

    organization.rejoin(joined)

    assert organization.is_enabled(joined)
    assert organization.members() == []
    assert organization.seen_by(organization.security) == set()


def test_a_suspended_account_is_not_enabled(organization: MockedOrganization) -> None:
    organization.auto_enable()
    suspended, other = organization.join("suspended"), organization.join("other")
    organization.suspend(suspended)

    organization.import_finding(other)

    assert organization.members() == [other]
    assert organization.seen_by(organization.security) == {(other, HOME)}


def test_findings_of_a_suspended_member_stay_visible(
    organization: MockedOrganization,
) -> None:
    organization.auto_enable()
    joined = organization.join("joined")
    organization.import_finding(joined)

    organization.suspend(joined)

    assert organization.seen_by(organization.security) == {(joined, HOME)}


def test_a_member_must_be_disassociated_before_it_disables_its_hub(
    organization: MockedOrganization,
) -> None:
    admin = organization.auto_enable()
    joined = organization.join("joined")
    with pytest.raises(ClientError, match="must disassociate it first") as refused:
        organization.hub(joined).disable_security_hub()

    admin.disassociate_members(AccountIds=[joined])

    assert code_of(refused.value) == "AccessDeniedException"
    assert organization.members() == []
    organization.hub(joined).disable_security_hub()
    assert not organization.is_enabled(joined)


def test_without_an_administrator_no_account_is_enabled(organization: MockedOrganization) -> None:
    organization.auto_enable()
    early = organization.join("early")
    organization.hub(MANAGEMENT).disable_organization_admin_account(
        AdminAccountId=organization.security
    )

    late = organization.join("late")

    assert organization.is_enabled(early)
    assert not organization.is_enabled(late)
    organization.import_finding(early)
    assert organization.seen_by(organization.security) == set()
    admin: Any = organization.delegate()
    assert admin.describe_organization_configuration()["AutoEnable"] is False


def test_central_configuration_ends_auto_enable_and_keeps_members(
    organization: MockedOrganization,
) -> None:
    admin = organization.auto_enable()
    early = organization.join("early")
    admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    admin.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "CENTRAL"}
    )

    late = organization.join("late")

    assert not organization.is_enabled(late)
    assert organization.members() == [early]
    for region in (HOME, LINKED):
        configuration = organization.hub(organization.security, region)
        described = configuration.describe_organization_configuration()
        assert (described["AutoEnable"], described["AutoEnableStandards"]) == (False, "NONE")

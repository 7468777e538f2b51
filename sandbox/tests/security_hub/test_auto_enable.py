"""Local configuration: auto-enable turns Security Hub on in accounts that join."""

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

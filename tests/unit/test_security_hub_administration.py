"""Who administers Security Hub in an organization, and where findings gather."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.unit.security_hub_organization import (
    HOME,
    LINKED,
    MANAGEMENT,
    Organization,
    code_of,
    mocked_organization,
)


@pytest.fixture
def organization() -> Iterator[Organization]:
    with mocked_organization() as built:
        yield built


def test_delegation_enables_the_hub_of_the_administrator_alone(organization: Organization) -> None:
    organization.delegate()

    listed = organization.hub(MANAGEMENT).list_organization_admin_accounts()["AdminAccounts"]
    assert listed == [{"AccountId": organization.security, "Status": "ENABLED"}]
    assert organization.is_enabled(organization.security)
    assert not organization.is_enabled(organization.member)


def test_only_the_management_account_delegates(organization: Organization) -> None:
    member = organization.hub(organization.member)

    with pytest.raises(ClientError) as refused:
        member.enable_organization_admin_account(AdminAccountId=organization.security)

    assert code_of(refused.value) == "AccessDeniedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_stranger_cannot_administer(organization: Organization) -> None:
    with pytest.raises(ClientError) as refused:
        organization.hub(MANAGEMENT).enable_organization_admin_account(AdminAccountId="9" * 12)

    assert code_of(refused.value) == "InvalidInputException"


def test_a_second_administrator_is_refused(organization: Organization) -> None:
    organization.delegate()

    with pytest.raises(ClientError) as refused:
        organization.hub(MANAGEMENT).enable_organization_admin_account(
            AdminAccountId=organization.member
        )

    assert code_of(refused.value) == "ResourceConflictException"


def test_the_delegation_can_be_taken_back(organization: Organization) -> None:
    organization.delegate()
    management = organization.hub(MANAGEMENT)

    management.disable_organization_admin_account(AdminAccountId=organization.security)

    assert management.list_organization_admin_accounts()["AdminAccounts"] == []


def test_an_account_outside_any_organization_is_told_so(organization: Organization) -> None:
    with pytest.raises(ClientError, match="not a member of an organization"):
        organization.hub("9" * 12).list_organization_admin_accounts()


def test_the_administrator_cannot_disable_its_hub(organization: Organization) -> None:
    with pytest.raises(ClientError, match="Cannot disable Security Hub on the Security Hub admin"):
        organization.delegate().disable_security_hub()


def test_an_aggregator_lives_in_its_home_region(organization: Organization) -> None:
    admin = organization.delegate()
    created = admin.create_finding_aggregator(
        RegionLinkingMode="SPECIFIED_REGIONS", Regions=[LINKED]
    )
    arn = created["FindingAggregatorArn"]

    updated = admin.update_finding_aggregator(
        FindingAggregatorArn=arn, RegionLinkingMode="ALL_REGIONS"
    )

    assert created["FindingAggregationRegion"] == HOME
    assert updated["Regions"] == []
    read = admin.get_finding_aggregator(FindingAggregatorArn=arn)
    assert read["RegionLinkingMode"] == "ALL_REGIONS"
    listed = admin.list_finding_aggregators()["FindingAggregators"]
    assert listed == [{"FindingAggregatorArn": arn}]
    admin.delete_finding_aggregator(FindingAggregatorArn=arn)
    with pytest.raises(ClientError) as gone:
        admin.get_finding_aggregator(FindingAggregatorArn=arn)
    assert code_of(gone.value) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("mode", "regions"),
    [
        ("SOME_REGIONS", []),
        ("ALL_REGIONS", [LINKED]),
        ("SPECIFIED_REGIONS", []),
        ("SPECIFIED_REGIONS", [HOME]),
    ],
)
def test_linking_that_contradicts_itself_is_refused(
    organization: Organization, mode: str, regions: list[str]
) -> None:
    admin = organization.delegate()

    with pytest.raises(ClientError) as refused:
        admin.create_finding_aggregator(RegionLinkingMode=mode, Regions=regions)

    assert code_of(refused.value) == "InvalidInputException"


def test_an_account_has_one_aggregator(organization: Organization) -> None:
    admin = organization.delegate()
    admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")

    with pytest.raises(ClientError, match="already has the finding aggregator"):
        admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")


def test_only_the_administrator_configures_the_organization(organization: Organization) -> None:
    organization.delegate()

    with pytest.raises(ClientError, match="is not an administrator for this organization") as no:
        organization.hub(organization.member).describe_organization_configuration()

    assert no.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


@pytest.mark.parametrize(
    ("aggregate", "auto_enable", "standards"),
    [(False, False, "NONE"), (True, True, "NONE"), (True, False, "DEFAULT")],
)
def test_central_configuration_has_prerequisites(
    organization: Organization, *, aggregate: bool, auto_enable: bool, standards: str
) -> None:
    admin = organization.delegate()
    if aggregate:
        admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")

    with pytest.raises(ClientError, match="Central Configuration") as refused:
        admin.update_organization_configuration(
            AutoEnable=auto_enable,
            AutoEnableStandards=standards,
            OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
        )

    assert code_of(refused.value) == "InvalidInputException"


def test_central_configuration_is_enabled_at_once(organization: Organization) -> None:
    configuration = organization.configure_centrally().describe_organization_configuration()

    assert configuration["AutoEnable"] is False
    assert configuration["AutoEnableStandards"] == "NONE"
    assert configuration["OrganizationConfiguration"] == {
        "ConfigurationType": "CENTRAL",
        "Status": "ENABLED",
    }


def test_central_configuration_is_dismantled_in_order_only(organization: Organization) -> None:
    admin = organization.configure_centrally()
    policy_id = organization.associate({"RootId": organization.root})
    arn = admin.list_finding_aggregators()["FindingAggregators"][0]["FindingAggregatorArn"]
    management = organization.hub(MANAGEMENT)
    disassociate, delete_policy, decentralize, *free_order = (
        lambda: admin.start_configuration_policy_disassociation(
            ConfigurationPolicyIdentifier=policy_id, Target={"RootId": organization.root}
        ),
        lambda: admin.delete_configuration_policy(Identifier=policy_id),
        lambda: admin.update_organization_configuration(
            AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
        ),
        lambda: admin.delete_finding_aggregator(FindingAggregatorArn=arn),
        lambda: management.disable_organization_admin_account(AdminAccountId=organization.security),
    )

    for step, too_early in (
        (disassociate, [delete_policy, decentralize, *free_order]),
        (delete_policy, [decentralize, *free_order]),
        (decentralize, free_order),
    ):
        for early_step in too_early:
            with pytest.raises(ClientError):
                early_step()
        step()
    for step in free_order:
        step()
    assert management.list_organization_admin_accounts()["AdminAccounts"] == []


def test_administrator_and_members_know_each_other(organization: Organization) -> None:
    admin = organization.configure_centrally()
    organization.associate({"OrganizationalUnitId": organization.unit})

    members = admin.list_members()["Members"]

    assert [member["AccountId"] for member in members] == [organization.member]
    administrator = organization.hub(organization.member).get_administrator_account()
    assert administrator["Administrator"]["AccountId"] == organization.security

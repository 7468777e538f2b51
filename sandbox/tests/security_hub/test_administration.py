"""The delegated administrator of Security Hub and central configuration."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.security_hub.organization import (
    LINKED,
    MANAGEMENT,
    MockedOrganization,
    code_of,
    mocked_organization,
)

PRINCIPAL = "securityhub.amazonaws.com"


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        yield built


def test_delegation_enables_only_the_hub_of_the_administrator(
    organization: MockedOrganization,
) -> None:
    organization.delegate()

    listed = organization.hub(MANAGEMENT).list_organization_admin_accounts()["AdminAccounts"]
    assert listed == [{"AccountId": organization.security, "Status": "ENABLED"}]
    assert organization.is_enabled(organization.security)
    assert not organization.is_enabled(organization.member)


def test_only_the_management_account_delegates(organization: MockedOrganization) -> None:
    member = organization.hub(organization.member)

    with pytest.raises(ClientError) as refused:
        member.enable_organization_admin_account(AdminAccountId=organization.security)

    assert code_of(refused.value) == "AccessDeniedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_account_outside_the_organization_cannot_be_the_administrator(
    organization: MockedOrganization,
) -> None:
    with pytest.raises(ClientError) as refused:
        organization.hub(MANAGEMENT).enable_organization_admin_account(AdminAccountId="9" * 12)

    assert code_of(refused.value) == "InvalidInputException"


def test_a_second_administrator_is_refused(organization: MockedOrganization) -> None:
    organization.delegate()

    with pytest.raises(ClientError) as refused:
        organization.hub(MANAGEMENT).enable_organization_admin_account(
            AdminAccountId=organization.member
        )

    assert code_of(refused.value) == "ResourceConflictException"


def test_delegation_enables_trusted_access_and_registers_the_administrator(
    organization: MockedOrganization,
) -> None:
    organization.delegate()

    organizations = organization.organizations()
    trusted = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    assert [one["ServicePrincipal"] for one in trusted] == [PRINCIPAL]
    assert _registered(organization) == [organization.security]


def test_delegation_is_not_idempotent(organization: MockedOrganization) -> None:
    organization.delegate()

    with pytest.raises(ClientError, match="already the administrator") as refused:
        organization.delegate()

    assert code_of(refused.value) == "ResourceConflictException"


def test_a_suspended_account_cannot_be_the_administrator(organization: MockedOrganization) -> None:
    organization.suspend(organization.security)

    with pytest.raises(ClientError) as refused:
        organization.hub(MANAGEMENT).enable_organization_admin_account(
            AdminAccountId=organization.security
        )

    assert code_of(refused.value) == "InvalidInputException"


def test_an_unsupported_feature_is_refused(organization: MockedOrganization) -> None:
    with pytest.raises(ClientError, match="Feature"):
        organization.hub(MANAGEMENT).enable_organization_admin_account(
            AdminAccountId=organization.security, Feature="SecurityHubV2"
        )


def test_a_delegation_applies_to_its_region(organization: MockedOrganization) -> None:
    organization.delegate()
    elsewhere = organization.hub(MANAGEMENT, LINKED)

    assert elsewhere.list_organization_admin_accounts()["AdminAccounts"] == []
    with pytest.raises(ClientError) as refused:
        elsewhere.enable_organization_admin_account(AdminAccountId=organization.member)
    assert code_of(refused.value) == "ResourceConflictException"
    elsewhere.enable_organization_admin_account(AdminAccountId=organization.security)
    assert organization.is_enabled(organization.security, LINKED)


def test_the_management_account_cannot_use_central_configuration(
    organization: MockedOrganization,
) -> None:
    management = organization.hub(MANAGEMENT)
    management.enable_organization_admin_account(AdminAccountId=MANAGEMENT)
    management.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
    management.update_organization_configuration(AutoEnable=True, AutoEnableStandards="NONE")

    with pytest.raises(ClientError, match="management account") as refused:
        management.update_organization_configuration(
            AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "CENTRAL"}
        )

    assert code_of(refused.value) == "InvalidInputException"
    assert _registered(organization) == []


def test_the_delegation_can_be_removed(organization: MockedOrganization) -> None:
    organization.delegate()
    management = organization.hub(MANAGEMENT)

    management.disable_organization_admin_account(AdminAccountId=organization.security)

    assert management.list_organization_admin_accounts()["AdminAccounts"] == []
    assert organization.is_enabled(organization.security)


def test_organizations_keeps_a_removed_administrator_registered(
    organization: MockedOrganization,
) -> None:
    organization.delegate()
    management = organization.hub(MANAGEMENT)
    management.disable_organization_admin_account(AdminAccountId=organization.security)

    with pytest.raises(ClientError) as refused:
        management.enable_organization_admin_account(AdminAccountId=organization.member)

    assert code_of(refused.value) == "ResourceConflictException"
    assert _registered(organization) == [organization.security]
    organization.organizations().deregister_delegated_administrator(
        AccountId=organization.security, ServicePrincipal=PRINCIPAL
    )
    management.enable_organization_admin_account(AdminAccountId=organization.member)


def test_deregistration_ends_central_configuration_and_keeps_hubs(
    organization: MockedOrganization,
) -> None:
    organization.configure_centrally()
    organization.associate({"RootId": organization.root})
    organization.organizations().deregister_delegated_administrator(
        AccountId=organization.security, ServicePrincipal=PRINCIPAL
    )

    assert organization.is_enabled(organization.member)
    organization.hub(organization.member).disable_security_hub()
    with pytest.raises(ClientError, match="is not an administrator"):
        organization.hub(organization.security).describe_organization_configuration()
    with pytest.raises(ClientError, match="with Central Configuration enabled"):
        organization.delegate().list_configuration_policies()


def _registered(organization: MockedOrganization) -> list[str]:
    known = organization.organizations().list_delegated_administrators(ServicePrincipal=PRINCIPAL)
    return [administrator["Id"] for administrator in known["DelegatedAdministrators"]]


def test_a_standalone_account_cannot_list_administrators(organization: MockedOrganization) -> None:
    with pytest.raises(ClientError, match="not a member of an organization"):
        organization.hub("9" * 12).list_organization_admin_accounts()


def test_the_administrator_cannot_disable_its_hub(organization: MockedOrganization) -> None:
    with pytest.raises(ClientError, match="Cannot disable Security Hub on the Security Hub admin"):
        organization.delegate().disable_security_hub()


def test_only_the_administrator_configures_the_organization(
    organization: MockedOrganization,
) -> None:
    organization.delegate()

    with pytest.raises(ClientError, match="is not an administrator for this organization") as no:
        organization.hub(organization.member).describe_organization_configuration()

    assert no.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


@pytest.mark.parametrize(
    ("aggregate", "auto_enable", "standards"),
    [(False, False, "NONE"), (True, True, "NONE"), (True, False, "DEFAULT")],
)
def test_central_configuration_has_prerequisites(
    organization: MockedOrganization, *, aggregate: bool, auto_enable: bool, standards: str
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


def test_central_configuration_is_enabled_immediately(organization: MockedOrganization) -> None:
    configuration = organization.configure_centrally().describe_organization_configuration()

    assert configuration["AutoEnable"] is False
    assert configuration["AutoEnableStandards"] == "NONE"
    assert configuration["OrganizationConfiguration"] == {
        "ConfigurationType": "CENTRAL",
        "Status": "ENABLED",
    }


def test_central_configuration_must_be_removed_in_order(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    policy_id = organization.associate({"RootId": organization.root})
    arn = admin.list_finding_aggregators()["FindingAggregators"][0]["FindingAggregatorArn"]
    management = organization.hub(MANAGEMENT)
    steps: list[Callable[[], Any]] = [
        lambda: admin.start_configuration_policy_disassociation(
            ConfigurationPolicyIdentifier=policy_id, Target={"RootId": organization.root}
        ),
        lambda: admin.delete_configuration_policy(Identifier=policy_id),
        lambda: admin.update_organization_configuration(
            AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
        ),
        lambda: admin.delete_finding_aggregator(FindingAggregatorArn=arn),
        lambda: management.disable_organization_admin_account(AdminAccountId=organization.security),
    ]
    disassociate, delete_policy, decentralize, *free_order = steps

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

"""Configuration policies and their associations."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.security_hub.organization import (
    LINKED,
    MANAGEMENT,
    POLICY,
    MockedOrganization,
    code_of,
    mocked_organization,
)


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        yield built


def test_policies_require_central_configuration(organization: MockedOrganization) -> None:
    admin = organization.delegate()

    with pytest.raises(ClientError, match="Must be a Security Hub delegated administrator with"):
        admin.list_configuration_policies()


def test_policies_are_managed_in_the_home_region(organization: MockedOrganization) -> None:
    organization.configure_centrally()

    with pytest.raises(ClientError, match="home Region"):
        organization.hub(organization.security, LINKED).list_configuration_policies()


def test_a_policy_can_be_read_updated_and_deleted(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    policy = admin.create_configuration_policy(Name="on", ConfigurationPolicy=POLICY)

    admin.update_configuration_policy(Identifier=policy["Id"], Description="changed")

    for identifier in (policy["Id"], policy["Arn"]):
        read = admin.get_configuration_policy(Identifier=identifier)
        assert (read["Name"], read["Description"]) == ("on", "changed")
        assert read["ConfigurationPolicy"] == POLICY
    admin.delete_configuration_policy(Identifier=policy["Id"])
    assert admin.list_configuration_policies()["ConfigurationPolicySummaries"] == []


def test_an_incomplete_policy_is_refused(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    cases: list[dict[str, Any]] = [
        {},
        {"ServiceEnabled": True},
        {"ServiceEnabled": True, "EnabledStandardIdentifiers": []},
        {
            "ServiceEnabled": True,
            "EnabledStandardIdentifiers": [],
            "SecurityControlsConfiguration": {},
        },
        {
            "ServiceEnabled": False,
            "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
        },
    ]
    for content in cases:
        with pytest.raises(ClientError) as refused:
            admin.create_configuration_policy(
                Name="p", ConfigurationPolicy={"SecurityHub": content}
            )

        assert code_of(refused.value) == "InvalidInputException", content


def test_an_organization_has_at_most_twenty_policies(organization: MockedOrganization) -> None:
    organization.configure_centrally()
    for number in range(20):
        organization.create_policy(f"policy-{number}")

    with pytest.raises(ClientError) as refused:
        organization.create_policy("one-too-many")

    assert code_of(refused.value) == "LimitExceededException"


def test_a_policy_of_the_root_enables_all_accounts_in_all_regions(
    organization: MockedOrganization,
) -> None:
    organization.hub(MANAGEMENT).enable_security_hub()
    organization.hub(MANAGEMENT, LINKED).enable_security_hub()
    organization.configure_centrally()

    organization.associate({"RootId": organization.root})

    joined = organization.join("joined-later")
    for account in (MANAGEMENT, organization.security, organization.member, joined):
        assert organization.is_enabled(account)
        assert organization.is_enabled(account, LINKED)


def test_a_policy_applies_to_linked_regions_only(organization: MockedOrganization) -> None:
    organization.configure_centrally("SPECIFIED_REGIONS", (LINKED,))

    organization.associate({"RootId": organization.root})

    assert organization.is_enabled(organization.member, LINKED)
    assert not organization.is_enabled(organization.member, "eu-west-1")


def test_the_closest_policy_applies_also_after_a_move(
    organization: MockedOrganization,
) -> None:
    organization.configure_centrally()
    organization.associate({"RootId": organization.root})
    organization.associate(
        {"OrganizationalUnitId": organization.unit}, {"SecurityHub": {"ServiceEnabled": False}}
    )
    assert not organization.is_enabled(organization.member)

    organization.move(organization.member, organization.unit, organization.root)

    assert organization.is_enabled(organization.member)


def test_associations_are_applied_or_inherited(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    policy_id = organization.associate({"OrganizationalUnitId": organization.unit})

    inherited = admin.get_configuration_policy_association(
        Target={"AccountId": organization.member}
    )

    assert inherited["AssociationType"] == "INHERITED"
    assert inherited["AssociationStatus"] == "SUCCESS"
    listed = admin.list_configuration_policy_associations(
        Filters={"ConfigurationPolicyId": policy_id, "AssociationType": "APPLIED"}
    )["ConfigurationPolicyAssociationSummaries"]
    assert [summary["TargetId"] for summary in listed] == [organization.unit]


def test_a_target_outside_the_organization_is_not_found(organization: MockedOrganization) -> None:
    organization.configure_centrally()
    cases: list[dict[str, Any]] = [{"RootId": "r-none"}, {"AccountId": "9" * 12}]
    for target in cases:
        with pytest.raises(ClientError) as refused:
            organization.associate(target)

        assert code_of(refused.value) == "ResourceNotFoundException", target


def test_an_account_with_a_policy_cannot_enable_or_disable_its_hub(
    organization: MockedOrganization,
) -> None:
    organization.configure_centrally()
    organization.associate({"RootId": organization.root})
    member = organization.hub(organization.member)

    for switch in (member.enable_security_hub, member.disable_security_hub):
        with pytest.raises(ClientError, match="central configuration policy") as refused:
            switch()
        assert code_of(refused.value) == "AccessDeniedException"


def test_after_disassociation_an_account_is_self_managed_with_its_settings(
    organization: MockedOrganization,
) -> None:
    admin = organization.configure_centrally()
    policy_id = organization.associate({"RootId": organization.root})

    admin.start_configuration_policy_disassociation(
        ConfigurationPolicyIdentifier=policy_id, Target={"RootId": organization.root}
    )

    assert organization.is_enabled(organization.member)
    assert organization.is_enabled(organization.member, LINKED)
    admin.disassociate_members(AccountIds=[organization.member])
    organization.hub(organization.member).disable_security_hub()
    assert not organization.is_enabled(organization.member)
    with pytest.raises(ClientError) as gone:
        admin.get_configuration_policy_association(Target={"RootId": organization.root})
    assert code_of(gone.value) == "ResourceNotFoundException"


def test_only_an_applied_association_can_be_removed(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    policy_id = organization.associate({"RootId": organization.root})

    with pytest.raises(ClientError) as refused:
        admin.start_configuration_policy_disassociation(
            ConfigurationPolicyIdentifier=policy_id, Target={"AccountId": organization.member}
        )

    assert code_of(refused.value) == "ResourceNotFoundException"


def test_policies_and_hubs_have_tags(organization: MockedOrganization) -> None:
    admin = organization.configure_centrally()
    policy = admin.create_configuration_policy(
        Name="tagged", ConfigurationPolicy=POLICY, Tags={"a": "1", "b": "2"}
    )
    hub = admin.describe_hub()["HubArn"]

    admin.untag_resource(ResourceArn=policy["Arn"], TagKeys=["a"])
    admin.tag_resource(ResourceArn=hub, Tags={"c": "3"})

    assert admin.list_tags_for_resource(ResourceArn=policy["Arn"])["Tags"] == {"b": "2"}
    assert admin.list_tags_for_resource(ResourceArn=hub)["Tags"] == {"c": "3"}

"""Finding aggregators, linked Regions and the findings that accounts see."""

from collections.abc import Callable, Iterator
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

OTHER = "eu-west-1"


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        yield built


def test_an_aggregator_belongs_to_its_home_region(organization: MockedOrganization) -> None:
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


def test_an_invalid_linking_mode_is_refused(organization: MockedOrganization) -> None:
    admin = organization.delegate()
    for mode, regions in [
        ("SOME_REGIONS", []),
        ("ALL_REGIONS", [LINKED]),
        ("SPECIFIED_REGIONS", []),
        ("SPECIFIED_REGIONS", [HOME]),
        ("SPECIFIED_REGIONS", ["eu-nowhere-1"]),
        ("ALL_REGIONS_EXCEPT_SPECIFIED", []),
        ("NO_REGIONS", [LINKED]),
    ]:
        with pytest.raises(ClientError) as refused:
            admin.create_finding_aggregator(RegionLinkingMode=mode, Regions=regions)

        assert code_of(refused.value) == "InvalidInputException", (mode, regions)


def test_an_account_has_one_aggregator(organization: MockedOrganization) -> None:
    admin = organization.delegate()
    admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")

    with pytest.raises(ClientError, match="already has the finding aggregator"):
        admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")


def test_an_opt_in_region_cannot_be_the_home_region(
    organization: MockedOrganization,
) -> None:
    management = organization.hub(MANAGEMENT, "eu-south-1")
    management.enable_security_hub()

    with pytest.raises(ClientError, match="opt-in Region") as refused:
        management.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")

    assert code_of(refused.value) == "InvalidInputException"


def test_an_aggregator_is_managed_in_its_home_region_only(organization: MockedOrganization) -> None:
    admin = organization.delegate()
    created = admin.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
    arn = created["FindingAggregatorArn"]
    organization.hub(MANAGEMENT, LINKED).enable_organization_admin_account(
        AdminAccountId=organization.security
    )
    elsewhere = organization.hub(organization.security, LINKED)

    changes: list[Callable[[], Any]] = [
        lambda: elsewhere.delete_finding_aggregator(FindingAggregatorArn=arn),
        lambda: elsewhere.update_finding_aggregator(
            FindingAggregatorArn=arn, RegionLinkingMode="ALL_REGIONS"
        ),
    ]
    for change in changes:
        with pytest.raises(ClientError, match=f"home Region of {arn} is {HOME}"):
            change()
    assert elsewhere.list_finding_aggregators()["FindingAggregators"] == [
        {"FindingAggregatorArn": arn}
    ]


def test_a_member_reads_the_aggregator_of_its_administrator(
    organization: MockedOrganization,
) -> None:
    organization.configure_centrally()
    organization.associate({"RootId": organization.root})
    member = organization.hub(organization.member)

    with pytest.raises(ClientError, match="cannot be created by a member") as refused:
        member.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")

    assert code_of(refused.value) == "InvalidInputException"
    listed = organization.hub(organization.security).list_finding_aggregators()
    assert member.list_finding_aggregators()["FindingAggregators"] == listed["FindingAggregators"]


@pytest.mark.parametrize(
    ("mode", "regions", "gathered"),
    [
        ("ALL_REGIONS", (), {HOME, LINKED, OTHER}),
        ("ALL_REGIONS_EXCEPT_SPECIFIED", (OTHER,), {HOME, LINKED}),
        ("SPECIFIED_REGIONS", (OTHER,), {HOME, OTHER}),
        ("NO_REGIONS", (), {HOME}),
    ],
)
def test_the_home_region_aggregates_findings_of_linked_regions(
    organization: MockedOrganization, mode: str, regions: tuple[str, ...], gathered: set[str]
) -> None:
    alone = organization.join("alone")
    for region in (HOME, LINKED, OTHER):
        organization.hub(alone, region).enable_security_hub()
        organization.import_finding(alone, region)
    organization.hub(alone).create_finding_aggregator(RegionLinkingMode=mode, Regions=list(regions))

    assert organization.seen_by(alone) == {(alone, region) for region in gathered}
    assert organization.seen_by(alone, LINKED) == {(alone, LINKED)}


def test_the_administrator_sees_findings_of_members_and_members_their_own(
    organization: MockedOrganization,
) -> None:
    other = organization.join("other")
    organization.configure_centrally()
    organization.associate({"RootId": organization.root})
    for account, region in ((organization.member, LINKED), (other, HOME)):
        organization.import_finding(account, region)

    seen = {
        account: (organization.seen_by(account), organization.seen_by(account, LINKED))
        for account in (organization.security, organization.member, other)
    }

    linked, home = (organization.member, LINKED), (other, HOME)
    assert seen == {
        organization.security: ({linked, home}, {linked}),
        organization.member: ({linked}, {linked}),
        other: ({home}, set()),
    }


def test_a_linked_region_requires_an_administrator(
    organization: MockedOrganization,
) -> None:
    admin = organization.delegate()
    admin.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    admin.create_members(AccountDetails=[{"AccountId": organization.member}])
    organization.hub(organization.member, LINKED).enable_security_hub()
    for region in (HOME, LINKED):
        organization.import_finding(organization.member, region)

    assert organization.seen_by(organization.security) == {(organization.member, HOME)}
    assert organization.seen_by(organization.member) == {(organization.member, HOME)}
    organization.hub(MANAGEMENT, LINKED).enable_organization_admin_account(
        AdminAccountId=organization.security
    )
    organization.hub(organization.security, LINKED).create_members(
        AccountDetails=[{"AccountId": organization.member}]
    )
    both = {(organization.member, HOME), (organization.member, LINKED)}
    assert organization.seen_by(organization.security) == both
    assert organization.seen_by(organization.member) == both


def test_newly_linked_regions_are_administered_and_removed_ones_keep_hubs(
    organization: MockedOrganization,
) -> None:
    admin = organization.configure_centrally("SPECIFIED_REGIONS", (LINKED,))
    organization.associate({"RootId": organization.root})
    (known,) = admin.list_finding_aggregators()["FindingAggregators"]

    admin.update_finding_aggregator(
        FindingAggregatorArn=known["FindingAggregatorArn"],
        RegionLinkingMode="SPECIFIED_REGIONS",
        Regions=[OTHER],
    )

    assert organization.is_enabled(organization.member, OTHER)
    assert organization.is_enabled(organization.security, OTHER)
    assert organization.is_enabled(organization.member, LINKED)
    organization.import_finding(organization.member, LINKED)
    organization.import_finding(organization.member, OTHER)
    assert organization.seen_by(organization.security) == {(organization.member, OTHER)}

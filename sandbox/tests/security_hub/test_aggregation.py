"""Finding aggregators, the findings that accounts see, and insights."""

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


GENERATOR = "product/detection"
ACTIVE_ONES = {
    "GeneratorId": [{"Value": GENERATOR, "Comparison": "EQUALS"}],
    "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
}
INSIGHT = {"Name": "by account", "Filters": ACTIVE_ONES, "GroupByAttribute": "AwsAccountId"}


@pytest.fixture
def central() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        built.configure_centrally()
        built.associate({"RootId": built.root})
        yield built


def counts(hub: Any, arn: str) -> dict[str, int]:
    results = hub.get_insight_results(InsightArn=arn)["InsightResults"]
    assert results["InsightArn"] == arn
    return {one["GroupByAttributeValue"]: one["Count"] for one in results["ResultValues"]}


def test_an_insight_can_be_read_updated_and_deleted(
    central: MockedOrganization,
) -> None:
    admin = central.hub(central.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]
    prefix = f"arn:aws:securityhub:{HOME}:{central.security}:insight"
    assert arn.startswith(f"{prefix}/{central.security}/custom/")
    assert admin.get_insights()["Insights"] == [{**INSIGHT, "InsightArn": arn}]

    admin.update_insight(InsightArn=arn, GroupByAttribute="ResourceId")

    (changed,) = admin.get_insights(InsightArns=[arn])["Insights"]
    assert changed == {**INSIGHT, "GroupByAttribute": "ResourceId", "InsightArn": arn}
    assert admin.delete_insight(InsightArn=arn)["InsightArn"] == arn
    assert admin.get_insights()["Insights"] == []
    calls: list[Callable[[], Any]] = [
        lambda: admin.get_insights(InsightArns=[arn]),
        lambda: admin.get_insight_results(InsightArn=arn),
        lambda: admin.update_insight(InsightArn=arn, Name="x"),
        lambda: admin.delete_insight(InsightArn=arn),
    ]
    for call in calls:
        with pytest.raises(ClientError) as gone:
            call()
        assert code_of(gone.value) == "ResourceNotFoundException"


def test_an_insight_counts_the_findings_that_the_account_sees(
    central: MockedOrganization,
) -> None:
    other = central.join("other")
    for account, region, changes in (
        (central.member, HOME, {"Id": "one"}),
        (central.member, LINKED, {"Id": "two"}),
        (other, HOME, {"Id": "three"}),
        (other, HOME, {"Id": "archived", "RecordState": "ARCHIVED"}),
        (other, HOME, {"Id": "foreign", "GeneratorId": "somebody else"}),
    ):
        central.import_finding(account, region, **({"GeneratorId": GENERATOR} | changes))
    insights = {
        where: central.hub(*where).create_insight(**INSIGHT)["InsightArn"]
        for where in (
            (central.security, HOME),
            (central.security, LINKED),
            (central.member, HOME),
            (other, HOME),
        )
    }

    counted = {where: counts(central.hub(*where), arn) for where, arn in insights.items()}

    assert counted == {
        (central.security, HOME): {central.member: 2, other: 1},
        (central.security, LINKED): {central.member: 1},
        (central.member, HOME): {central.member: 2},
        (other, HOME): {other: 1},
    }


def test_results_are_ordered_by_count_and_include_every_resource(
    central: MockedOrganization,
) -> None:
    hub = central.hub(central.member)
    rare, frequent = ({"Type": "Other", "Id": name} for name in ("rare", "frequent"))
    central.import_finding(central.member, Id="1", Resources=[rare, frequent])
    central.import_finding(central.member, Id="2", Resources=[frequent, frequent])
    arn = hub.create_insight(Name="x", Filters={}, GroupByAttribute="ResourceId")["InsightArn"]

    results = hub.get_insight_results(InsightArn=arn)["InsightResults"]

    assert results["GroupByAttribute"] == "ResourceId"
    assert results["ResultValues"] == [
        {"GroupByAttributeValue": "frequent", "Count": 2},
        {"GroupByAttributeValue": "rare", "Count": 1},
    ]


def test_an_insight_has_at_most_a_hundred_results(central: MockedOrganization) -> None:
    hub = central.hub(central.member)
    for number in range(101):
        central.import_finding(central.member, Id=f"finding-{number}")
    arn = hub.create_insight(Name="x", Filters={}, GroupByAttribute="Id")["InsightArn"]

    assert len(counts(hub, arn)) == 100


def test_an_invalid_insight_is_refused(
    central: MockedOrganization,
) -> None:
    admin = central.hub(central.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]
    cases: list[dict[str, Any]] = [
        {"GroupByAttribute": "AccountId"},
        {"GroupByAttribute": " "},
        {"Name": "x" * 129},
        {"Filters": {"NoteText": [{"Value": "x", "Comparison": "EQUALS"}]}},
        {"Filters": {"Title": [{"Value": "x"}]}},
        {"Filters": {"Title": [{"Value": "x", "Comparison": "CONTAINS"}]}},
        {"Filters": {"Title": [{"Value": "x", "Comparison": "IS"}]}},
    ]
    for changes in cases:
        with pytest.raises(ClientError) as not_created:
            admin.create_insight(**(INSIGHT | {"Name": "another"} | changes))
        with pytest.raises(ClientError) as not_updated:
            admin.update_insight(InsightArn=arn, **changes)
        assert code_of(not_created.value) == "InvalidInputException", changes
        assert code_of(not_updated.value) == "InvalidInputException", changes
        assert admin.get_insights()["Insights"] == [{**INSIGHT, "InsightArn": arn}], changes


def test_the_name_of_an_insight_is_unique(central: MockedOrganization) -> None:
    admin = central.hub(central.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "ResourceConflictException"
    admin.update_insight(InsightArn=arn, Name=INSIGHT["Name"])
    central.hub(central.member).create_insight(**INSIGHT)


def test_an_account_has_at_most_a_hundred_insights_in_a_region(
    central: MockedOrganization,
) -> None:
    admin = central.hub(central.security)
    for number in range(100):
        admin.create_insight(**(INSIGHT | {"Name": f"insight {number}"}))

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "LimitExceededException"
    central.hub(central.security, LINKED).create_insight(**INSIGHT)
    pages = admin.get_paginator("get_insights").paginate(PaginationConfig={"PageSize": 30})
    assert sum(len(page["Insights"]) for page in pages) == 100


def test_insights_require_an_enabled_hub(central: MockedOrganization) -> None:
    alone = central.join("alone")
    central.leave(alone)
    hub = central.hub(alone)
    arn = hub.create_insight(**INSIGHT)["InsightArn"]
    hub.disable_security_hub()

    calls: list[Callable[[], Any]] = [
        lambda: hub.create_insight(**INSIGHT),
        hub.get_insights,
        lambda: hub.get_insight_results(InsightArn=arn),
        lambda: hub.update_insight(InsightArn=arn, Name="x"),
        lambda: hub.delete_insight(InsightArn=arn),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="is not subscribed") as refused:
            call()
        assert code_of(refused.value) == "InvalidAccessException"
    hub.enable_security_hub()
    assert [one["InsightArn"] for one in hub.get_insights()["Insights"]] == [arn]

"""Custom insights: their settings and results."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.security_hub.organization import (
    HOME,
    LINKED,
    MockedOrganization,
    code_of,
    mocked_organization,
)

GENERATOR = "product/detection"
ACTIVE_ONES = {
    "GeneratorId": [{"Value": GENERATOR, "Comparison": "EQUALS"}],
    "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
}
INSIGHT = {"Name": "by account", "Filters": ACTIVE_ONES, "GroupByAttribute": "AwsAccountId"}


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        built.configure_centrally()
        built.associate({"RootId": built.root})
        yield built


def counts(hub: Any, arn: str) -> dict[str, int]:
    results = hub.get_insight_results(InsightArn=arn)["InsightResults"]
    assert results["InsightArn"] == arn
    return {one["GroupByAttributeValue"]: one["Count"] for one in results["ResultValues"]}


def test_an_insight_can_be_read_updated_and_deleted(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]
    prefix = f"arn:aws:securityhub:{HOME}:{organization.security}:insight"
    assert arn.startswith(f"{prefix}/{organization.security}/custom/")
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
    organization: MockedOrganization,
) -> None:
    other = organization.join("other")
    for account, region, changes in (
        (organization.member, HOME, {"Id": "one"}),
        (organization.member, LINKED, {"Id": "two"}),
        (other, HOME, {"Id": "three"}),
        (other, HOME, {"Id": "archived", "RecordState": "ARCHIVED"}),
        (other, HOME, {"Id": "foreign", "GeneratorId": "somebody else"}),
    ):
        organization.import_finding(account, region, **({"GeneratorId": GENERATOR} | changes))
    insights = {
        where: organization.hub(*where).create_insight(**INSIGHT)["InsightArn"]
        for where in (
            (organization.security, HOME),
            (organization.security, LINKED),
            (organization.member, HOME),
            (other, HOME),
        )
    }

    counted = {where: counts(organization.hub(*where), arn) for where, arn in insights.items()}

    assert counted == {
        (organization.security, HOME): {organization.member: 2, other: 1},
        (organization.security, LINKED): {organization.member: 1},
        (organization.member, HOME): {organization.member: 2},
        (other, HOME): {other: 1},
    }


def test_results_are_ordered_by_count_and_include_every_resource(
    organization: MockedOrganization,
) -> None:
    hub = organization.hub(organization.member)
    rare, frequent = ({"Type": "Other", "Id": name} for name in ("rare", "frequent"))
    organization.import_finding(organization.member, Id="1", Resources=[rare, frequent])
    organization.import_finding(organization.member, Id="2", Resources=[frequent, frequent])
    arn = hub.create_insight(Name="x", Filters={}, GroupByAttribute="ResourceId")["InsightArn"]

    results = hub.get_insight_results(InsightArn=arn)["InsightResults"]

    assert results["GroupByAttribute"] == "ResourceId"
    assert results["ResultValues"] == [
        {"GroupByAttributeValue": "frequent", "Count": 2},
        {"GroupByAttributeValue": "rare", "Count": 1},
    ]


def test_an_insight_has_at_most_a_hundred_results(organization: MockedOrganization) -> None:
    hub = organization.hub(organization.member)
    for number in range(101):
        organization.import_finding(organization.member, Id=f"finding-{number}")
    arn = hub.create_insight(Name="x", Filters={}, GroupByAttribute="Id")["InsightArn"]

    assert len(counts(hub, arn)) == 100


def test_an_invalid_insight_is_refused(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
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


def test_the_name_of_an_insight_is_unique(organization: MockedOrganization) -> None:
    admin = organization.hub(organization.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "ResourceConflictException"
    admin.update_insight(InsightArn=arn, Name=INSIGHT["Name"])
    organization.hub(organization.member).create_insight(**INSIGHT)


def test_an_account_has_at_most_a_hundred_insights_in_a_region(
    organization: MockedOrganization,
) -> None:
    admin = organization.hub(organization.security)
    for number in range(100):
        admin.create_insight(**(INSIGHT | {"Name": f"insight {number}"}))

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "LimitExceededException"
    organization.hub(organization.security, LINKED).create_insight(**INSIGHT)
    pages = admin.get_paginator("get_insights").paginate(PaginationConfig={"PageSize": 30})
    assert sum(len(page["Insights"]) for page in pages) == 100


def test_insights_require_an_enabled_hub(organization: MockedOrganization) -> None:
    alone = organization.join("alone")
    organization.leave(alone)
    hub = organization.hub(alone)
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

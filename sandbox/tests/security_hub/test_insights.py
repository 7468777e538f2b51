"""Custom insights: what they may say, and what they count."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.security_hub.organization import (
    HOME,
    LINKED,
    Organization,
    code_of,
    mocked_organization,
)

GENERATOR = "rootwatch/root_console_login_without_mfa"
ACTIVE_ONES = {
    "GeneratorId": [{"Value": GENERATOR, "Comparison": "EQUALS"}],
    "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
}
INSIGHT = {"Name": "by account", "Filters": ACTIVE_ONES, "GroupByAttribute": "AwsAccountId"}


@pytest.fixture
def organization() -> Iterator[Organization]:
    with mocked_organization() as built:
        built.configure_centrally()
        built.associate({"RootId": built.root})
        yield built


def counts(hub: Any, arn: str) -> dict[str, int]:
    results = hub.get_insight_results(InsightArn=arn)["InsightResults"]
    assert results["InsightArn"] == arn
    return {one["GroupByAttributeValue"]: one["Count"] for one in results["ResultValues"]}


def test_an_insight_is_read_as_it_was_made_changed_in_parts_and_deleted(
    organization: Organization,
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
    for call in (
        lambda: admin.get_insights(InsightArns=[arn]),
        lambda: admin.get_insight_results(InsightArn=arn),
        lambda: admin.update_insight(InsightArn=arn, Name="x"),
        lambda: admin.delete_insight(InsightArn=arn),
    ):
        with pytest.raises(ClientError) as gone:
            call()
        assert code_of(gone.value) == "ResourceNotFoundException"


def test_the_administrator_counts_what_it_sees_and_a_member_its_own(
    organization: Organization,
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


def test_the_most_frequent_value_stands_first_and_every_resource_counts(
    organization: Organization,
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


def test_an_insight_has_a_hundred_results_at_most(organization: Organization) -> None:
    hub = organization.hub(organization.member)
    for number in range(101):
        organization.import_finding(organization.member, Id=f"finding-{number}")
    arn = hub.create_insight(Name="x", Filters={}, GroupByAttribute="Id")["InsightArn"]

    assert len(counts(hub, arn)) == 100


@pytest.mark.parametrize(
    "changes",
    [
        {"GroupByAttribute": "AccountId"},
        {"GroupByAttribute": " "},
        {"Name": "x" * 129},
        {"Filters": {"NoteText": [{"Value": "x", "Comparison": "EQUALS"}]}},
        {"Filters": {"Title": [{"Value": "x"}]}},
        {"Filters": {"Title": [{"Value": "x", "Comparison": "CONTAINS"}]}},
        {"Filters": {"Title": [{"Value": "x", "Comparison": "IS"}]}},
    ],
)
def test_an_insight_that_makes_no_sense_is_neither_made_nor_kept(
    organization: Organization, changes: dict[str, Any]
) -> None:
    admin = organization.hub(organization.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]

    for call in (
        lambda: admin.create_insight(**(INSIGHT | {"Name": "another"} | changes)),
        lambda: admin.update_insight(InsightArn=arn, **changes),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused.value) == "InvalidInputException"
    assert admin.get_insights()["Insights"] == [{**INSIGHT, "InsightArn": arn}]


def test_a_name_is_taken_once(organization: Organization) -> None:
    admin = organization.hub(organization.security)
    arn = admin.create_insight(**INSIGHT)["InsightArn"]

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "ResourceConflictException"
    admin.update_insight(InsightArn=arn, Name=INSIGHT["Name"])
    organization.hub(organization.member).create_insight(**INSIGHT)


def test_an_account_has_a_hundred_insights_a_region_at_most(organization: Organization) -> None:
    admin = organization.hub(organization.security)
    for number in range(100):
        admin.create_insight(**(INSIGHT | {"Name": f"insight {number}"}))

    with pytest.raises(ClientError) as refused:
        admin.create_insight(**INSIGHT)

    assert code_of(refused.value) == "LimitExceededException"
    organization.hub(organization.security, LINKED).create_insight(**INSIGHT)
    pages = admin.get_paginator("get_insights").paginate(PaginationConfig={"PageSize": 30})
    assert sum(len(page["Insights"]) for page in pages) == 100


def test_insights_need_an_enabled_hub(organization: Organization) -> None:
    alone = organization.join("alone")
    organization.leave(alone)
    hub = organization.hub(alone)
    arn = hub.create_insight(**INSIGHT)["InsightArn"]
    hub.disable_security_hub()

    for call in (
        lambda: hub.create_insight(**INSIGHT),
        hub.get_insights,
        lambda: hub.get_insight_results(InsightArn=arn),
        lambda: hub.update_insight(InsightArn=arn, Name="x"),
        lambda: hub.delete_insight(InsightArn=arn),
    ):
        with pytest.raises(ClientError, match="is not subscribed") as refused:
            call()
        assert code_of(refused.value) == "InvalidAccessException"
    hub.enable_security_hub()
    assert [one["InsightArn"] for one in hub.get_insights()["Insights"]] == [arn]

"""Hubs, imports and GetFindings by the API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core import set_initial_no_auth_action_count
from moto.core.base_backend import BackendDict
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

from sandbox.security_hub import extend
from sandbox.tests.security_hub.organization import (
    HOME,
    LINKED,
    MANAGEMENT,
    MockedOrganization,
    build,
    client,
    code_of,
    finding,
    mocked_organization,
    role_keys,
)


@pytest.fixture
def organization() -> Iterator[MockedOrganization]:
    with mocked_organization() as built:
        yield built


def test_extend_is_idempotent(organization: MockedOrganization) -> None:
    extend()

    assert not organization.is_enabled(organization.member)


def test_an_account_enables_and_disables_its_hub(organization: MockedOrganization) -> None:
    member = organization.hub(organization.member)
    member.enable_security_hub(EnableDefaultStandards=False)
    member.update_security_hub_configuration(AutoEnableControls=False)

    assert member.describe_hub()["AutoEnableControls"] is False
    with pytest.raises(ClientError) as refused:
        member.enable_security_hub()
    assert code_of(refused.value) == "ResourceConflictException"
    member.disable_security_hub()
    assert not organization.is_enabled(organization.member)


def test_an_import_requires_an_enabled_hub(organization: MockedOrganization) -> None:
    with pytest.raises(ClientError, match="is not subscribed to AWS Security Hub") as refused:
        organization.hub(organization.member).batch_import_findings(
            Findings=[finding(organization.member)]
        )

    assert code_of(refused.value) == "InvalidAccessException"


def test_an_import_can_fail_for_single_findings(organization: MockedOrganization) -> None:
    member = organization.hub(organization.member)
    member.enable_security_hub()

    answer = member.batch_import_findings(
        Findings=[
            finding(organization.member),
            finding(organization.member, Id="foreign", AwsAccountId=organization.security),
            finding(organization.member, Id="late", CreatedAt="yesterday"),
        ]
    )

    assert (answer["SuccessCount"], answer["FailedCount"]) == (1, 2)
    failed = {entry["Id"]: entry["ErrorCode"] for entry in answer["FailedFindings"]}
    assert failed == {"foreign": "InvalidAccess", "late": "InvalidInput"}


def test_an_import_is_idempotent(organization: MockedOrganization) -> None:
    member = organization.hub(organization.member)
    member.enable_security_hub()

    answers = [
        member.batch_import_findings(Findings=[finding(organization.member)]) for _ in range(2)
    ]

    assert [answer["SuccessCount"] for answer in answers] == [1, 1]
    assert len(member.get_findings()["Findings"]) == 1


def test_findings_are_filtered_and_paged(organization: MockedOrganization) -> None:
    member = organization.hub(organization.member)
    member.enable_security_hub()
    imported = [finding(organization.member, Id=f"f-{number}") for number in range(5)]
    member.batch_import_findings(Findings=[*imported, finding(organization.member, Id="other")])
    filters = {"Id": [{"Value": "f-", "Comparison": "PREFIX"}]}

    first = member.get_findings(Filters=filters, MaxResults=3)
    second = member.get_findings(Filters=filters, MaxResults=3, NextToken=first["NextToken"])

    seen = [found["Id"] for found in first["Findings"] + second["Findings"]]
    assert seen == ["f-0", "f-1", "f-2", "f-3", "f-4"]
    assert "NextToken" not in second


def test_invalid_arguments_of_get_findings_are_refused(organization: MockedOrganization) -> None:
    admin = organization.delegate()
    cases: list[dict[str, Any]] = [
        {"Filters": {"NoteText": [{"Value": "x", "Comparison": "EQUALS"}]}},
        {"SortCriteria": [{"Field": "Title", "SortOrder": "asc"}]},
        {"NextToken": "nonsense"},
        {
            "Filters": {
                "Title": [
                    {"Value": "x", "Comparison": "EQUALS"},
                    {"Value": "y", "Comparison": "NOT_EQUALS"},
                ]
            }
        },
    ]
    for arguments in cases:
        with pytest.raises(ClientError) as refused:
            admin.get_findings(**arguments)

        assert code_of(refused.value) == "InvalidInputException", arguments


def test_a_reset_clears_the_state(organization: MockedOrganization) -> None:
    organization.configure_centrally()
    BackendDict.reset()

    rebuilt = build()

    assert rebuilt.hub(MANAGEMENT).list_organization_admin_accounts()["AdminAccounts"] == []
    assert not rebuilt.is_enabled(rebuilt.security)


def test_an_import_requires_permission_for_the_product(
    organization: MockedOrganization,
) -> None:
    organization.hub(organization.member).enable_security_hub()
    own = f"arn:aws:securityhub:{HOME}:{organization.member}:product/{organization.member}/default"
    permitted, refused = (
        _role_client(organization, name, resource)
        for name, resource in (("permitted", own), ("refused", own.replace(HOME, LINKED)))
    )
    import_findings = set_initial_no_auth_action_count(0)(
        lambda hub: hub.batch_import_findings(Findings=[finding(organization.member)])
    )

    assert import_findings(permitted)["SuccessCount"] == 1
    with pytest.raises(ClientError, match="not authorized to perform"):
        import_findings(refused)


def _role_client(organization: MockedOrganization, name: str, resource: str) -> Any:
    statement = {"Effect": "Allow", "Action": "securityhub:*", "Resource": resource}
    role = iam_backends[organization.member]["aws"].create_role(
        name, "{}", "/", None, "", [], "3600"
    )
    role.put_policy("import", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return client("securityhub", None, role_keys(role.arn))


def test_the_operations_are_served_over_http() -> None:
    extend()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        organization = build(f"http://{host}:{port}")
        admin = organization.configure_centrally()
        policy_id = organization.associate({"RootId": organization.root})
        arn = admin.list_finding_aggregators()["FindingAggregators"][0]["FindingAggregatorArn"]

        policy = admin.get_configuration_policy(Identifier=policy_id)
        aggregator = admin.get_finding_aggregator(FindingAggregatorArn=arn)
        tags = admin.list_tags_for_resource(ResourceArn=policy["Arn"])["Tags"]

        assert aggregator["FindingAggregationRegion"] == HOME
        assert tags == {}
        assert organization.is_enabled(organization.member, LINKED)
    finally:
        server.stop()

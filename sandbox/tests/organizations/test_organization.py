"""Reads of the organization, and who may make them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
)
from sandbox.tests.resources import allow, client_with, code_of, create_role, message_of, session_of

MEMBER = MEMBERS[0].id
ROLE = organization.ACCESS_ROLE


@pytest.fixture
def _delegated(sandbox: Sandbox) -> Iterator[None]:
    trail = sandbox.client("cloudtrail")
    trail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    yield
    trail.deregister_organization_delegated_admin(DelegatedAdminAccountId=SECURITY.id)


@pytest.fixture
def _reinstated() -> Iterator[None]:
    yield
    organization.reinstate(MEMBER)


def arn(kind: str, resource: str) -> str:
    return f"arn:aws:organizations::{MANAGEMENT.id}:{kind}/{ORGANIZATION_ID}/{resource}"


def test_a_member_can_only_describe_the_organization(sandbox: Sandbox) -> None:
    client = sandbox.client("organizations", SECURITY.id)

    assert client.describe_organization()["Organization"]["Id"] == ORGANIZATION_ID
    with pytest.raises(ClientError) as refused:
        client.describe_account(AccountId=MEMBER)
    assert code_of(refused.value) == "AccessDeniedException"
    assert message_of(refused.value) == "You don't have permissions to access this resource."


@pytest.mark.usefixtures("_delegated")
def test_a_delegated_administrator_can_read_but_not_change_the_organization(
    sandbox: Sandbox,
) -> None:
    client = sandbox.client("organizations", SECURITY.id)
    account = client.describe_account(AccountId=MEMBER)["Account"]
    (unit,) = client.list_parents(ChildId=MEMBER)["Parents"]
    named = client.describe_organizational_unit(OrganizationalUnitId=unit["Id"])
    (root,) = client.list_parents(ChildId=unit["Id"])["Parents"]

    assert (account["Name"], account["Status"]) == ("payments", "ACTIVE")
    assert account["JoinedTimestamp"].timestamp() <= time.time()
    assert named["OrganizationalUnit"]["Name"] == "Workloads"
    assert root["Type"] == "ROOT"
    with pytest.raises(ClientError) as refused:
        client.close_account(AccountId=MEMBER)
    assert code_of(refused.value) == "AccessDeniedException"


@pytest.mark.usefixtures("_delegated")
def test_an_unknown_account_or_unit_is_not_found(sandbox: Sandbox) -> None:
    cases: list[tuple[str, dict[str, str], str]] = [
        ("describe_account", {"AccountId": "999999999999"}, "AccountNotFoundException"),
        ("list_parents", {"ChildId": "999999999999"}, "ChildNotFoundException"),
        ("list_parents", {"ChildId": "ou-exam-12345678"}, "ChildNotFoundException"),
    ]
    for method, parameters, code in cases:
        client = sandbox.client("organizations", SECURITY.id)

        with pytest.raises(ClientError) as refused:
            getattr(client, method)(**parameters)

        assert code_of(refused.value) == code, (method, parameters, code)


@pytest.mark.usefixtures("_delegated")
def test_a_read_is_authorized_on_the_account_or_the_unit(sandbox: Sandbox) -> None:
    own = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
    describe = allow("organizations:DescribeAccount", arn("account", MEMBER))
    parents = allow("organizations:ListParents", arn("account", "*"))
    role = create_role(sandbox, SECURITY.id, own, describe, parents)
    client = client_with(sandbox, "organizations", session_of(sandbox, role))
    client.describe_account(AccountId=MEMBER)
    (unit,) = client.list_parents(ChildId=MEMBER)["Parents"]
    refused = {
        "describe_account": {"AccountId": MEMBERS[1].id},
        "list_parents": {"ChildId": unit["Id"]},
        "describe_organizational_unit": {"OrganizationalUnitId": unit["Id"]},
    }

    for method, parameters in refused.items():
        with pytest.raises(ClientError) as denied:
            getattr(client, method)(**parameters)
        assert code_of(denied.value) == "AccessDeniedException"


@pytest.mark.usefixtures("_reinstated")
def test_calls_in_a_suspended_account_are_denied_until_it_is_reinstated(sandbox: Sandbox) -> None:
    hub: Any = sandbox.client("securityhub", MEMBER)
    hub.enable_security_hub()
    role = {"RoleArn": f"arn:aws:iam::{MEMBER}:role/{ROLE}", "RoleSessionName": "test"}
    organization.suspend(MEMBER)
    with pytest.raises(ClientError) as shut:
        sandbox.client("sts").assume_role(**role)
    with pytest.raises(ClientError) as refused:
        hub.describe_hub()
    described = sandbox.client("organizations").describe_account(AccountId=MEMBER)["Account"]
    organization.reinstate(MEMBER)

    assert code_of(shut.value) == "AccessDenied"
    assert code_of(refused.value) == "AccessDeniedException"
    assert described["Status"] == "SUSPENDED"
    assert sandbox.client("sts").assume_role(**role)
    assert hub.describe_hub()


def test_an_account_that_left_is_not_found(sandbox: Sandbox) -> None:
    (account,) = organization.join_many(1, "Workloads")
    client = sandbox.client("organizations")
    before = client.describe_account(AccountId=account.id)["Account"]["Status"]
    organization.leave(account.id)

    assert before == "ACTIVE"
    with pytest.raises(ClientError) as refused:
        client.describe_account(AccountId=account.id)
    assert code_of(refused.value) == "AccountNotFoundException"


def test_many_accounts_can_join(sandbox: Sandbox) -> None:
    accounts = organization.join_many(50, "Workloads")
    client = sandbox.client("organizations")
    pages = client.get_paginator("list_accounts").paginate()
    listed = {account["Id"] for page in pages for account in page["Accounts"]}
    role = f"arn:aws:iam::{accounts[-1].id}:role/{ROLE}"

    assert {account.id for account in accounts} <= listed
    assert sandbox.client("sts").assume_role(RoleArn=role, RoleSessionName="test")


def test_a_page_has_twenty_accounts(sandbox: Sandbox) -> None:
    organization.join_many(30, "Workloads")
    client = sandbox.client("organizations")
    pages = list(client.get_paginator("list_accounts").paginate())
    sizes = [len(page["Accounts"]) for page in pages]

    assert sizes[:-1] == [20] * (len(sizes) - 1)
    assert len({one["Id"] for page in pages for one in page["Accounts"]}) == sum(sizes)
    for mistake in ({"MaxResults": 21}, {"NextToken": "more"}):
        with pytest.raises(ClientError) as refused:
            client.list_accounts(**mistake)
        assert code_of(refused.value) == "InvalidInputException"


def test_units_and_accounts_are_listed_by_parent(sandbox: Sandbox) -> None:
    client = sandbox.client("organizations")
    (root,) = client.list_roots()["Roots"]
    units = client.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"]
    ids = {unit["Name"]: unit["Id"] for unit in units}
    in_root = client.list_accounts_for_parent(ParentId=root["Id"])["Accounts"]
    in_security = client.list_accounts_for_parent(ParentId=ids["Security"])["Accounts"]

    assert root["Id"] == organization.ROOT_ID
    assert MANAGEMENT.id in {account["Id"] for account in in_root}
    assert {account["Id"] for account in in_security} == {LOG_ARCHIVE.id, SECURITY.id}
    assert {account["State"] for account in in_security} == {"ACTIVE"}


def test_trusted_access_and_delegated_administrators_are_listed(sandbox: Sandbox) -> None:
    client = sandbox.client("organizations")
    described = client.describe_organization()["Organization"]
    trusted = client.list_aws_service_access_for_organization()["EnabledServicePrincipals"]

    assert (described["FeatureSet"], described["MasterAccountId"]) == ("ALL", MANAGEMENT.id)
    assert {one["ServicePrincipal"] for one in trusted} == set(organization.TRUSTED_SERVICES)
    assert client.list_delegated_administrators()["DelegatedAdministrators"] == []


@pytest.mark.usefixtures("_delegated")
def test_delegations_are_listed_by_service_and_by_account(sandbox: Sandbox) -> None:
    client = sandbox.client("organizations")
    service = "cloudtrail.amazonaws.com"
    (admin,) = client.list_delegated_administrators(ServicePrincipal=service)[
        "DelegatedAdministrators"
    ]
    services = client.list_delegated_services_for_account(AccountId=SECURITY.id)

    assert (admin["Id"], admin["State"]) == (SECURITY.id, "ACTIVE")
    assert [one["ServicePrincipal"] for one in services["DelegatedServices"]] == [service]


def test_delegated_services_of_another_account_are_an_error(sandbox: Sandbox) -> None:
    cases: list[tuple[str, str]] = [
        (MEMBER, "AccountNotRegisteredException"),
        ("999999999999", "AccountNotFoundException"),
    ]
    for account, code in cases:
        with pytest.raises(ClientError) as refused:
            sandbox.client("organizations").list_delegated_services_for_account(AccountId=account)

        assert code_of(refused.value) == code, (account, code)

"""Accounts outside of the organization, and their invitations."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import (
    ACCESS_ROLE,
    MANAGEMENT,
    MEMBERS,
    ORGANIZATION_ID,
    ROOT_ID,
    Account,
    new_number,
)
from sandbox.tests.cloudformation.stack_set_helper import FOLLOWING, DeployedStackSet
from sandbox.tests.resources import code_of, trusting, unique


@pytest.fixture
def outsider(sandbox: Sandbox) -> Account:  # noqa: ARG001  it is opened while the sandbox runs
    account = Account(new_number(), unique("outsider"))
    organization.open_account(account)
    return account


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return sandbox.client("organizations")


def target(account: str) -> dict[str, str]:
    return {"Id": account, "Type": "ACCOUNT"}


def invite(client: Any, account: Account) -> str:
    invited = client.invite_account_to_organization(Target=target(account.id))
    return str(invited["Handshake"]["Id"])


def accept(sandbox: Sandbox, account: Account, handshake: str) -> Any:
    own = sandbox.client("organizations", account.id)
    return own.accept_handshake(HandshakeId=handshake)["Handshake"]


def test_a_standalone_account_works(sandbox: Sandbox, outsider: Account) -> None:
    iam = sandbox.client("iam", outsider.id)
    iam.create_role(RoleName="own", AssumeRolePolicyDocument=trusting({"AWS": outsider.id}))
    events = sandbox.client("events", outsider.id)
    events.put_rule(Name="own", EventPattern='{"source": ["aws.signin"]}')

    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["own"]
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["own"]
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]


def test_a_standalone_account_has_no_role_for_the_management_account(
    sandbox: Sandbox, outsider: Account
) -> None:
    with pytest.raises(ClientError) as refused:
        sandbox.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{outsider.id}:role/{ACCESS_ROLE}", RoleSessionName="test"
        )

    assert code_of(refused.value) == "AccessDenied"


def test_a_standalone_account_is_in_no_organization(sandbox: Sandbox, outsider: Account) -> None:
    own = sandbox.client("organizations", outsider.id)

    for call in (own.describe_organization, own.list_roots, own.list_accounts):
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused.value) == "AWSOrganizationsNotInUseException"


def test_an_invitation_is_open_until_it_is_accepted(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    handshake = client.invite_account_to_organization(Target=target(outsider.id), Notes="Welcome")[
        "Handshake"
    ]
    own = sandbox.client("organizations", outsider.id)
    received = own.list_handshakes_for_account()["Handshakes"]

    assert (handshake["State"], handshake["Action"]) == ("OPEN", "INVITE")
    assert handshake["Parties"] == [
        {"Id": ORGANIZATION_ID, "Type": "ORGANIZATION"},
        target(outsider.id),
    ]
    assert {"Type": "NOTES", "Value": "Welcome"} in handshake["Resources"]
    assert [one["Id"] for one in received] == [handshake["Id"]]
    assert organization.organization_of(outsider.id) is None


def test_an_account_that_accepts_is_in_the_root(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    handshake = invite(client, outsider)
    accepted = accept(sandbox, outsider, handshake)
    account = client.describe_account(AccountId=outsider.id)["Account"]
    own = sandbox.client("organizations", outsider.id)

    assert accepted["State"] == "ACCEPTED"
    assert client.describe_handshake(HandshakeId=handshake)["Handshake"] == accepted
    assert (account["Name"], account["Email"]) == (outsider.name, outsider.email)
    assert (account["JoinedMethod"], account["State"]) == ("INVITED", "ACTIVE")
    assert client.list_parents(ChildId=outsider.id)["Parents"][0]["Id"] == ROOT_ID
    assert own.describe_organization()["Organization"]["Id"] == ORGANIZATION_ID


def test_an_invited_account_has_no_access_role_until_its_owner_creates_one(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    accept(sandbox, outsider, invite(client, outsider))
    sts, iam = sandbox.client("sts"), sandbox.client("iam", outsider.id)
    way_in = {
        "RoleArn": f"arn:aws:iam::{outsider.id}:role/{ACCESS_ROLE}",
        "RoleSessionName": "test",
    }
    with pytest.raises(ClientError) as refused:
        sts.assume_role(**way_in)
    before = iam.list_roles()["Roles"]
    iam.create_role(RoleName=ACCESS_ROLE, AssumeRolePolicyDocument=trusting({"AWS": MANAGEMENT.id}))

    assert code_of(refused.value) == "AccessDenied"
    assert before == []
    assert sts.assume_role(**way_in)


def test_stack_sets_reach_an_invited_account(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    stack_set.deploy(ROOT_ID)
    handshake = invite(client, outsider)
    before = stack_set.accounts()
    accept(sandbox, outsider, handshake)

    assert outsider.id not in before
    assert stack_set.has_resources(outsider.id)


def test_an_account_can_be_invited_by_its_email_address(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    invited = client.invite_account_to_organization(Target={"Id": outsider.email, "Type": "EMAIL"})[
        "Handshake"
    ]
    accept(sandbox, outsider, invited["Id"])

    assert organization.organization_of(outsider.id) == ORGANIZATION_ID


def test_an_account_that_left_can_be_invited_back(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    accept(sandbox, outsider, invite(client, outsider))
    sandbox.client("organizations", outsider.id).leave_organization()
    accept(sandbox, outsider, invite(client, outsider))

    assert organization.organization_of(outsider.id) == ORGANIZATION_ID


def test_a_member_cannot_be_invited(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.invite_account_to_organization(Target=target(MEMBERS[0].id))

    assert code_of(refused.value) == "HandshakeConstraintViolationException"
    assert refused.value.response["Reason"] == "ALREADY_IN_AN_ORGANIZATION"


def test_an_account_with_an_open_invitation_cannot_be_invited(
    client: Any, outsider: Account
) -> None:
    invite(client, outsider)
    with pytest.raises(ClientError) as refused:
        invite(client, outsider)

    assert code_of(refused.value) == "DuplicateHandshakeException"


def test_an_unknown_account_cannot_be_invited(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.invite_account_to_organization(Target=target("999999999999"))

    assert code_of(refused.value) == "InvalidInputException"


def test_only_the_invited_account_can_accept(
    sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    handshake = invite(client, outsider)
    for caller in (client, sandbox.client("organizations", MEMBERS[0].id)):
        with pytest.raises(ClientError) as refused:
            caller.accept_handshake(HandshakeId=handshake)
        assert code_of(refused.value) == "AccessDeniedException"

    assert organization.organization_of(outsider.id) is None


@pytest.mark.parametrize(
    ("handshake", "code"),
    [(None, "HandshakeAlreadyInStateException"), ("h-00000000", "HandshakeNotFoundException")],
)
def test_only_an_open_invitation_can_be_accepted(
    handshake: str | None, code: str, sandbox: Sandbox, client: Any, outsider: Account
) -> None:
    invitation = invite(client, outsider)
    accept(sandbox, outsider, invitation)

    with pytest.raises(ClientError) as refused:
        accept(sandbox, outsider, handshake or invitation)
    assert code_of(refused.value) == code

"""Accounts are created, moved, removed and closed by the API of AWS Organizations."""

from collections.abc import Callable, Iterator
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
    SECURITY,
    Account,
    listening_to_moves,
    new_number,
)
from sandbox.tests.cloudformation.stack_set_helper import (
    FOLLOWING,
    DeployedStackSet,
    create_unit,
    unit_id,
)
from sandbox.tests.resources import code_of, message_of, trusting, unique

MEMBER = MEMBERS[0].id
STRANGER = "999999999999"


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return sandbox.client("organizations")


@pytest.fixture
def created(client: Any) -> Callable[..., str]:
    """Creates an account and gives its number."""

    def create(**more: Any) -> str:
        name = unique("account")
        request = {"AccountName": name, "Email": f"{name}@example.com", **more}
        status = client.create_account(**request)["CreateAccountStatus"]
        done = client.describe_create_account_status(CreateAccountRequestId=status["Id"])
        return str(done["CreateAccountStatus"]["AccountId"])

    return create


@pytest.fixture
def _delegated(sandbox: Sandbox) -> Iterator[None]:
    trail = sandbox.client("cloudtrail")
    trail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    yield
    trail.deregister_organization_delegated_admin(DelegatedAdminAccountId=SECURITY.id)


def refusal_of(call: Callable[..., Any], **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value


def test_create_account_returns_before_the_account_exists(client: Any) -> None:
    begun = client.create_account(AccountName="new", Email="new@example.com")
    request = begun["CreateAccountStatus"]
    done = client.describe_create_account_status(CreateAccountRequestId=request["Id"])
    status = done["CreateAccountStatus"]
    account = client.describe_account(AccountId=status["AccountId"])["Account"]

    assert request["State"] == "IN_PROGRESS"
    assert "AccountId" not in request
    assert (status["State"], status["AccountName"]) == ("SUCCEEDED", "new")
    assert (account["Name"], account["Email"]) == ("new", "new@example.com")
    assert (account["State"], account["Status"]) == ("ACTIVE", "ACTIVE")
    assert account["JoinedMethod"] == "CREATED"
    assert client.list_parents(ChildId=account["Id"])["Parents"] == [
        {"Id": ROOT_ID, "Type": "ROOT"}
    ]


def test_an_email_address_belongs_to_one_account(client: Any, created: Callable[..., str]) -> None:
    account = client.describe_account(AccountId=created())["Account"]
    client.remove_account_from_organization(AccountId=account["Id"])
    again = client.create_account(AccountName="again", Email=account["Email"])
    status = client.describe_create_account_status(
        CreateAccountRequestId=again["CreateAccountStatus"]["Id"]
    )["CreateAccountStatus"]

    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    assert "AccountId" not in status


def test_an_unknown_request_is_not_found(client: Any) -> None:
    error = refusal_of(client.describe_create_account_status, CreateAccountRequestId="car-00000000")

    assert code_of(error) == "CreateAccountStatusNotFoundException"


def test_the_management_account_can_assume_the_requested_role_of_a_new_account(
    sandbox: Sandbox, created: Callable[..., str]
) -> None:
    account = created(RoleName="Entrance")
    sts = sandbox.client("sts")
    entered = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/Entrance", RoleSessionName="test"
    )
    other = refusal_of(
        sts.assume_role,
        RoleArn=f"arn:aws:iam::{account}:role/{ACCESS_ROLE}",
        RoleSessionName="test",
    )

    assert entered["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{account}:")
    assert code_of(other) == "AccessDenied"


def test_a_new_account_works(sandbox: Sandbox, created: Callable[..., str]) -> None:
    account = created()
    buses = sandbox.client("events", account).list_event_buses()["EventBuses"]
    identity = sandbox.client("sts", account).get_caller_identity()

    assert [bus["Name"] for bus in buses] == ["default"]
    assert identity["Account"] == account


def test_an_account_moves_to_another_unit(
    sandbox: Sandbox, client: Any, created: Callable[..., str]
) -> None:
    account, unit = created(), create_unit(sandbox, ROOT_ID)
    client.move_account(AccountId=account, SourceParentId=ROOT_ID, DestinationParentId=unit)

    assert client.list_parents(ChildId=account)["Parents"][0]["Id"] == unit
    assert client.list_children(ParentId=unit, ChildType="ACCOUNT")["Children"] == [
        {"Id": account, "Type": "ACCOUNT"}
    ]
    listed = client.list_accounts_for_parent(ParentId=unit)["Accounts"]
    assert [one["Id"] for one in listed] == [account]


def test_an_invalid_move_is_refused(client: Any) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"AccountId": STRANGER}, "AccountNotFoundException"),
        ({"SourceParentId": ROOT_ID}, "SourceParentNotFoundException"),
        ({"DestinationParentId": "ou-exam-00000000"}, "DestinationParentNotFoundException"),
        ({"DestinationParentId": "Workloads"}, "DuplicateAccountException"),
    ]
    for change, code in cases:
        home = unit_id("Workloads")
        request = {"AccountId": MEMBER, "SourceParentId": home, "DestinationParentId": ROOT_ID}
        asked = {**request, **change}
        if asked["DestinationParentId"] == "Workloads":
            asked["DestinationParentId"] = home

        assert code_of(refusal_of(client.move_account, **asked)) == code, (change, code)
        assert client.list_parents(ChildId=MEMBER)["Parents"][0]["Id"] == home, (change, code)


@pytest.mark.parametrize("leaves_itself", [True, False])
def test_an_account_that_left_works_outside_of_the_organization(
    leaves_itself: bool,  # noqa: FBT001  pytest passes it by name
    sandbox: Sandbox,
    client: Any,
    created: Callable[..., str],
) -> None:
    account = created()
    own = sandbox.client("organizations", account)
    if leaves_itself:
        own.leave_organization()
    else:
        client.remove_account_from_organization(AccountId=account)
    roles = sandbox.client("iam", account).list_roles()["Roles"]

    assert code_of(refusal_of(client.describe_account, AccountId=account)) == (
        "AccountNotFoundException"
    )
    for call in (own.describe_organization, own.list_accounts, own.leave_organization):
        assert code_of(refusal_of(call)) == "AWSOrganizationsNotInUseException"
    assert [role["RoleName"] for role in roles] == [ACCESS_ROLE]


def test_the_management_account_cannot_leave_or_be_closed(client: Any) -> None:
    code = "MasterCannotLeaveOrganizationException"
    removal = client.remove_account_from_organization
    closing = refusal_of(client.close_account, AccountId=MANAGEMENT.id)

    assert code_of(refusal_of(client.leave_organization)) == code
    assert code_of(refusal_of(removal, AccountId=MANAGEMENT.id)) == code
    assert code_of(closing) == "ConstraintViolationException"
    assert closing.response["Reason"] == "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"


@pytest.mark.usefixtures("_delegated")
def test_a_delegated_administrator_cannot_leave(sandbox: Sandbox, client: Any) -> None:
    own = sandbox.client("organizations", SECURITY.id)
    removed = refusal_of(client.remove_account_from_organization, AccountId=SECURITY.id)
    left = refusal_of(own.leave_organization)

    for error in (removed, left):
        assert code_of(error) == "ConstraintViolationException"
        assert error.response["Reason"] == "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"


def test_a_closed_account_is_suspended_and_still_listed(
    sandbox: Sandbox, client: Any, created: Callable[..., str]
) -> None:
    account = created()
    inside = sandbox.client("iam", account)
    client.close_account(AccountId=account)
    described = client.describe_account(AccountId=account)["Account"]
    pages = client.get_paginator("list_accounts").paginate()
    listed = {one["Id"]: one["State"] for page in pages for one in page["Accounts"]}
    again = refusal_of(client.close_account, AccountId=account)

    assert (described["State"], described["Status"]) == ("SUSPENDED", "SUSPENDED")
    assert listed[account] == "SUSPENDED"
    assert code_of(again) == "AccountAlreadyClosedException"
    assert "suspended" in message_of(refusal_of(inside.list_roles))


def test_a_member_account_cannot_change_the_organization(sandbox: Sandbox) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("create_account", {"AccountName": "x", "Email": "x@example.com"}),
        ("close_account", {"AccountId": MEMBER}),
        ("remove_account_from_organization", {"AccountId": MEMBER}),
        ("invite_account_to_organization", {"Target": {"Id": STRANGER, "Type": "ACCOUNT"}}),
    ]
    for method, parameters in cases:
        own = sandbox.client("organizations", SECURITY.id)

        assert code_of(refusal_of(getattr(own, method), **parameters)) == "AccessDeniedException", (
            method,
            parameters,
        )


def test_a_listener_receives_each_move(created: Callable[..., str]) -> None:
    moves: list[Any] = []
    with listening_to_moves(moves.append):
        account = created()
        organization.move(account, "Workloads")
        organization.leave(account)
    workloads = (unit_id("Workloads"), ROOT_ID)

    assert [(move.account, move.source, move.destination) for move in moves] == [
        (account, (), (ROOT_ID,)),
        (account, (ROOT_ID,), workloads),
        (account, workloads, ()),
    ]


def test_an_unknown_unit_is_reported_with_the_known_units(sandbox: Sandbox) -> None:
    cases: list[str] = ["Nowhere", "ou-exam-00000000"]
    for unit in cases:
        with pytest.raises(ValueError, match=rf"got {unit}, expected .* Root \(r-exam\)"):
            organization.move(MEMBER, unit)

        assert sandbox.client("organizations").list_parents(ChildId=MEMBER)["Parents"], unit


@pytest.fixture
def single(sandbox: Sandbox) -> Account:  # noqa: ARG001  it is opened while the sandbox runs
    account = Account(new_number(), unique("single"))
    organization.open_account(account)
    return account


def target(account: str) -> dict[str, str]:
    return {"Id": account, "Type": "ACCOUNT"}


def invite(client: Any, account: Account) -> str:
    invited = client.invite_account_to_organization(Target=target(account.id))
    return str(invited["Handshake"]["Id"])


def accept(sandbox: Sandbox, account: Account, handshake: str) -> Any:
    own = sandbox.client("organizations", account.id)
    return own.accept_handshake(HandshakeId=handshake)["Handshake"]


def test_a_single_account_works(sandbox: Sandbox, single: Account) -> None:
    iam = sandbox.client("iam", single.id)
    iam.create_role(RoleName="own", AssumeRolePolicyDocument=trusting({"AWS": single.id}))
    events = sandbox.client("events", single.id)
    events.put_rule(Name="own", EventPattern='{"source": ["aws.signin"]}')

    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["own"]
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["own"]
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]


def test_a_single_account_has_no_role_for_the_management_account(
    sandbox: Sandbox, single: Account
) -> None:
    with pytest.raises(ClientError) as refused:
        sandbox.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{single.id}:role/{ACCESS_ROLE}", RoleSessionName="test"
        )

    assert code_of(refused.value) == "AccessDenied"


def test_a_single_account_is_in_no_organization(sandbox: Sandbox, single: Account) -> None:
    own = sandbox.client("organizations", single.id)

    for call in (own.describe_organization, own.list_roots, own.list_accounts):
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused.value) == "AWSOrganizationsNotInUseException"


def test_an_invitation_is_open_until_it_is_accepted(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    handshake = client.invite_account_to_organization(Target=target(single.id), Notes="Welcome")[
        "Handshake"
    ]
    own = sandbox.client("organizations", single.id)
    received = own.list_handshakes_for_account()["Handshakes"]

    assert (handshake["State"], handshake["Action"]) == ("OPEN", "INVITE")
    assert handshake["Parties"] == [
        {"Id": ORGANIZATION_ID, "Type": "ORGANIZATION"},
        target(single.id),
    ]
    assert {"Type": "NOTES", "Value": "Welcome"} in handshake["Resources"]
    assert [one["Id"] for one in received] == [handshake["Id"]]
    assert organization.organization_of(single.id) is None


def test_an_account_that_accepts_is_in_the_root(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    handshake = invite(client, single)
    accepted = accept(sandbox, single, handshake)
    account = client.describe_account(AccountId=single.id)["Account"]
    own = sandbox.client("organizations", single.id)

    assert accepted["State"] == "ACCEPTED"
    assert client.describe_handshake(HandshakeId=handshake)["Handshake"] == accepted
    assert (account["Name"], account["Email"]) == (single.name, single.email)
    assert (account["JoinedMethod"], account["State"]) == ("INVITED", "ACTIVE")
    assert client.list_parents(ChildId=single.id)["Parents"][0]["Id"] == ROOT_ID
    assert own.describe_organization()["Organization"]["Id"] == ORGANIZATION_ID


def test_an_invited_account_has_no_access_role_until_its_owner_creates_one(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    accept(sandbox, single, invite(client, single))
    sts, iam = sandbox.client("sts"), sandbox.client("iam", single.id)
    way_in = {
        "RoleArn": f"arn:aws:iam::{single.id}:role/{ACCESS_ROLE}",
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
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    stack_set.deploy(ROOT_ID)
    handshake = invite(client, single)
    before = stack_set.accounts()
    accept(sandbox, single, handshake)

    assert single.id not in before
    assert stack_set.has_resources(single.id)


def test_an_account_can_be_invited_by_its_email_address(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    invited = client.invite_account_to_organization(Target={"Id": single.email, "Type": "EMAIL"})[
        "Handshake"
    ]
    accept(sandbox, single, invited["Id"])

    assert organization.organization_of(single.id) == ORGANIZATION_ID


def test_an_account_that_left_can_be_invited_back(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    accept(sandbox, single, invite(client, single))
    sandbox.client("organizations", single.id).leave_organization()
    accept(sandbox, single, invite(client, single))

    assert organization.organization_of(single.id) == ORGANIZATION_ID


def test_a_member_cannot_be_invited(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.invite_account_to_organization(Target=target(MEMBERS[0].id))

    assert code_of(refused.value) == "HandshakeConstraintViolationException"
    assert refused.value.response["Reason"] == "ALREADY_IN_AN_ORGANIZATION"


def test_an_account_with_an_open_invitation_cannot_be_invited(client: Any, single: Account) -> None:
    invite(client, single)
    with pytest.raises(ClientError) as refused:
        invite(client, single)

    assert code_of(refused.value) == "DuplicateHandshakeException"


def test_an_unknown_account_cannot_be_invited(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.invite_account_to_organization(Target=target("999999999999"))

    assert code_of(refused.value) == "InvalidInputException"


def test_only_the_invited_account_can_accept(
    sandbox: Sandbox, client: Any, single: Account
) -> None:
    handshake = invite(client, single)
    for caller in (client, sandbox.client("organizations", MEMBERS[0].id)):
        with pytest.raises(ClientError) as refused:
            caller.accept_handshake(HandshakeId=handshake)
        assert code_of(refused.value) == "AccessDeniedException"

    assert organization.organization_of(single.id) is None


@pytest.mark.parametrize(
    ("handshake", "code"),
    [(None, "HandshakeAlreadyInStateException"), ("h-00000000", "HandshakeNotFoundException")],
)
def test_only_an_open_invitation_can_be_accepted(
    handshake: str | None, code: str, sandbox: Sandbox, client: Any, single: Account
) -> None:
    invitation = invite(client, single)
    accept(sandbox, single, invitation)

    with pytest.raises(ClientError) as refused:
        accept(sandbox, single, handshake or invitation)
    assert code_of(refused.value) == code

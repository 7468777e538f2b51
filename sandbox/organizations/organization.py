"""The local AWS Organization: its accounts, its organizational units and its administrators."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.iam.models import IAMBackend, iam_backends
from moto.organizations import utils
from moto.organizations.models import (
    FakeAccount,
    FakeDelegatedAdministrator,
    FakeServiceAccess,
    OrganizationsBackend,
    organizations_backends,
)

from sandbox.overrides import applied, replace

PARTITION = "aws"
ORGANIZATION_ID = "o-exampleorgid"
ROOT_ID = "r-exam"
ACCESS_ROLE = "OrganizationAccountAccessRole"
DEPLOYER = "deployer"
ADMINISTRATOR_NAME = "administrator"  # the user in a standalone account
TRUSTED_SERVICES = (
    "cloudtrail.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
    "securityhub.amazonaws.com",
)
ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"


MANAGEMENT = Account("111111111111", "management")
LOG_ARCHIVE = Account("222222222222", "log-archive")
SECURITY = Account("333333333333", "security")
MEMBERS = (
    Account("444444444444", "payments"),
    Account("555555555555", "website"),
    Account("666666666666", "research"),
)
UNITS = {"Security": (LOG_ARCHIVE, SECURITY), "Workloads": MEMBERS}
ACCOUNTS = (MANAGEMENT, LOG_ARCHIVE, SECURITY, *MEMBERS)
CHANGE_LOCK = threading.RLock()
_NEW_NUMBERS = itertools.count(700_000_000_000)  # of accounts that join later

type Ancestors = tuple[str, ...]  # the units that contain an account: its parent first, root last
type MoveListener = Callable[[Move], None]


@dataclass(frozen=True, slots=True)
class AccessKey:
    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Move:
    """An account joined, moved or left. Outside of the organization it has no ancestors."""

    account: str
    source: Ancestors
    destination: Ancestors


@dataclass(frozen=True, slots=True)
class StandaloneAccount:
    """An account outside of the organization."""

    name: str
    email: str


class Members(list[FakeAccount]):
    """Moto's list of the organization's accounts, with a lookup by number."""

    def __init__(self, accounts: list[FakeAccount]) -> None:
        super().__init__(accounts)
        self._by_number = {account.id: account for account in accounts}

    def append(self, account: FakeAccount) -> None:
        super().append(account)
        self._by_number[account.id] = account

    def remove(self, account: FakeAccount) -> None:
        super().remove(account)
        del self._by_number[account.id]

    def find(self, number: str) -> FakeAccount | None:
        return self._by_number.get(number)


_standalone: dict[str, StandaloneAccount] = {}  # by number
_move_listeners: list[MoveListener] = []


@contextmanager
def listening_to_moves(listener: MoveListener) -> Iterator[None]:
    """Call it for each move, before the request that moves the account returns.

    AWS services receive it moments later.
    """
    _move_listeners.append(listener)
    try:
        yield
    finally:
        _move_listeners.remove(listener)


def _publish(move: Move) -> None:
    for listener in _move_listeners:
        listener(move)


def create_organization() -> AccessKey:
    """The access key of an administrator in the management account."""
    _standalone.clear()
    organizations = organization()
    ids = replace(
        utils, make_random_org_id=lambda: ORGANIZATION_ID, make_random_root_id=lambda: ROOT_ID
    )
    with applied(ids):
        organizations.create_organization("us-east-1", FeatureSet="ALL")
        organizations.enable_policy_type(RootId=ROOT_ID, PolicyType="SERVICE_CONTROL_POLICY")
    organizations.accounts = Members(organizations.accounts)
    for unit, accounts in UNITS.items():
        _create_unit(unit, accounts)
    _trust_services(organizations)
    return _create_administrator(MANAGEMENT.id, DEPLOYER)


def organization() -> OrganizationsBackend:
    return organizations_backends[MANAGEMENT.id][PARTITION]


def member(account: str) -> FakeAccount | None:
    """None where the account does not belong to the organization."""
    accounts = organization().accounts
    return accounts.find(account) if isinstance(accounts, Members) else None


def organization_of(account: str) -> str | None:
    """The organization's id; None where the account does not belong to it."""
    return ORGANIZATION_ID if member(account) else None


def is_active(account: str) -> bool:
    return _status(account) == "ACTIVE"


def is_suspended(account: str) -> bool:
    return _status(account) == "SUSPENDED"


def standalone_account(account: str) -> StandaloneAccount | None:
    return _standalone.get(account)


def account_with_email(email: str) -> str | None:
    """In or outside of the organization; no two accounts have the same address."""
    members = ((account.id, account.email) for account in organization().accounts)
    others = ((number, account.email) for number, account in _standalone.items())
    return next((number for number, known in (*members, *others) if known == email), None)


def ancestors(account: str) -> Ancestors:
    found = member(account)
    return () if found is None else tuple(_with_ancestors(found.parent_id))


def _with_ancestors(unit: str | None) -> Iterator[str]:
    parents = {one.id: one.parent_id for one in organization().ou}
    while unit is not None:
        yield unit
        unit = parents[unit]


def units_below(unit: str) -> set[str]:
    """The unit itself and all units in it, at any depth."""
    return {one.id for one in organization().ou if unit in _with_ancestors(one.id)}


def iam(account: str) -> IAMBackend:
    return iam_backends[account][PARTITION]


def administrator_key(account: str) -> AccessKey | None:
    """The access key of the administrator in the account; None where it has no such user."""
    user = iam(account).users.get(DEPLOYER if account == MANAGEMENT.id else ADMINISTRATOR_NAME)
    keys = user.access_keys if user else []
    return next((AccessKey(key.access_key_id, key.secret_access_key) for key in keys), None)


def new_number() -> str:
    """The number of a new account."""
    return str(next(_NEW_NUMBERS))


def open_account(account: Account) -> None:
    """Create an account outside of the organization, with an administrator."""
    _standalone[account.id] = StandaloneAccount(account.name, account.email)
    _create_administrator(account.id, ADMINISTRATOR_NAME)


def join(account: Account) -> None:
    """Create an account as CreateAccount does: in the root, with the role for administrators."""
    create_account(account.id, {"AccountName": account.name, "Email": account.email})


def create_account(number: str, request: Mapping[str, Any]) -> FakeAccount:
    """`request` has the parameters of CreateAccount."""
    role = request.get("RoleName") or ACCESS_ROLE
    with CHANGE_LOCK:
        account = _add_member(number, {**request, "RoleName": role})
        iam(number).put_role_policy(role, "AdministratorAccess", json.dumps(ADMINISTRATOR))
        _publish(Move(number, (), ancestors(number)))
        return account


def join_many(count: int, unit: str) -> list[Account]:
    """Create this many accounts in the unit of this name."""
    numbers = [new_number() for _ in range(count)]
    accounts = [Account(number, f"member-{number}") for number in numbers]
    for account in accounts:
        join(account)
        move(account.id, unit)
    return accounts


def accept_invitation(account: str) -> None:
    """The account joins the root, without a role for administrators.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
    """
    with CHANGE_LOCK:
        known = _standalone.pop(account)
        role = f"unused-{account}"  # moto creates a role in every account that joins
        joined = _add_member(
            account, {"AccountName": known.name, "Email": known.email, "RoleName": role}
        )
        iam(account).delete_role(role)
        joined.joined_method = "INVITED"
        _publish(Move(account, (), ancestors(account)))


def move(account: str, unit: str) -> None:
    """`unit` is the id or the name of a unit; the root's name is Root."""
    with CHANGE_LOCK:
        source = ancestors(account)
        organization().get_account_by_id(account).parent_id = _unit_id(unit)
        _publish(Move(account, source, ancestors(account)))


def leave(account: str) -> None:
    """The account continues to exist outside of the organization."""
    with CHANGE_LOCK:
        gone, source = organization().get_account_by_id(account), ancestors(account)
        organization().remove_account_from_organization(AccountId=account)
        _standalone[account] = StandaloneAccount(gone.name, gone.email)
        _publish(Move(account, source, ()))


def suspend(account: str) -> None:
    """As AWS does with a closed account: every call in it is denied."""
    _set_status(account, "SUSPENDED")


def reinstate(account: str) -> None:
    _set_status(account, "ACTIVE")


def _unit_id(unit: str) -> str:
    found = [one.id for one in organization().ou if unit in (one.id, one.name)]
    if len(found) != 1:
        known = ", ".join(f"{one.name} ({one.id})" for one in organization().ou)
        raise ValueError(f"got {unit}, expected the name or id of one of {known}")
    return found[0]


def _set_status(account: str, status: str) -> None:
    found = organization().get_account_by_id(account)
    found.status = found.state = status


def _status(account: str) -> str | None:
    found = member(account)
    return found.status if found else None


def _add_member(number: str, request: Mapping[str, Any]) -> FakeAccount:
    with applied(replace(utils, make_random_account_id=lambda: number)):
        organization().create_account(**request)
    return organization().get_account_by_id(number)


def _create_unit(name: str, accounts: tuple[Account, ...]) -> None:
    organization().create_organizational_unit(ParentId=ROOT_ID, Name=name)
    for account in accounts:
        join(account)
        move(account.id, name)


def _trust_services(organizations: OrganizationsBackend) -> None:
    """As `aws organizations enable-aws-service-access` does."""
    # Moto does not know all services that support trusted access and delegated administrators.
    for service in TRUSTED_SERVICES:
        if service not in FakeServiceAccess.TRUSTED_SERVICES:
            FakeServiceAccess.TRUSTED_SERVICES.append(service)
        if service not in FakeDelegatedAdministrator.SUPPORTED_SERVICES:
            FakeDelegatedAdministrator.SUPPORTED_SERVICES.append(service)
        organizations.enable_aws_service_access(ServicePrincipal=service)


def _create_administrator(account: str, name: str) -> AccessKey:
    own = iam(account)
    own.create_user("us-east-1", name)
    own.put_user_policy(name, "AdministratorAccess", json.dumps(ADMINISTRATOR))
    key = own.create_access_key(name)
    return AccessKey(key.access_key_id, key.secret_access_key)

"""The local AWS Organization: its accounts, its units, and who may enter them."""

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
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

from sandbox.organizations.membership import Lineage, Members, Move, Owner, tell
from sandbox.overrides import applied, replace

PARTITION = "aws"
ORGANIZATION_ID = "o-exampleorgid"
ROOT_ID = "r-exam"
ACCESS_ROLE = "OrganizationAccountAccessRole"
DEPLOYER = "deployer"
OWN_ADMINISTRATOR = "administrator"  # of an account that its owner opened
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
_NEW_NUMBERS = itertools.count(700_000_000_000)  # of accounts that join later
ACCOUNTS = (MANAGEMENT, LOG_ARCHIVE, SECURITY, *MEMBERS)
ONE_CHANGE_AT_A_TIME = threading.RLock()
_outside: dict[str, Owner] = {}  # the accounts that belong to no organization, by number


@dataclass(frozen=True, slots=True)
class AccessKey:
    id: str
    secret: str


def create_organization() -> AccessKey:
    """Create it in moto; the key is the one of an administrator in the management account."""
    _outside.clear()
    organizations = organization()
    ids = replace(
        utils, make_random_org_id=lambda: ORGANIZATION_ID, make_random_root_id=lambda: ROOT_ID
    )
    with applied(ids):
        organizations.create_organization("us-east-1", FeatureSet="ALL")
    organizations.accounts = Members(organizations.accounts)
    for unit, accounts in UNITS.items():
        _create_unit(unit, accounts)
    _trust_services(organizations)
    return _create_administrator(MANAGEMENT.id, DEPLOYER)


def organization() -> OrganizationsBackend:
    return organizations_backends[MANAGEMENT.id][PARTITION]


def member(account: str) -> FakeAccount | None:
    """The account as the organization knows it, or None where it does not belong to it."""
    accounts = organization().accounts
    return accounts.find(account) if isinstance(accounts, Members) else None


def organization_of(account: str) -> str | None:
    """The organization's id, or None where the account does not belong to it."""
    return ORGANIZATION_ID if member(account) else None


def is_active(account: str) -> bool:
    return _status(account) == "ACTIVE"


def is_suspended(account: str) -> bool:
    return _status(account) == "SUSPENDED"


def outsider(account: str) -> Owner | None:
    """Whose the account is, if it exists and belongs to no organization."""
    return _outside.get(account)


def owned_by(email: str) -> str | None:
    """The account that has this address, in or outside of the organization: one at most."""
    inside = ((account.id, account.email) for account in organization().accounts)
    outside = ((number, owner.email) for number, owner in _outside.items())
    return next((number for number, known in (*inside, *outside) if known == email), None)


def lineage(account: str) -> Lineage:
    found = member(account)
    return () if found is None else tuple(_upwards(found.parent_id))


def _upwards(unit: str | None) -> Iterator[str]:
    parents = {one.id: one.parent_id for one in organization().ou}
    while unit is not None:
        yield unit
        unit = parents[unit]


def units_below(unit: str) -> set[str]:
    """The unit itself and all that are in it, at any depth."""
    return {one.id for one in organization().ou if unit in _upwards(one.id)}


def iam(account: str) -> IAMBackend:
    return iam_backends[account][PARTITION]


def key_of(account: str) -> AccessKey | None:
    """The key of the account's own administrator, if it has one."""
    user = iam(account).users.get(DEPLOYER if account == MANAGEMENT.id else OWN_ADMINISTRATOR)
    keys = user.access_keys if user else []
    return next((AccessKey(key.access_key_id, key.secret_access_key) for key in keys), None)


def new_number() -> str:
    """An account's, which no other has."""
    return str(next(_NEW_NUMBERS))


def open_account(account: Account) -> None:
    """As anybody opens one: outside of the organization, with an administrator of its own."""
    _outside[account.id] = Owner(account.name, account.email)
    _create_administrator(account.id, OWN_ADMINISTRATOR)


def join(account: Account) -> None:
    """A new account, as CreateAccount makes it: in the root, with the role that enters it."""
    create_account(account.id, {"AccountName": account.name, "Email": account.email})


def create_account(number: str, request: Mapping[str, Any]) -> FakeAccount:
    """Join, with the parameters of CreateAccount."""
    role = request.get("RoleName") or ACCESS_ROLE
    with ONE_CHANGE_AT_A_TIME:
        account = _enroll(number, {**request, "RoleName": role})
        iam(number).put_role_policy(role, "AdministratorAccess", json.dumps(ADMINISTRATOR))
        tell(Move(number, (), lineage(number)))
        return account


def join_many(count: int, unit: str) -> list[Account]:
    """So many new accounts in a unit, by its name."""
    numbers = [new_number() for _ in range(count)]
    accounts = [Account(number, f"member-{number}") for number in numbers]
    for account in accounts:
        join(account)
        move(account.id, unit)
    return accounts


def invite(account: str) -> None:
    """It accepts: from now on it is in the root, and nobody gets a role that enters it.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
    """
    with ONE_CHANGE_AT_A_TIME:
        owner = _outside.pop(account)
        unused = f"unused-{account}"  # moto makes a role in every account that joins
        joined = _enroll(
            account, {"AccountName": owner.name, "Email": owner.email, "RoleName": unused}
        )
        iam(account).delete_role(unused)
        joined.joined_method = "INVITED"
        tell(Move(account, (), lineage(account)))


def move(account: str, unit: str) -> None:
    """To a unit by its id or name; the root's name is Root."""
    with ONE_CHANGE_AT_A_TIME:
        source = lineage(account)
        organization().get_account_by_id(account).parent_id = _unit_id(unit)
        tell(Move(account, source, lineage(account)))


def leave(account: str) -> None:
    """It lives on, outside of the organization."""
    with ONE_CHANGE_AT_A_TIME:
        gone, source = organization().get_account_by_id(account), lineage(account)
        organization().remove_account_from_organization(AccountId=account)
        _outside[account] = Owner(gone.name, gone.email)
        tell(Move(account, source, ()))


def suspend(account: str) -> None:
    """As AWS does with one that is closed or does not pay: nothing in it answers any more."""
    _set_status(account, "SUSPENDED")


def reinstate(account: str) -> None:
    _set_status(account, "ACTIVE")


def _unit_id(unit: str) -> str:
    found = [one.id for one in organization().ou if unit in (one.id, one.name)]
    if len(found) != 1:
        known = ", ".join(f"{one.name} ({one.id})" for one in organization().ou)
        raise ValueError(f"{unit}: {len(found)} units of that name or id; there are {known}")
    return found[0]


def _set_status(account: str, status: str) -> None:
    found = organization().get_account_by_id(account)
    found.status = found.state = status


def _status(account: str) -> str | None:
    found = member(account)
    return found.status if found else None


def _enroll(number: str, request: Mapping[str, Any]) -> FakeAccount:
    with applied(replace(utils, make_random_account_id=lambda: number)):
        organization().create_account(**request)
    return organization().get_account_by_id(number)


def _create_unit(name: str, accounts: tuple[Account, ...]) -> None:
    organization().create_organizational_unit(ParentId=ROOT_ID, Name=name)
    for account in accounts:
        join(account)
        move(account.id, name)


def _trust_services(organizations: OrganizationsBackend) -> None:
    """As `aws organizations enable-aws-service-access` does, the prerequisite of a deployment."""
    # moto refuses delegation for the two services that Rootwatch delegates.
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

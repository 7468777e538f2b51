"""The local AWS Organization: its accounts, its units, and who may enter them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

from moto.iam.models import iam_backends
from moto.organizations import utils
from moto.organizations.models import (
    FakeDelegatedAdministrator,
    FakeServiceAccess,
    organizations_backends,
)

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend
    from moto.organizations.models import OrganizationsBackend

PARTITION = "aws"
ORGANIZATION_ID = "o-exampleorgid"
ROOT_ID = "r-exam"
ACCESS_ROLE = "OrganizationAccountAccessRole"
DEPLOYER = "deployer"
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


@dataclass(frozen=True, slots=True)
class AccessKey:
    id: str
    secret: str


def create_organization() -> AccessKey:
    """Create it in moto; the key is the one of an administrator in the management account."""
    organizations = organizations_backends[MANAGEMENT.id][PARTITION]
    with (
        patch.object(utils, "make_random_org_id", return_value=ORGANIZATION_ID),
        patch.object(utils, "make_random_root_id", return_value=ROOT_ID),
    ):
        organizations.create_organization("us-east-1", FeatureSet="ALL")
    for unit, accounts in UNITS.items():
        _create_unit(organizations, unit, accounts)
    _trust_services(organizations)
    return _create_deployer()


def organization() -> OrganizationsBackend:
    return organizations_backends[MANAGEMENT.id][PARTITION]


def organization_of(account: str) -> str | None:
    """The organization's id, or None where the account does not belong to it."""
    members = {member.id for member in organization().accounts}
    return ORGANIZATION_ID if account in members else None


def is_active(account: str) -> bool:
    return _status(account) == "ACTIVE"


def is_suspended(account: str) -> bool:
    return _status(account) == "SUSPENDED"


def suspend(account: str) -> None:
    """As AWS does with one that is closed or does not pay: nothing in it answers any more."""
    member = organization().get_account_by_id(account)
    member.status = member.state = "SUSPENDED"


def reinstate(account: str) -> None:
    member = organization().get_account_by_id(account)
    member.status = member.state = "ACTIVE"


def leave(account: str) -> None:
    """It lives on, outside of the organization."""
    organization().remove_account_from_organization(AccountId=account)


def _status(account: str) -> str | None:
    statuses = (member.status for member in organization().accounts if member.id == account)
    return next(statuses, None)


def iam(account: str) -> IAMBackend:
    return iam_backends[account][PARTITION]


def _create_unit(
    organizations: OrganizationsBackend, name: str, accounts: tuple[Account, ...]
) -> None:
    unit = organizations.create_organizational_unit(ParentId=ROOT_ID, Name=name)
    unit_id = unit["OrganizationalUnit"]["Id"]
    for account in accounts:
        join(account)
        organizations.move_account(
            AccountId=account.id, SourceParentId=ROOT_ID, DestinationParentId=unit_id
        )


def join(account: Account) -> None:
    """A new account, as CreateAccount makes it: in the root, with the role that enters it."""
    with patch.object(utils, "make_random_account_id", return_value=account.id):
        organization().create_account(
            AccountName=account.name, Email=f"{account.name}@example.com", RoleName=ACCESS_ROLE
        )
    iam(account.id).put_role_policy(ACCESS_ROLE, "AdministratorAccess", json.dumps(ADMINISTRATOR))


def join_many(count: int, unit: str) -> list[Account]:
    """So many new accounts in a unit, by its name."""
    numbers = [str(next(_NEW_NUMBERS)) for _ in range(count)]
    accounts = [Account(number, f"member-{number}") for number in numbers]
    (unit_id,) = (ou.id for ou in organization().ou if ou.name == unit)
    for account in accounts:
        join(account)
        organization().get_account_by_id(account.id).parent_id = unit_id
    return accounts


def _trust_services(organizations: OrganizationsBackend) -> None:
    """As `aws organizations enable-aws-service-access` does, the prerequisite of a deployment."""
    # moto refuses delegation for the two services that Rootwatch delegates.
    for service in TRUSTED_SERVICES:
        if service not in FakeServiceAccess.TRUSTED_SERVICES:
            FakeServiceAccess.TRUSTED_SERVICES.append(service)
        if service not in FakeDelegatedAdministrator.SUPPORTED_SERVICES:
            FakeDelegatedAdministrator.SUPPORTED_SERVICES.append(service)
        organizations.enable_aws_service_access(ServicePrincipal=service)


def _create_deployer() -> AccessKey:
    management = iam(MANAGEMENT.id)
    management.create_user("us-east-1", DEPLOYER)
    management.put_user_policy(DEPLOYER, "AdministratorAccess", json.dumps(ADMINISTRATOR))
    key = management.create_access_key(DEPLOYER)
    return AccessKey(key.access_key_id, key.secret_access_key)

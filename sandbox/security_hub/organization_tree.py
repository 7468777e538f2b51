"""The organization as AWS Organizations has it: root, units, accounts, and whom it trusts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from moto.organizations.models import (
    FakeAccount,
    FakeDelegatedAdministrator,
    FakeOrganizationalUnit,
    OrganizationsBackend,
    organizations_backends,
)

PRINCIPAL = "securityhub.amazonaws.com"

type TargetType = Literal["ACCOUNT", "ORGANIZATIONAL_UNIT", "ROOT"]
_TARGET_TYPES: dict[str, TargetType] = {
    "ACCOUNT": "ACCOUNT",
    "ORGANIZATIONAL_UNIT": "ORGANIZATIONAL_UNIT",
    "ROOT": "ROOT",
}


@dataclass(frozen=True, slots=True)
class OrganizationTree:
    """As it was when it was asked for: to be kept no longer than one call takes."""

    id: str
    management_account_id: str
    accounts: Mapping[str, FakeAccount]
    units: Mapping[str, FakeOrganizationalUnit]
    _backend: OrganizationsBackend
    _elsewhere: Mapping[str, str] = field(default_factory=dict)  # accounts, taken to be in a unit

    @property
    def target_ids(self) -> list[str]:
        return [*self.units, *self.accounts]

    def target_type(self, target_id: str) -> TargetType | None:
        node = self._node(target_id)
        return _TARGET_TYPES[node.type] if node else None

    def lineage(self, target_id: str) -> Iterator[str]:
        """The target itself, its parent, and so on up to the root."""
        node = self._node(target_id)
        while node is not None:
            yield node.id
            parent = self._elsewhere.get(node.id, node.parent_id)
            node = self.units.get(parent) if parent else None

    def with_account_in(self, account_id: str, unit_id: str) -> Self:
        """The tree as it was when the account was in that unit."""
        return replace(self, _elsewhere={account_id: unit_id})

    def is_active(self, account_id: str) -> bool:
        return account_id in self.accounts and self.accounts[account_id].status == "ACTIVE"

    def delegated_administrator(self) -> str | None:
        """The account that is registered as Security Hub's administrator."""
        for admin in self._backend.admins:
            if PRINCIPAL in admin.services and admin.account.id in self.accounts:
                return str(admin.account.id)
        return None

    def delegate(self, account_id: str) -> None:
        """Trust Security Hub and register its administrator, as it does itself when it gets one.

        The management account cannot be registered, and needs it not.
        https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-securityhub.html
        """
        self._backend.enable_aws_service_access(ServicePrincipal=PRINCIPAL)
        if account_id in (self.management_account_id, self.delegated_administrator()):
            return
        if PRINCIPAL not in FakeDelegatedAdministrator.SUPPORTED_SERVICES:  # moto does not know it
            FakeDelegatedAdministrator.SUPPORTED_SERVICES.append(PRINCIPAL)
        self._backend.register_delegated_administrator(
            AccountId=account_id, ServicePrincipal=PRINCIPAL
        )

    def _node(self, target_id: str) -> FakeAccount | FakeOrganizationalUnit | None:
        return self.accounts.get(target_id) or self.units.get(target_id)


def organization_of(account_id: str, partition: str) -> OrganizationTree | None:
    """The organization that an account manages or belongs to."""
    backend = organizations_backends[account_id][partition]
    if backend.org is None:
        # moto keeps this register of members through a reset; the manager's own state decides.
        manager, _ = organizations_backends.master_accounts.get(account_id, (account_id, partition))
        backend = organizations_backends[manager][partition]
    accounts = {account.id: account for account in backend.accounts}
    if backend.org is None or account_id not in accounts:
        return None
    units = {unit.id: unit for unit in backend.ou}
    return OrganizationTree(backend.org.id, backend.org.master_account_id, accounts, units, backend)

"""The tree of root, organizational units and accounts, as AWS Organizations has it now."""

from dataclasses import dataclass
from typing import Literal

from moto.organizations.models import (
    FakeAccount,
    FakeOrganizationalUnit,
    OrganizationsBackend,
    organizations_backends,
)

type TargetType = Literal["ACCOUNT", "ORGANIZATIONAL_UNIT", "ROOT"]
_TARGET_TYPES: dict[str, TargetType] = {
    "ACCOUNT": "ACCOUNT",
    "ORGANIZATIONAL_UNIT": "ORGANIZATIONAL_UNIT",
    "ROOT": "ROOT",
}


@dataclass(frozen=True, slots=True)
class OrganizationTree:
    id: str
    management_account_id: str
    _backend: OrganizationsBackend

    @property
    def account_ids(self) -> list[str]:
        return [account.id for account in self._backend.accounts]

    @property
    def target_ids(self) -> list[str]:
        return [unit.id for unit in self._backend.ou] + self.account_ids

    def target_type(self, target_id: str) -> TargetType | None:
        node = self._node(target_id)
        return _TARGET_TYPES[node.type] if node else None

    def lineage(self, target_id: str) -> list[str]:
        """The target itself, its parent, and so on up to the root."""
        lineage = []
        node = self._node(target_id)
        while node is not None:
            lineage.append(node.id)
            node = self._node(node.parent_id) if node.parent_id else None
        return lineage

    def _node(self, target_id: str) -> FakeAccount | FakeOrganizationalUnit | None:
        nodes: list[FakeAccount | FakeOrganizationalUnit]
        nodes = [*self._backend.accounts, *self._backend.ou]
        return next((node for node in nodes if node.id == target_id), None)


def organization_of(account_id: str, partition: str) -> OrganizationTree | None:
    """The organization that an account manages or belongs to."""
    backend = organizations_backends[account_id][partition]
    if backend.org is None:
        # moto keeps this register of members through a reset; the manager's own state decides.
        manager, _ = organizations_backends.master_accounts.get(account_id, (account_id, partition))
        backend = organizations_backends[manager][partition]
    if backend.org is None or account_id not in {account.id for account in backend.accounts}:
        return None
    return OrganizationTree(backend.org.id, backend.org.master_account_id, backend)

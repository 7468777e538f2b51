"""AWS Organizations in the sandbox: who may call what, where moto knows the management account.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html
"""

from __future__ import annotations

import functools
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.organizations.exceptions import AccountNotFoundException, OrganizationsClientError
from moto.organizations.models import OrganizationsBackend
from moto.organizations.responses import OrganizationsResponse

from sandbox.organization import MANAGEMENT, organization, organization_of

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_MEMBERS = frozenset({"DescribeOrganization", "LeaveOrganization"})


@contextmanager
def installed() -> Iterator[None]:
    backend = property(_backend_of(vars(OrganizationsResponse)["organizations_backend"]))
    list_parents = _listing_parents(OrganizationsBackend.list_parents)
    with ExitStack() as stack:
        stack.enter_context(patch.object(OrganizationsResponse, "organizations_backend", backend))
        stack.enter_context(patch.object(OrganizationsBackend, "list_parents", list_parents))
        yield


def _backend_of(original: property) -> Any:
    def backend(response: OrganizationsResponse) -> OrganizationsBackend:
        operation = response._get_action()  # noqa: SLF001  moto's own way
        if not _may_call(response.current_account, operation):
            raise OrganizationsClientError(
                "AccessDeniedException", "You don't have permissions to access this resource."
            )
        if _is_delegated(response.current_account):
            return organization()
        assert original.fget is not None  # noqa: S101  a property of moto's has a getter
        own: OrganizationsBackend = original.fget(response)
        return own

    return backend


def _may_call(account: str, operation: str) -> bool:
    """Accounts outside of the organization learn from moto that they are in none."""
    if account == MANAGEMENT.id or organization_of(account) is None:
        return True
    reads = operation.startswith(("Describe", "List"))
    return operation in EVERY_MEMBERS or (reads and _is_delegated(account))


def _is_delegated(account: str) -> bool:
    """The delegated administrator of any service."""
    return any(admin.account.id == account for admin in organization().admins)


def _listing_parents(list_parents: Any) -> Any:
    @functools.wraps(list_parents)
    def listing(backend: OrganizationsBackend, **parameters: Any) -> dict[str, Any]:
        try:
            parents: dict[str, Any] = list_parents(backend, **parameters)
        except AccountNotFoundException as error:
            raise OrganizationsClientError(
                "ChildNotFoundException", "You specified a child that doesn't exist."
            ) from error
        return parents

    return listing

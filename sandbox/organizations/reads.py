"""AWS Organizations in the sandbox: who may call what, and reads that moto answers differently.

https://docs.aws.amazon.com/organizations/latest/APIReference/action-reference.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.organizations.exceptions import (
    AWSOrganizationsNotInUseException,
    OrganizationsClientError,
)
from moto.organizations.models import FakeAccount, OrganizationsBackend
from moto.organizations.responses import OrganizationsResponse

from sandbox.organizations.organization import MANAGEMENT, member, organization, organization_of
from sandbox.pages import BadTokenError, page

OWN_INVITATIONS = frozenset({"AcceptHandshake", "DescribeHandshake", "ListHandshakesForAccount"})
EVERY_MEMBERS = OWN_INVITATIONS | {"DescribeOrganization", "LeaveOrganization"}
OUTSIDERS = OWN_INVITATIONS | {"CreateOrganization"}
ACCOUNTS_A_PAGE = 20


@contextmanager
def installed() -> Iterator[None]:
    backend = property(_backend_of(vars(OrganizationsResponse)["organizations_backend"]))
    replacements = {
        "get_account_by_id": _finding(OrganizationsBackend.get_account_by_id),
        "list_accounts": _list_accounts,
        "list_parents": _listing_parents(OrganizationsBackend.list_parents),
        "list_delegated_services_for_account": _listing_services(
            OrganizationsBackend.list_delegated_services_for_account
        ),
    }
    with ExitStack() as stack:
        stack.enter_context(patch.object(OrganizationsResponse, "organizations_backend", backend))
        for name, replacement in replacements.items():
            stack.enter_context(patch.object(OrganizationsBackend, name, replacement))
        yield


def _backend_of(original: property) -> Any:
    def backend(response: OrganizationsResponse) -> OrganizationsBackend:
        caller = response.current_account
        operation = response._get_action()  # noqa: SLF001  moto's own way
        assert original.fget is not None  # noqa: S101  a property of moto's has a getter
        own: OrganizationsBackend = original.fget(response)
        if organization_of(caller) is None:
            _require_organization(own, operation)
        elif not _may_call(caller, operation):
            raise OrganizationsClientError(
                "AccessDeniedException", "You don't have permissions to access this resource."
            )
        return organization() if _is_delegated(caller) else own

    return backend


def _require_organization(own: OrganizationsBackend, operation: str) -> None:
    if own.org is None and operation not in OUTSIDERS:
        raise AWSOrganizationsNotInUseException


def _may_call(account: str, operation: str) -> bool:
    reads = operation.startswith(("Describe", "List"))
    return (
        account == MANAGEMENT.id or operation in EVERY_MEMBERS or (reads and _is_delegated(account))
    )


def _is_delegated(account: str) -> bool:
    """The delegated administrator of any service."""
    return any(admin.account.id == account for admin in organization().admins)


def _finding(get_account_by_id: Any) -> Any:
    """Moto looks at every account."""

    @functools.wraps(get_account_by_id)
    def finding(backend: OrganizationsBackend, account_id: str) -> FakeAccount:
        own = backend is organization() and member(account_id)
        found: FakeAccount = own or get_account_by_id(backend, account_id)
        return found

    return finding


def _list_accounts(
    backend: OrganizationsBackend, max_results: int | None = None, next_token: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Moto describes and sorts every account for each page, which it makes five times as long."""
    size = max_results or ACCOUNTS_A_PAGE
    if size > ACCOUNTS_A_PAGE:
        raise OrganizationsClientError(
            "InvalidInputException", f"MaxResults {size} is greater than {ACCOUNTS_A_PAGE}"
        )
    try:
        accounts, following = page(backend.accounts, next_token, size)
    except BadTokenError as error:
        raise OrganizationsClientError("InvalidInputException", str(error)) from error
    return [account.describe() for account in accounts], following


def _listing_parents(list_parents: Any) -> Any:
    @functools.wraps(list_parents)
    def listing(backend: OrganizationsBackend, **parameters: Any) -> dict[str, Any]:
        try:
            parents: dict[str, Any] = list_parents(backend, **parameters)
        except OrganizationsClientError as error:  # that there is no such account, or unit
            raise OrganizationsClientError(
                "ChildNotFoundException", "You specified a child that doesn't exist."
            ) from error
        return parents

    return listing


def _listing_services(list_services: Any) -> Any:
    """Moto says of an unknown account that the caller is in no organization."""

    @functools.wraps(list_services)
    def listing(backend: OrganizationsBackend, **parameters: str) -> dict[str, Any]:
        backend.get_account_by_id(parameters["AccountId"])
        services: dict[str, Any] = list_services(backend, **parameters)
        return services

    return listing

"""Who may call AWS Organizations, and reads whose responses differ from moto's.

https://docs.aws.amazon.com/organizations/latest/APIReference/action-reference.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html
"""

from typing import Any

from moto.organizations.exceptions import (
    AWSOrganizationsNotInUseException,
    OrganizationsClientError,
)
from moto.organizations.models import FakeAccount, OrganizationsBackend
from moto.organizations.responses import OrganizationsResponse

from sandbox.organizations.organization import MANAGEMENT, member, organization, organization_of
from sandbox.overrides import Override, replace, wrap
from sandbox.pages import BadTokenError, page

INVITATION_OPERATIONS = frozenset(
    {"AcceptHandshake", "DescribeHandshake", "ListHandshakesForAccount"}
)
MEMBER_OPERATIONS = INVITATION_OPERATIONS | {"DescribeOrganization", "LeaveOrganization"}
STANDALONE_OPERATIONS = INVITATION_OPERATIONS | {"CreateOrganization"}
PAGE_SIZE = 20


def overrides() -> list[Override]:
    return [
        *wrap(OrganizationsResponse, organizations_backend=_backend_for_caller),
        *replace(OrganizationsBackend, list_accounts=_list_accounts),
        *wrap(
            OrganizationsBackend,
            get_account_by_id=_get_account_by_id,
            list_parents=_list_parents,
            list_delegated_services_for_account=_list_delegated_services,
        ),
    ]


def _backend_for_caller(
    organizations_backend: Any, response: OrganizationsResponse
) -> OrganizationsBackend:
    caller = response.current_account
    operation = response._get_action()  # noqa: SLF001  moto has no other way
    own: OrganizationsBackend = organizations_backend(response)
    if organization_of(caller) is None:
        _require_organization(own, operation)
    elif not _may_call(caller, operation):
        raise OrganizationsClientError(
            "AccessDeniedException", "You don't have permissions to access this resource."
        )
    return organization() if _is_delegated(caller) else own


def _require_organization(own: OrganizationsBackend, operation: str) -> None:
    if own.org is None and operation not in STANDALONE_OPERATIONS:
        raise AWSOrganizationsNotInUseException


def _may_call(account: str, operation: str) -> bool:
    reads = operation.startswith(("Describe", "List"))
    return (
        account == MANAGEMENT.id
        or operation in MEMBER_OPERATIONS
        or (reads and _is_delegated(account))
    )


def _is_delegated(account: str) -> bool:
    """Whether the account is the delegated administrator of any service."""
    return any(admin.account.id == account for admin in organization().admins)


def _get_account_by_id(
    get_account_by_id: Any, backend: OrganizationsBackend, account_id: str
) -> FakeAccount:
    """Moto searches the list of all accounts."""
    own = backend is organization() and member(account_id)
    found: FakeAccount = own or get_account_by_id(backend, account_id)
    return found


def _list_accounts(
    backend: OrganizationsBackend, max_results: int | None = None, next_token: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Moto describes and sorts every account for each page, and its pages are too long."""
    size = max_results or PAGE_SIZE
    if size > PAGE_SIZE:
        raise OrganizationsClientError(
            "InvalidInputException", f"MaxResults {size} is greater than {PAGE_SIZE}"
        )
    try:
        accounts, following = page(backend.accounts, next_token, size)
    except BadTokenError as error:
        raise OrganizationsClientError("InvalidInputException", str(error)) from error
    return [account.describe() for account in accounts], following


def _list_parents(
    list_parents: Any, backend: OrganizationsBackend, **parameters: Any
) -> dict[str, Any]:
    try:
        parents: dict[str, Any] = list_parents(backend, **parameters)
    except OrganizationsClientError as error:  # no such account, or unit
        raise OrganizationsClientError(
            "ChildNotFoundException", "You specified a child that doesn't exist."
        ) from error
    return parents


def _list_delegated_services(
    list_services: Any, backend: OrganizationsBackend, **parameters: str
) -> dict[str, Any]:
    """For an unknown account, moto reports that the caller is in no organization."""
    backend.get_account_by_id(parameters["AccountId"])
    services: dict[str, Any] = list_services(backend, **parameters)
    return services

"""What an account that moves or leaves takes along: its hubs as they were until then."""

import functools
from collections.abc import Callable
from typing import Any

from moto.organizations.models import OrganizationsBackend

from sandbox.services.security_hub.organization import organization_in

_OPERATIONS = ("move_account", "remove_account_from_organization")
_MARK = "settles_hubs"  # which functools.wraps passes on


def watch() -> None:
    """Be told by AWS Organizations, as it tells those it trusts; a second call changes nothing."""
    for operation in _OPERATIONS:
        original = getattr(OrganizationsBackend, operation)
        if not hasattr(original, _MARK):
            setattr(OrganizationsBackend, operation, _settling(original))


def _settling(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def settling(backend: OrganizationsBackend, **parameters: Any) -> None:
        account_id = parameters["AccountId"]
        if organization := organization_in(account_id, backend.partition):
            organization.settle([account_id])
        original(backend, **parameters)

    setattr(settling, _MARK, True)
    return settling

"""What an account that moves or leaves takes along: its hubs as they were until then."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from moto.organizations.models import OrganizationsBackend

from sandbox.organizations.membership import Move
from sandbox.organizations.organization import PARTITION
from sandbox.security_hub.organization import organization_in

_OPERATIONS = ("move_account", "remove_account_from_organization")
_MARK = "settles_hubs"  # which functools.wraps passes on


def watch() -> None:
    """Be told by AWS Organizations, as it tells those it trusts; a second call changes nothing."""
    for operation in _OPERATIONS:
        original = getattr(OrganizationsBackend, operation)
        if not hasattr(original, _MARK):
            setattr(OrganizationsBackend, operation, _settling(original))


def follow(move: Move) -> None:
    """For moves of which moto does not know; an account that leaves does so by its operation."""
    organization = organization_in(move.account, PARTITION)
    if organization and move.source:
        before = organization.tree.with_account_in(move.account, move.source[0])
        replace(organization, tree=before).settle([move.account])


def _settling(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def settling(backend: OrganizationsBackend, **parameters: Any) -> None:
        account_id = parameters["AccountId"]
        if organization := organization_in(account_id, backend.partition):
            organization.settle([account_id])
        original(backend, **parameters)

    setattr(settling, _MARK, True)
    return settling

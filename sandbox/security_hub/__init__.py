"""Security Hub in an organization; moto's covers single accounts only."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from moto.organizations.models import OrganizationsBackend
from moto.securityhub import urls

from sandbox.organizations.organization import PARTITION, Move, listening_to_moves
from sandbox.security_hub.conformance import service_model
from sandbox.security_hub.organization import organization_in
from sandbox.security_hub.responses import SecurityHubOperations
from sandbox.security_hub.timing import IMMEDIATE, Timing, drawn_codes, timed

__all__ = ["Timing", "drawn_codes", "extend", "installed"]

_LABEL = "{"
_CHANGES = ("move_account", "remove_account_from_organization")
_MARK = "saves_hubs"  # functools.wraps copies it


@contextmanager
def installed(timing: Timing = IMMEDIATE) -> Iterator[None]:
    """Extend moto, and follow the membership changes of the sandbox's organization."""
    extend()
    with timed(timing), listening_to_moves(_follow):
        yield


def extend() -> None:
    """Answer moto's Security Hub requests with these operations; idempotent.

    Call it before moto's server or mock answers its first request, as both keep the paths.
    """
    for path in (*urls.url_paths, *map(_url_path, _operation_uris())):
        urls.url_paths[path] = SecurityHubOperations.dispatch
    for operation in _CHANGES:
        original = getattr(OrganizationsBackend, operation)
        if not hasattr(original, _MARK):
            setattr(OrganizationsBackend, operation, _saving_hubs(original))


def _operation_uris() -> list[str]:
    model = service_model()
    return [model.operation_model(name).http["requestUri"] for name in model.operation_names]


def _url_path(request_uri: str) -> str:
    """The path as moto writes it: labels are groups, and an ARN in a label may have slashes."""
    steps = [_step(step) for step in request_uri.split("/")]
    return "{0}" + "/".join(steps) + "$"


def _step(step: str) -> str:
    if not step.startswith(_LABEL):
        return step
    name = step.strip("{+}")
    return f"(?P<{name}>.+)"


def _follow(move: Move) -> None:
    """Save hubs at moves that bypass moto's operations; an account leaves by moto's operation."""
    organization = organization_in(move.account, PARTITION)
    if organization and move.source:
        before = organization.tree.with_account_in(move.account, move.source[0])
        replace(organization, tree=before).save_hubs([move.account])


def _saving_hubs(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def saving_hubs(backend: OrganizationsBackend, **parameters: Any) -> None:
        account_id = parameters["AccountId"]
        if organization := organization_in(account_id, backend.partition):
            organization.save_hubs([account_id])
        original(backend, **parameters)

    setattr(saving_hubs, _MARK, True)
    return saving_hubs

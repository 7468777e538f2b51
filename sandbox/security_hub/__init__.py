"""Security Hub as an organization meets it, in place of moto's single-account Security Hub."""

from collections.abc import Iterator
from contextlib import contextmanager

from moto.securityhub import urls

from sandbox.organizations.membership import followed_by
from sandbox.security_hub import departures
from sandbox.security_hub.conformance import service_model
from sandbox.security_hub.responses import SecurityHubOperations

_LABEL = "{"


@contextmanager
def installed() -> Iterator[None]:
    """Extend moto, and follow the sandbox's own organization."""
    extend()
    with followed_by(departures.follow):
        yield


def extend() -> None:
    """Answer moto's Security Hub requests with these operations; a second call changes nothing.

    To be called before moto's server or mock answers its first request, as both keep the paths.
    """
    for path in (*urls.url_paths, *map(_url_path, _operation_uris())):
        urls.url_paths[path] = SecurityHubOperations.dispatch
    departures.watch()


def _operation_uris() -> list[str]:
    model = service_model()
    return [model.operation_model(name).http["requestUri"] for name in model.operation_names]


def _url_path(request_uri: str) -> str:
    """Write a path as moto does: labels are groups, and an ARN in a label may hold slashes."""
    steps = [_step(step) for step in request_uri.split("/")]
    return "{0}" + "/".join(steps) + "$"


def _step(step: str) -> str:
    if not step.startswith(_LABEL):
        return step
    name = step.strip("{+}")
    return f"(?P<{name}>.+)"

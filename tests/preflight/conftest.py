"""The operator who runs the preflight, and the fixtures of the running sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.local import Sandbox
from sandbox.tests.conftest import delegated, sandbox, units
from tests.preflight.operators import Operator
from tests.preflight.resources import TrailCreator

__all__ = ["delegated", "sandbox", "units"]  # fixtures of the sandbox's own tests


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    return Operator(sandbox, tmp_path)


@pytest.fixture
def trails(sandbox: Sandbox) -> Iterator[TrailCreator]:
    """Creates organization trails that Rootwatch did not create."""
    created = TrailCreator(sandbox)
    yield created
    created.remove()

"""The running sandbox, one for each test file that asks for it.

Moto's state belongs to the process, and `mock_aws` resets it. So a sandbox lives no longer than the
file that uses it, and the unit tests run before other suites, which may keep one to the end.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.local import Sandbox

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: HERE not in item.path.parents)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    from sandbox.local import Sandbox  # noqa: PLC0415  moto takes seconds to load

    with Sandbox() as running:
        client = functools.cache(running.client)  # making one takes longer than most tests
        with patch.object(running, "client", client):
            yield running

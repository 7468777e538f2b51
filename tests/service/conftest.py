"""The running sandbox, one for each test file: it lives no longer than the file that uses it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from sandbox.local import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        client = functools.cache(running.client)  # making one takes longer than most tests
        with patch.object(running, "client", client):
            yield running

"""For all suites: their order, and Hypothesis, for which time is no failure."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SUITES = ("unit", "service", "synth", "sandbox")

settings.register_profile(
    "rootwatch",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),  # the same examples every time
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rootwatch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick suites first.

    The last one keeps its sandbox to the end of the session, and moto's state, which a sandbox and
    `mock_aws` share, belongs to the process.
    """
    tests = Path(__file__).parent
    items.sort(key=lambda item: SUITES.index(item.path.relative_to(tests).parts[0]))

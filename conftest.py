"""Settings for all suites: Hypothesis, and how pytest-xdist distributes the tests."""

import os

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

END_TO_END = "tests/e2e/"

settings.register_profile(
    "rootwatch",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),  # the same examples each time
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rootwatch")

# The end-of-life warning of jsii, which works with Node.js 20.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the end-to-end tests first: they take longest, and mostly wait for Terraform."""
    items.sort(key=lambda item: not item.nodeid.startswith(END_TO_END))


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist carries no types
    """Each file in one worker, and all end-to-end tests in one: they share a deployment."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(END_TO_END):
            return END_TO_END
        return str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)

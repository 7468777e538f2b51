"""One sandbox, deployed once, for the whole suite; the files run in the order of their names."""

import functools
import itertools
import signal
import uuid
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from demo.deployment import ROOT, Deployment
from demo.screen import Progress
from sandbox.local import Sandbox
from tests.e2e.configuration_runs import ConfigurationRuns
from tests.e2e.configurations import chosen_conditions
from tests.e2e.observer import Observer

CONFIG = ROOT / "config" / "complete.yaml"
CONFIGURATION_RUNS_WANTED: pytest.StashKey[bool] = pytest.StashKey()


def pytest_report_header() -> str:
    return f"conditions: {chosen_conditions()}"


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any("runs" in getattr(item, "fixturenames", ()) for item in session.items)
    session.config.stash[CONFIGURATION_RUNS_WANTED] = wanted


@pytest.fixture(scope="session", autouse=True)
def _start_configuration_runs(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> None:
    """With the first test, because the last tests wait for them."""
    if pytestconfig.stash[CONFIGURATION_RUNS_WANTED]:
        request.getfixturevalue("runs")


@pytest.fixture(scope="session")
def runs() -> Iterator[ConfigurationRuns]:
    runs = ConfigurationRuns()
    yield runs
    runs.end()


@pytest.fixture(scope="session", autouse=True)
def _unwind_on_signals() -> None:
    """A signal ends Terraform and the functions together with the tests."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: pytest.exit("ended by a signal", returncode=1))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conditions=chosen_conditions()) as running:
        client = functools.cache(running.client)  # making one takes longer than most calls
        with patch.object(running, "client", client):
            yield running


@pytest.fixture(scope="session")
def deployment(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    deployed = Deployment(tmp_path_factory.mktemp("deployment"), CONFIG, sandbox.environment())
    deployed.deploy(Progress())
    return deployed


@pytest.fixture(scope="session")
def _confirmed(sandbox: Sandbox, deployment: Deployment) -> None:
    del deployment
    sandbox.confirm_subscriptions()


@pytest.fixture
def observer(sandbox: Sandbox, _confirmed: None) -> Iterator[Observer]:
    """What is new since the test began; nothing waits, and nothing fails, once it has ended."""
    observing = Observer(sandbox)
    yield observing
    sandbox.faults.clear()
    observing.drain()
    observing.delete_dead_letter_messages()


@pytest.fixture
def new_event_id() -> Iterator[Any]:
    numbers = itertools.count()
    prefix = uuid.uuid4().hex[:12]
    return (f"{prefix}-{number}" for number in numbers)

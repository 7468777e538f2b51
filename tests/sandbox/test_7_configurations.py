"""Other configurations than the complete one, each rehearsed in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.deployment import ROOT
from sandbox.organization import MANAGEMENT, SECURITY
from tests.sandbox.configurations import CONFIGURATIONS, EXCLUDED, VICTIM
from tests.sandbox.rehearsal import PATHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AT_ONCE = 3  # most of a deployment is waiting
JOINED = "an account that joined"
# Whose findings the security account keeps, because Security Hub is off there, or no role is.
KEPT = {
    "minimal": set[str](),
    "one_account": {EXCLUDED, JOINED},
    "existing_trail": {EXCLUDED, JOINED},
    "hub_unmanaged": {EXCLUDED, JOINED},
    "second_region": {VICTIM, EXCLUDED},
}
SECURITY_ACCOUNTS = dict.fromkeys(CONFIGURATIONS, SECURITY.id) | dict.fromkeys(
    ("one_account", "existing_trail"), MANAGEMENT.id
)

type Facts = dict[str, Any]

each_configuration = pytest.mark.parametrize("name", CONFIGURATIONS)


class Rehearsals:
    """All are begun at once, some at a time, and each is waited for by whoever asks for it."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._facts = {
            name: self._pool.submit(self._rehearse, name, folder(name)) for name in CONFIGURATIONS
        }

    def facts(self, name: str) -> Facts:
        return self._facts[name].result()

    def end(self) -> None:
        """What still runs ends, and undoes what it has begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.terminate()
        self._pool.shutdown()

    def _rehearse(self, name: str, folder: Path) -> Facts:
        command = [sys.executable, "-m", "tests.sandbox.rehearsal", name, str(folder)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  our own program
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            self._processes.append(process)
            status = process.wait()
        told = (folder / "log").read_text("utf-8")
        assert status == 0, f"the rehearsal of {name} failed:\n{told[-10_000:]}"
        return dict(json.loads((folder / "facts.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsals]:
    begun = Rehearsals(tmp_path_factory.mktemp)
    yield begun
    begun.end()


@each_configuration
def test_a_second_deployment_changes_nothing(name: str, rehearsals: Rehearsals) -> None:
    facts = rehearsals.facts(name)

    assert all(facts["resources"].values())
    assert facts["changes"] == {stack: [] for stack in facts["resources"]}


@each_configuration
def test_every_sign_in_is_one_finding_and_one_notice_by_either_path_and_by_both(
    name: str, rehearsals: Rehearsals
) -> None:
    facts = rehearsals.facts(name)
    kept = {facts["joined"] if one is JOINED else one for one in KEPT[name]}
    accounts = (VICTIM, EXCLUDED, MANAGEMENT.id, facts["joined"])
    reached = {(one["account"], one["path"]) for one in facts["sign_ins"]}

    assert reached == {(account, path) for account in accounts for path in PATHS}
    for one in facts["sign_ins"]:
        unreachable = one["account"] in CONFIGURATIONS[name].excluded and one["path"] == "event bus"
        holder = SECURITY_ACCOUNTS[name] if one["account"] in kept else one["account"]
        assert one["found_in"] == [holder] * (not unreachable), one
        assert one["notices"] == (not unreachable), one
        assert one["letters"] == 0, one


@each_configuration
def test_destruction_leaves_nothing(name: str, rehearsals: Rehearsals) -> None:
    left = rehearsals.facts(name)["left"]

    assert left
    assert {place: names for place, names in left.items() if names} == {}

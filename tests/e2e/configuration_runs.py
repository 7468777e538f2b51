"""Runs each configuration in a process of its own, some at a time, from the first test on.

Most of a deployment is waiting, and the other suites leave one processor to it.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from demo.deployment import ROOT
from tests.e2e.configurations import CONFIGURATIONS

AT_ONCE = 3

type RunResults = dict[str, Any]  # as tests/e2e/configuration_run.py writes them


class ConfigurationRuns:
    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="rootwatch-configuration-runs-")
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._results = {name: self._pool.submit(self._run, name) for name in CONFIGURATIONS}

    def results(self, name: str) -> RunResults:
        """Wait for it. AssertionError with its log where it failed."""
        return self._results[name].result()

    def end(self) -> None:
        """What still runs ends, and undoes what it has begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.terminate()
        self._pool.shutdown()
        self._folder.cleanup()

    def _run(self, name: str) -> RunResults:
        folder = Path(self._folder.name, name)
        folder.mkdir()
        command = [sys.executable, "-m", "tests.e2e.configuration_run", name, str(folder)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  our own program
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            self._processes.append(process)
            status = process.wait()
        output = (folder / "log").read_text("utf-8")
        assert status == 0, f"the run of {name} failed:\n{output[-10_000:]}"
        return dict(json.loads((folder / "results.json").read_text("utf-8")))

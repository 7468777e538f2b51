"""The real `cdktf deploy`, with the sandbox as its endpoint.

It deploys what users deploy: the same app, Terraform and provider.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.screen import Progress

ROOT = Path(__file__).parents[1]
NOT_READY = re.compile(
    r"UpdateOrganizationConfiguration.*(ResourceNotFoundException|DataUnavailableException)"
    r"|CreateTrail.*InsufficientDependencyServiceAccessPermissionException"
)
ATTEMPTS, RETRY_SECONDS = 5, 5.0
TERRAFORM_CLI_CONFIG = ROOT / "build" / "terraform.rc"
QUIET = {
    # CDKTF's cache of providers, in the user's home, breaks where two deployments begin at once.
    "CDKTF_DISABLE_PLUGIN_CACHE_ENV": "1",
    "CHECKPOINT_DISABLE": "1",
    "CI": "1",
    "FORCE_COLOR": "0",
    "TF_IN_AUTOMATION": "1",
}


class DeploymentError(Exception):
    """A command failed; the message ends with its last lines of output."""

    def __init__(self, command: list[str], log: Path) -> None:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-80:])
        super().__init__(f"{' '.join(command)} failed; its last output:\n{tail}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The project's stacks, with their state in a folder of its own."""

    folder: Path
    config: Path
    environment: Mapping[str, str]  # the sandbox's
    by_command: bool = False  # with `rootwatch deploy` and `destroy` in place of `cdktf`

    def deploy(self, progress: Progress) -> None:
        """Again while a service is not ready for its delegation, as docs/deploying.md says."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._deploy_once(progress)
            except DeploymentError as error:
                if attempt == ATTEMPTS or self.by_command or not NOT_READY.search(str(error)):
                    raise
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _deploy_once(self, progress: Progress) -> None:
        if self.by_command:
            self._rootwatch("deploy")
        else:
            self._cdktf(["deploy", "*", "--auto-approve"], progress)

    def destroy(self, progress: Progress) -> None:
        if self.by_command:
            self._rootwatch("destroy")
        else:
            self._cdktf(["destroy", "*", "--auto-approve"], progress)

    def plan(self, stack: str, *options: str) -> list[str]:
        """The addresses that another deployment would change."""
        folder = self.folder / "cdktf.out" / "stacks" / stack
        plan = ["terraform", "plan", "-input=false", "-no-color", "-out=plan", *options]
        self._run(plan, folder, self.folder / f"plan-{stack}.log")
        shown = subprocess.run(
            ["terraform", "show", "-json", "plan"],  # noqa: S607  as found on the PATH
            cwd=folder,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        changes = json.loads(shown.stdout).get("resource_changes", [])
        return [change["address"] for change in changes if change["change"]["actions"] != ["no-op"]]

    def outputs(self, stack: str) -> dict[str, Any]:
        state = self._state(stack)
        return {name: output["value"] for name, output in state["outputs"].items()}

    def resources(self, stack: str) -> list[str]:
        return [
            f"{resource['type']}.{resource['name']}"
            for resource in self._state(stack)["resources"]
            if resource["mode"] == "managed"
        ]

    def _state(self, stack: str) -> dict[str, Any]:
        """Empty where nothing was ever in the stack."""
        for path in self.folder.glob(f"terraform.*.{stack}.tfstate"):
            return dict(json.loads(path.read_text("utf-8")))
        return {"outputs": {}, "resources": []}

    def _rootwatch(self, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / "rootwatch"), name, "--auto-approve"]
        self._run(command, self.folder, self.folder / f"{name}.log")

    def _cdktf(self, arguments: list[str], progress: Progress) -> None:
        self._write_app()
        log = self.folder / f"{arguments[0]}.log"
        command = [str(ROOT / "node_modules" / ".bin" / "cdktf"), *arguments]
        self._run(command, self.folder, log, progress)

    def _write_app(self) -> None:
        """`cdktf` needs its cdktf.json in the folder; this one names the project's app."""
        self.folder.mkdir(parents=True, exist_ok=True)
        app = json.loads((ROOT / "cdktf.json").read_text("utf-8"))
        app["app"] = f"{ROOT / 'rootwatch'} app"
        (self.folder / "cdktf.json").write_text(json.dumps(app, indent=2), "utf-8")

    def _run(
        self, command: list[str], folder: Path, log: Path, progress: Progress | None = None
    ) -> None:
        with log.open("w", encoding="utf-8") as output, self._started(command, folder) as process:
            assert process.stdout is not None  # noqa: S101  a pipe was asked for
            for line in process.stdout:
                output.write(line)
                output.flush()
                if progress is not None:
                    progress.read(line)
        if process.returncode != 0:
            raise DeploymentError(command, log)

    @contextmanager
    def _started(self, command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
        """In a session of its own: if this process ends early, all processes of the command do."""
        process = subprocess.Popen(  # noqa: S603  our command
            command,
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        with process, ExitStack() as unfinished:
            unfinished.callback(os.killpg, process.pid, signal.SIGKILL)
            yield process
            unfinished.pop_all()

    def _environment(self) -> dict[str, str]:
        config = {"TF_CLI_CONFIG_FILE": str(TERRAFORM_CLI_CONFIG)}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "TF_", "CDKTF_"))
        }
        return {
            **inherited,
            **QUIET,
            **self.environment,
            **config,
            "CDKTF_OUTDIR": str(self.folder / "cdktf.out"),
            "ROOTWATCH_CONFIG": str(self.config),
            "PYTHONPATH": str(ROOT),
        }

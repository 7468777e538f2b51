"""The synthesized stacks of the configuration, in the order of their deployment."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from operations.deployment.terraform import Terraform


class SynthesisError(Exception):
    """The app could not be synthesized; the message is its output."""


class UnknownStackError(Exception):
    """The configuration has no stack of this name."""


@dataclass(frozen=True, slots=True)
class App:
    """`root` is the project folder."""

    root: Path
    say: Callable[[str], None]

    def synthesize(self) -> None:
        """As `cdktf synth` does. Raises SynthesisError."""
        done = subprocess.run(  # noqa: S603  our own command
            [self.root / "rootwatch", "app"],
            cwd=self.root,
            env={**os.environ, "CDKTF_OUTDIR": str(self._output)},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SynthesisError(f"{done.stdout}{done.stderr}".strip())

    def stacks(self, only: str | None = None) -> tuple[Terraform, ...]:
        """All, or one by its name. Raises UnknownStackError."""
        manifest = json.loads((self._output / "manifest.json").read_text("utf-8"))["stacks"]
        needed = {name: manifest[name]["dependencies"] for name in manifest}
        names = list(TopologicalSorter(needed).static_order())
        if only is not None and only not in names:
            raise UnknownStackError(f"got the stack {only}, expected one of {', '.join(names)}")
        return tuple(self._terraform(name) for name in ([only] if only else names))

    @property
    def _output(self) -> Path:
        """As CDKTF, which also reads this variable."""
        return self.root / (os.environ.get("CDKTF_OUTDIR") or "cdktf.out")

    def _terraform(self, name: str) -> Terraform:
        return Terraform(
            stack=name,
            folder=self._output / "stacks" / name,
            environment={
                "CHECKPOINT_DISABLE": "1",
                "TF_CLI_CONFIG_FILE": str(self.root / "build" / "terraform.rc"),
                "TF_IN_AUTOMATION": "1",
            },
            say=self.say,
        )

"""Terraform in the folder of one synthesized stack."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLAN = "rootwatch.tfplan"
CHANGES = 2  # the exit status of `terraform plan -detailed-exitcode` that finds changes
SHOWN = frozenset({"apply_start", "apply_progress", "apply_complete", "apply_errored"})
NO_CHANGE = (["no-op"], ["read"])


class TerraformError(Exception):
    """Terraform could not be run, or it failed; its output is printed already, or `output`."""

    def __init__(self, stack: str, command: str, output: str = "") -> None:
        super().__init__(f"stack {stack}: terraform {command} failed\n{output}".rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """An error of `terraform apply`."""

    summary: str
    detail: str
    address: str | None  # of the resource

    def __str__(self) -> str:
        place = f"\n  with {self.address}" if self.address else ""
        detail = f"\n  {self.detail}" if self.detail else ""
        return f"Error: {self.summary}{detail}{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    errors: tuple[Diagnostic, ...]
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that is saved in the folder of its stack."""

    stack: str
    has_changes: bool
    changes: frozenset[tuple[str, tuple[str, ...]]]  # address and actions of each resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    stack: str
    folder: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]

    def init(self) -> None:
        """The output is shown only where it fails. Raises TerraformError."""
        self._captured("init", "-input=false", "-no-color")

    def plan(self, *options: str) -> Plan:
        """Shows it and saves it. Raises TerraformError."""
        arguments = ["plan", "-input=false", "-detailed-exitcode", f"-out={PLAN}", *options]
        if not sys.stdout.isatty():
            arguments.append("-no-color")
        with self._started(arguments, subprocess.PIPE) as process:
            for line in _lines(process):
                self.say(line.rstrip("\n"))
        if process.returncode not in (0, CHANGES):
            raise TerraformError(self.stack, "plan")
        return Plan(
            stack=self.stack,
            has_changes=process.returncode == CHANGES,
            changes=frozenset(self._changes()),
        )

    def apply(self) -> Applied:
        """Apply the saved plan, and show the progress and the errors."""
        errors, outputs = [], {}
        with self._started(["apply", "-input=false", "-json", PLAN], subprocess.PIPE) as process:
            for line in _lines(process):
                event = _event(line)
                if event.get("type") in SHOWN:
                    self.say(f"  {event['@message']}")
                elif event.get("type") == "outputs":
                    outputs = {name: one.get("value") for name, one in event["outputs"].items()}
                elif event.get("type") == "diagnostic" and event.get("@level") == "error":
                    errors.append(_diagnostic(event["diagnostic"]))
                    self.say(f"\n{errors[-1]}\n")
        if process.returncode and not errors:
            raise TerraformError(self.stack, "apply")
        return Applied(errors=tuple(errors), outputs=outputs)

    def state(self) -> dict[str, Any]:
        """Of the stack; empty if nothing is deployed. Raises TerraformError."""
        text = self._captured("state", "pull")
        return dict(json.loads(text)) if text.strip() else {}

    def untaint(self, address: str) -> None:
        self._captured("untaint", address)

    def _changes(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        plan = json.loads(self._captured("show", "-json", PLAN))
        for change in plan.get("resource_changes", ()):
            actions = change["change"]["actions"]
            if actions not in NO_CHANGE:
                yield change["address"], tuple(actions)

    def _captured(self, *arguments: str) -> str:
        with self._started([*arguments], subprocess.PIPE, subprocess.PIPE) as process:
            output, errors = process.communicate()
        if process.returncode:
            raise TerraformError(self.stack, arguments[0], f"{output}{errors}")
        return output

    @contextmanager
    def _started(
        self, arguments: list[str], stdout: int, stderr: int | None = None
    ) -> Iterator["subprocess.Popen[str]"]:
        """Ctrl-C reaches Terraform, too, which then ends by itself and saves its state."""
        environment = {**os.environ, **self.environment}
        program = environment.get("TERRAFORM_BINARY_NAME") or "terraform"  # as CDKTF
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with subprocess.Popen(  # noqa: S603  our own arguments
                [program, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process:
                yield process
        except FileNotFoundError as error:
            raise TerraformError(self.stack, arguments[0], f"{program} is not installed") from error
        finally:
            signal.signal(signal.SIGINT, before)


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None  # noqa: S101  a pipe was asked for
    yield from process.stdout


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _diagnostic(found: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(
        summary=found.get("summary", ""),
        detail=found.get("detail", "").strip(),
        address=found.get("address"),
    )

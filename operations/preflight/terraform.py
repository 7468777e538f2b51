"""The Terraform program, and its states: the resources that Rootwatch has created."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from config.settings import LocalState, S3State
from operations.preflight.access import management_account
from operations.preflight.check import Check, CheckContext
from operations.preflight.result import CheckResult, Command, Remedy, failed, passed

STACKS = ("trail", "detection", "organization", "security_hub")
ABSENT = frozenset({"NoSuchKey", "NoSuchBucket"})
NAME_ATTRIBUTES = ("id", "arn", "name", "bucket")
SYNTH = Command(None, "make synth")
# Older versions cannot lock a state in S3 without a table.
MIN_VERSION = (1, 10)
PROGRAMS = {"terraform": "Terraform", "tofu": "OpenTofu"}


@dataclass(frozen=True, slots=True)
class TerraformState:
    resources: frozenset[tuple[str, str]]  # type and name, once for each name attribute

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """None if it is not a state; Terraform reports that."""
        try:
            document = json.loads(text)["resources"] if text else None
            return None if document is None else cls(frozenset(_resources(document)))
        except (ValueError, LookupError, TypeError, AttributeError):
            return None

    def contains(self, resource_type: str, name: str) -> bool:
        return (resource_type, name) in self.resources


def _resources(resources: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        for instance in resource["instances"] if resource["mode"] == "managed" else ():
            attributes = instance["attributes"]
            for key in NAME_ATTRIBUTES:
                if key in attributes:
                    yield resource["type"], attributes[key]


def states(context: CheckContext) -> dict[str, TerraformState | None]:
    """By stack; None if the stack has no state."""
    state = context.settings.state
    if isinstance(state, LocalState):
        texts = {stack: _read_local(context, stack) for stack in STACKS}
    else:
        texts = {stack: _read_s3(context, state, stack) for stack in STACKS}
    return {stack: TerraformState.parse(text) for stack, text in texts.items()}


def is_in_state(context: CheckContext, resource_type: str, name: str) -> bool:
    found = context.cached(states).values()
    return any(state and state.contains(resource_type, name) for state in found)


def _read_local(context: CheckContext, stack: str) -> str | None:
    try:
        return (context.root / context.names.state_file(stack)).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _read_s3(context: CheckContext, state: S3State, stack: str) -> str | None:
    response = context.cached(management_account).find(
        "s3",
        "GetObject",
        absent=ABSENT,
        region=state.region,
        Bucket=state.bucket,
        Key=f"{state.key_prefix}/{context.names.state_key(stack)}",
    )
    return cast("str", response["Body"].read().decode()) if response else None


def import_remedy(root: Path, resource_type: str, identifier: str) -> Remedy:
    """Imports an existing resource whose type occurs once in the synthesized stacks.

    If the stacks are not synthesized yet, the remedy is to synthesize them.
    """
    found = _find_address(root / "cdktf.out", resource_type)
    if found is None:
        expected = "in Terraform's state; after this command, the preflight prints how to import it"
        return Remedy(expected=expected, commands=(SYNTH,))
    stack, address = found
    terraform = f"terraform -chdir=cdktf.out/stacks/{stack}"
    commands = (
        SYNTH,
        Command(None, f"{terraform} init"),
        Command(None, f"{terraform} import {shlex.quote(address)} {shlex.quote(identifier)}"),
    )
    return Remedy(expected=f"in the state of the stack {stack}", commands=commands)


def _find_address(output: Path, resource_type: str) -> tuple[str, str] | None:
    """Stack and address; None if no stack contains the type, or none is synthesized."""
    try:
        for stack in _read_json(output / "manifest.json")["stacks"]:
            resources = _read_json(output / "stacks" / stack / "cdk.tf.json").get("resource", {})
            if resource_type in resources:
                (name,) = resources[resource_type]
                return stack, f"{resource_type}.{name}"
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _check_version(context: CheckContext) -> CheckResult:
    """CDKTF runs `terraform`, or the program that TERRAFORM_BINARY_NAME names."""
    del context
    program = os.environ.get("TERRAFORM_BINARY_NAME", "terraform")
    found = {name: _version(name) for name in dict.fromkeys((program, *PROGRAMS))}
    detail = ", ".join(
        f"{PROGRAMS.get(name, name)} {version or 'not found'}" for name, version in found.items()
    )
    if (version := found[program]) and _numbers(version) >= MIN_VERSION:
        return passed(f"{detail}; the deployment runs {program}")
    expected = f"{program} {'.'.join(map(str, MIN_VERSION))} or later on the PATH"
    return failed(detail, Remedy(expected=expected))


def _version(program: str) -> str | None:
    """None if it is not installed, or does not print a version."""
    try:
        printed = subprocess.run(  # noqa: S603  the program that CDKTF would run
            [program, "version", "-json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=True,
        )
        return str(json.loads(printed.stdout)["terraform_version"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """For example (1, 11) of 1.11.4; nothing of a text that is no version."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(map(str.isdecimal, parts)) else ()


CHECKS = (Check("deployment.terraform", "Terraform version", _check_version),)

"""Terraform's states: the resources that Rootwatch has created."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from config.settings import LocalState, S3State
from operations.preflight.access import management_account
from operations.preflight.check import CheckContext
from operations.preflight.result import Command, Remedy

STACKS = ("trail", "detection", "organization")
ABSENT = frozenset({"NoSuchKey", "NoSuchBucket"})
NAME_ATTRIBUTES = ("id", "arn", "name", "bucket")
SYNTH = Command(None, "make synth")


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
        return (context.root / f"terraform.{stack}.tfstate").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _read_s3(context: CheckContext, state: S3State, stack: str) -> str | None:
    response = context.cached(management_account).find(
        "s3",
        "GetObject",
        absent=ABSENT,
        region=state.region,
        Bucket=state.bucket,
        Key=f"{state.key_prefix}/{stack}.tfstate",
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
            resources = _read_json(output / "stacks" / stack / "cdk.tf.json")["resource"]
            if resource_type in resources:
                (name,) = resources[resource_type]
                return stack, f"{resource_type}.{name}"
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))

"""The complete Terraform JSON of the examples, so that every change is reviewed."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.synth.conftest import EXAMPLES, STACKS, Synthesis
from tests.synth.terraform_json import Stack

FOLDER = Path(__file__).with_name("snapshots")
RENEW = "ROOTWATCH_RENEW_SNAPSHOTS"
ADVICE = (
    "The Terraform JSON differs from the snapshot. If this is intended, renew the snapshots "
    f"and review their diff: {RENEW}=1 pytest tests/synth/test_snapshots.py"
)
ASSET_HASH = re.compile(r"\b[0-9A-F]{32}\b")


def snapshot(stack: Stack) -> dict[str, Any]:
    """The document in a form that is readable in a diff, without the hashes of assets."""
    text = ASSET_HASH.sub("HASH", json.dumps(stack.document))
    return dict(json.loads(text, object_hook=_readable))


def _readable(arguments: dict[str, Any]) -> dict[str, Any]:
    for name, value in arguments.items():
        if name in {"assume_role_policy", "policy"} and isinstance(value, str):
            arguments[name] = json.loads(value)
        if name == "template_body":
            arguments[name] = value.splitlines()
    return arguments


@pytest.mark.parametrize("stack_name", STACKS)
@pytest.mark.parametrize("config_name", EXAMPLES)
def test_the_terraform_json_equals_the_snapshot(
    synthesize: Callable[[str], Synthesis], config_name: str, stack_name: str
) -> None:
    current = snapshot(synthesize(config_name).stack(stack_name))
    path = FOLDER / f"{config_name}-{stack_name}.json"
    if os.environ.get(RENEW) == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(json.dumps(current, indent=2, sort_keys=True) + "\n", "utf-8")

    assert path.exists(), ADVICE
    assert current == json.loads(path.read_text("utf-8")), ADVICE


def test_every_snapshot_belongs_to_an_example_and_a_stack() -> None:
    expected = {f"{config}-{stack}.json" for config in EXAMPLES for stack in STACKS}

    assert {path.name for path in FOLDER.iterdir()} == expected

"""The generated reference tables: configuration keys from the schema, outputs from the stacks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.validation import schema

ROOT = Path(__file__).parents[1]
STACKS = ("trail", "detection", "organization", "security_hub")  # in deployment order
ALARM_SUFFIX = "_alarm_arn"

type Schema = Mapping[str, Any]


def configuration_rows() -> list[tuple[str, str, str]]:
    """Key, default and description of each value in the configuration."""
    root = schema()
    return [(f"`{key.path}`", key.default, key.description) for key in _Walk(root).keys(root, "")]


def outputs_rows(documents: Mapping[str, Schema]) -> list[tuple[str, str, str]]:
    """Stack, output and description, from the Terraform JSON of each stack.

    The alarm outputs of the detections are one row.
    """
    rows = {
        (stack, f"`{_output_name(name)}`"): _output_text(name, output["description"])
        for stack in STACKS
        for name, output in documents[stack].get("output", {}).items()
    }
    return [(stack, name, text) for (stack, name), text in rows.items()]


def _output_name(name: str) -> str:
    return f"DETECTION{ALARM_SUFFIX}" if name.endswith(ALARM_SUFFIX) else name


def _output_text(name: str, text: str) -> str:
    return "ARN of the alarm of each enabled detection." if name.endswith(ALARM_SUFFIX) else text


def synthesized(config: Path) -> dict[str, Schema]:
    """The Terraform JSON of all stacks. Raises CalledProcessError."""
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "CDKTF_OUTDIR": folder, "ROOTWATCH_CONFIG": str(config)}
        subprocess.run([sys.executable, "main.py"], cwd=ROOT, env=environment, check=True)
        return {
            stack: json.loads(Path(folder, "stacks", stack, "cdk.tf.json").read_text("utf-8"))
            for stack in STACKS
        }


@dataclass(frozen=True, slots=True)
class _Key:
    path: str
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Schema

    def keys(self, node: Schema, path: str) -> Iterator[_Key]:
        yield from self._properties(node, path, "required")
        for condition, variant in self._variants(node):
            inherited = node.get("properties", {})
            own = {
                name: value
                for name, value in variant.get("properties", {}).items()
                if name not in inherited
            }
            yield from self._properties(
                {**variant, "properties": own}, path, f"required with `{condition}`"
            )

    def _properties(self, node: Schema, path: str, required: str) -> Iterator[_Key]:
        for name, value in node.get("properties", {}).items():
            resolved = self._resolved(value)
            key = f"{path}{name}"
            of_any_name = resolved.get("additionalProperties")
            if isinstance(of_any_name, Mapping) and "properties" in of_any_name:
                yield from self.keys(of_any_name, f"{key}.NAME.")
            elif "properties" in resolved:
                yield from self.keys(resolved, f"{key}.")
            else:
                default = _default(resolved.get("default", node.get("default", {}).get(name)))
                is_required = not default and name in node.get("required", [])
                yield _Key(key, required if is_required else default, _text(resolved))

    def _variants(self, node: Schema) -> list[tuple[str, Schema]]:
        """The conditional parts of an object, each with its condition as `key: value`."""
        found = []
        for branch in [node, *node.get("allOf", [])]:
            if "if" not in branch or "properties" not in branch["if"]:
                continue
            ((name, test),) = branch["if"]["properties"].items()
            found.append((f"{name}: {json.dumps(test['const'])}", branch["then"]))
            if "else" in branch and isinstance(test["const"], bool):
                found.append((f"{name}: {json.dumps(not test['const'])}", branch["else"]))
        return [
            (condition.replace('"', ""), self._resolved(variant))
            for condition, variant in found
            if "$ref" in variant
        ]

    def _resolved(self, node: Schema) -> Schema:
        if "$ref" not in node:
            return node
        target: Any = self.root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return {**target, **{name: value for name, value in node.items() if name != "$ref"}}


def _default(value: object) -> str:
    if value is None:
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _text(node: Schema) -> str:
    description: str = node["description"]
    return description.replace("|", "\\|")

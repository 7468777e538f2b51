"""Runs commands of the AWS CLI, as far as the remedies of the preflight use it.

It validates operations, options and values by botocore's models, as the AWS CLI does.
https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-types.html
"""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from operations.preflight.result import Command
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, SECURITY

SERVICES = {"s3api": "s3"}  # services with another name in the AWS CLI
PROFILES = {"log-archive": LOG_ARCHIVE.id, "security": SECURITY.id}  # as in docs/deploying.md
GLOBAL = frozenset({"--region", "--profile", "--query", "--output"})
GLOBAL_SERVICES = frozenset({"iam", "organizations", "sts"})  # which need no region


class CommandLineError(Exception):
    """The AWS CLI would reject the command."""


@dataclass(frozen=True, slots=True)
class Parsed:
    service: str
    operation: str  # as the API calls it
    parameters: dict[str, Any]
    region: str | None
    profile: str | None


def run(sandbox: Sandbox, command: Command) -> Any:
    parsed = parse(sandbox, command.line)
    account = PROFILES[parsed.profile] if parsed.profile else MANAGEMENT.id
    needs_no_profile = parsed.service == "iam"  # before the deployment role exists
    if account != command.account and not needs_no_profile:
        raise CommandLineError(f"for {command.account}, but runs in {account}: {command.line}")
    assert command.account
    client = sandbox.client(parsed.service, command.account, parsed.region or "us-east-1")
    return getattr(client, xform_name(parsed.operation))(**parsed.parameters)


def parse(sandbox: Sandbox, line: str) -> Parsed:
    program, service, kebab, *words = shlex.split(line)
    if program != "aws":
        raise CommandLineError(line)
    model = sandbox.client(SERVICES.get(service, service)).meta.service_model
    names = {xform_name(name, "-"): name for name in model.operation_names}
    operation = names[kebab]
    options = _options(words)
    region, profile = options.pop("--region", []), options.pop("--profile", [])
    if not region and service not in GLOBAL_SERVICES:
        raise CommandLineError(f"has no region: {line}")
    shape = model.operation_model(operation).input_shape
    members = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    parameters = dict(
        _parameter(members, option, values)
        for option, values in options.items()
        if option not in GLOBAL
    )
    if missing := set(shape.required_members) - set(parameters):
        raise CommandLineError(f"options {missing} are missing: {line}")
    return Parsed(
        service=SERVICES.get(service, service),
        operation=operation,
        parameters=parameters,
        region=region[0] if region else None,
        profile=profile[0] if profile else None,
    )


def _options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word, [])
        else:
            values.append(word)
    return options


def _parameter(members: dict[str, Any], option: str, values: list[str]) -> tuple[str, Any]:
    name = option.removeprefix("--")
    if name not in members and name.startswith("no-"):
        known, shape = members[name.removeprefix("no-")]
        if shape.type_name != "boolean" or values:
            raise CommandLineError(option)
        return known, False
    known, shape = members[name]
    return known, _value(shape, option, values)


def _value(shape: Any, option: str, values: list[str]) -> Any:
    if shape.type_name == "boolean" and not values:
        return True
    if shape.type_name == "list":
        is_json = len(values) == 1 and values[0].startswith("[")
        return json.loads(values[0]) if is_json else values
    if len(values) != 1:
        raise CommandLineError(f"{option} expects one value: {values}")
    if shape.type_name == "structure":
        return _structure(shape, values[0])
    if shape.type_name != "string":
        raise CommandLineError(f"{option}: {shape.type_name} is not supported")
    return values[0]


def _structure(shape: Any, value: str) -> dict[str, Any]:
    document: dict[str, Any]
    if value.startswith("{"):
        document = json.loads(value)
    else:
        document = dict(pair.split("=", 1) for pair in value.split(","))
    if unknown := set(document) - set(shape.members):
        raise CommandLineError(f"{unknown} in {value}")
    return document

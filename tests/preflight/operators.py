"""An operator who runs the preflight against the sandbox and follows its remedies."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import yaml
from botocore import xform_name
from botocore.loaders import Loader

import config
from compiler import catalog
from config.loader import load, parse
from config.settings import Settings
from operations.preflight import CHECKS, run_check, run_checks
from operations.preflight.aws import AccountClient, AwsClients
from operations.preflight.check import CheckContext
from operations.preflight.result import CheckResult, Command, Report, Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, SECURITY
from tests.unit.operations.fake_aws import config_of

PATH = Path(config.__file__).parent / "minimal.yaml"
MINIMAL = load(PATH)
DETECTIONS = catalog.enabled(MINIMAL)
MODELS = Loader()  # of the services, loaded once


def clients_of(environment: Mapping[str, str]) -> AwsClients:
    return AwsClients(_session_of(environment))


def _session_of(environment: Mapping[str, str]) -> boto3.Session:
    core = botocore.session.Session()
    core.register_component("data_loader", MODELS)
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        botocore_session=core,
    )


class CachedClients(AwsClients):
    """Assumes a role once: creating the clients of an account takes longer than using them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(_session_of(environment))
        self._accounts: dict[str, AccountClient] = {}

    def assume_role(self, role_arn: str, session_name: str, region: str) -> AccountClient:
        if role_arn not in self._accounts:
            self._accounts[role_arn] = super().assume_role(role_arn, session_name, region)
        return self._accounts[role_arn]


_CACHED: dict[str, CachedClients] = {}  # by the deployer's access key, unique to a sandbox


class Operator:
    """An administrator of the management account. AWS_ENDPOINT_URL has to be set."""

    def __init__(self, sandbox: Sandbox, root: Path, settings: Settings = MINIMAL) -> None:
        self.sandbox = sandbox
        self.root = root
        self.settings = settings

    def configured(self, **parts: Any) -> Operator:
        """With other settings: the new value of a part, or its changes as a dictionary."""
        changed = {
            name: replace(getattr(self.settings, name), **change)
            if isinstance(change, dict)
            else change
            for name, change in parts.items()
        }
        return Operator(self.sandbox, self.root, replace(self.settings, **changed))

    def with_config_of(self, result: CheckResult) -> Operator:
        """With minimal.yaml and the lines that the remedy adds to it."""
        assert self.settings == MINIMAL
        document = yaml.safe_load(PATH.read_text("utf-8"))
        for key, value in yaml.safe_load("\n".join(config_of(result))).items():
            is_changed = isinstance(value, dict) and key in document
            document[key] = document[key] | value if is_changed else value
        settings = parse(yaml.safe_dump(document), PATH)
        return Operator(self.sandbox, self.root, settings)

    def context(self, clients: AwsClients | None = None) -> CheckContext:
        chosen = clients or self._cached_clients()
        return CheckContext(
            settings=self.settings,
            detections=DETECTIONS,
            clients=chosen,
            identity=chosen.identity(self.settings.home_region),
            root=self.root,
        )

    def _cached_clients(self) -> CachedClients:
        key = self.sandbox.deployer.id
        if key not in _CACHED:
            _CACHED[key] = CachedClients(self.sandbox.environment())
        return _CACHED[key]

    def report(self, clients: AwsClients | None = None) -> Report:
        return run_checks(self.context(clients))

    def problems(self, clients: AwsClients | None = None) -> dict[str, CheckResult]:
        """The results of all checks that did not pass."""
        rows = self.report(clients).rows
        return {row.id: row.result for row in rows if row.result.status != Status.PASS}

    def check(self, id_: str) -> CheckResult:
        """One check alone, which is faster."""
        (check,) = (one for one in CHECKS if one.id == id_)
        assert check.applies(self.settings)
        return run_check(self.context(), check)

    def follow(self, result: CheckResult) -> None:
        """Runs the commands of the remedy."""
        assert result.remedy
        assert result.remedy.commands
        for command in result.remedy.commands:
            run_command(self.sandbox, command)

    def run(self, account: str, commands: tuple[tuple[str, ...], ...]) -> None:
        """Words of the AWS CLI, with the credentials of an administrator of the account."""
        cli = self.context().cli
        for words in commands:
            region = None if words[0] == "iam" else self.settings.home_region
            run_command(self.sandbox, cli.command(account, *words, region=region))


def only(found: dict[str, CheckResult], id_: str, status: Status = Status.FAIL) -> CheckResult:
    """The single result, which has to be of this check and have this status."""
    assert {key: result.status for key, result in found.items()} == {id_: status}
    return found[id_]


SERVICES = {"s3api": "s3"}  # services with another name in the AWS CLI
PROFILES = {"log-archive": LOG_ARCHIVE.id, "security": SECURITY.id}  # as in docs/deploying.md
GLOBAL = frozenset({"--region", "--profile", "--query", "--output"})
GLOBAL_SERVICES = frozenset({"iam", "organizations", "sts"})  # which need no Region


class CommandLineError(Exception):
    """The AWS CLI would reject the command."""


@dataclass(frozen=True, slots=True)
class Parsed:
    service: str
    operation: str  # as the API calls it
    parameters: dict[str, Any]
    region: str | None
    profile: str | None


def run_command(sandbox: Sandbox, command: Command) -> Any:
    parsed = parse_command(sandbox, command.line)
    account = PROFILES[parsed.profile] if parsed.profile else MANAGEMENT.id
    needs_no_profile = parsed.service == "iam"  # before the deployment role exists
    if account != command.account and not needs_no_profile:
        raise CommandLineError(f"for {command.account}, but runs in {account}: {command.line}")
    assert command.account
    client = sandbox.client(parsed.service, command.account, parsed.region or "us-east-1")
    return getattr(client, xform_name(parsed.operation))(**parsed.parameters)


def parse_command(sandbox: Sandbox, line: str) -> Parsed:
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

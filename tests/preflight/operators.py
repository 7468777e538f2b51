"""An operator who runs the preflight against the sandbox and follows its remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import yaml
from botocore.loaders import Loader

import config
from compiler import selection
from config.loader import load, parse
from config.settings import Settings
from operations.preflight import CHECKS, run_check, run_checks
from operations.preflight.aws import AccountClient, AwsClients
from operations.preflight.check import CheckContext
from operations.preflight.result import CheckResult, Report, Status
from sandbox.local import Sandbox
from tests.preflight import aws_command_line
from tests.unit.operations.fake_aws import config_of

PATH = Path(config.__file__).parent / "minimal.yaml"
MINIMAL = load(PATH)
DETECTIONS = selection.enabled(MINIMAL)
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
            aws_command_line.run(self.sandbox, command)

    def run(self, account: str, commands: tuple[tuple[str, ...], ...]) -> None:
        """Words of the AWS CLI, with the credentials of an administrator of the account."""
        cli = self.context().cli
        for words in commands:
            region = None if words[0] == "iam" else self.settings.home_region
            aws_command_line.run(self.sandbox, cli.command(account, *words, region=region))


def only(found: dict[str, CheckResult], id_: str, status: Status = Status.FAIL) -> CheckResult:
    """The single result, which has to be of this check and have this status."""
    assert {key: result.status for key, result in found.items()} == {id_: status}
    return found[id_]

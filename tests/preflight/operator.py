"""Somebody who looks before the deployment, and does what the preflight says."""

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
from operations.preflight import CHECKS, Report, look, run
from operations.preflight.cloud import Account, Cloud
from operations.preflight.facts import Facts
from operations.preflight.result import Result, Status
from sandbox.local import Sandbox
from tests.preflight import aws_command_line

PATH = Path(config.__file__).parent / "minimal.yaml"
MINIMAL = load(PATH)
DETECTIONS = selection.enabled(MINIMAL)
MODELS = Loader()  # of the services, loaded once


def session_of(environment: Mapping[str, str]) -> boto3.Session:
    own = botocore.session.Session()
    own.register_component("data_loader", MODELS)
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        botocore_session=own,
    )


class Sessions(Cloud):
    """Enters an account once, since making its clients takes longer than to use them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(session_of(environment))
        self._entered: dict[str, Account] = {}

    def enter(self, role_arn: str, session_name: str, region: str) -> Account:
        if role_arn not in self._entered:
            self._entered[role_arn] = super().enter(role_arn, session_name, region)
        return self._entered[role_arn]


_KNOWN: dict[str, Sessions] = {}  # by the deployer's key, which each sandbox has its own of


class Operator:
    """Of the management account, with the credentials that the sandbox hands out."""

    def __init__(self, sandbox: Sandbox, root: Path, settings: Settings = MINIMAL) -> None:
        self.sandbox = sandbox
        self.root = root
        self.settings = settings

    def of(self, **parts: Any) -> Operator:
        """With another configuration: a part's value, or what is different in it."""
        changed = {
            name: replace(getattr(self.settings, name), **change)
            if isinstance(change, dict)
            else change
            for name, change in parts.items()
        }
        return Operator(self.sandbox, self.root, replace(self.settings, **changed))

    def taking(self, result: Result) -> Operator:
        """With the remedy's lines in the configuration, which minimal.yaml was until now."""
        assert self.settings == MINIMAL
        document = yaml.safe_load(PATH.read_text("utf-8"))
        for key, value in yaml.safe_load("\n".join(config_of(result))).items():
            is_changed = isinstance(value, dict) and key in document
            document[key] = document[key] | value if is_changed else value
        settings = parse(yaml.safe_dump(document), PATH)
        return Operator(self.sandbox, self.root, settings)

    def facts(self, cloud: Cloud | None = None) -> Facts:
        """AWS_ENDPOINT_URL has to be set."""
        chosen = cloud or self._sessions()
        return Facts(
            settings=self.settings,
            detections=DETECTIONS,
            cloud=chosen,
            identity=chosen.identity(self.settings.home_region),
            root=self.root,
        )

    def _sessions(self) -> Sessions:
        key = self.sandbox.deployer.id
        if key not in _KNOWN:
            _KNOWN[key] = Sessions(self.sandbox.environment())
        return _KNOWN[key]

    def report(self, cloud: Cloud | None = None) -> Report:
        return run(self.facts(cloud))

    def not_ok(self, cloud: Cloud | None = None) -> dict[str, Result]:
        """Of all checks, those that found something."""
        rows = self.report(cloud).rows
        return {row.check.id: row.result for row in rows if row.result.status != Status.OK}

    def look(self, id_: str) -> Result:
        """One check alone, which takes a moment only."""
        (check,) = (one for one in CHECKS if one.id == id_)
        assert check.applies(self.settings)
        return look(self.facts(), check)

    def do(self, result: Result) -> None:
        """What the remedy says, each command in turn."""
        assert result.remedy
        assert result.remedy.commands
        for command in result.remedy.commands:
            aws_command_line.run(self.sandbox, command)


def only(found: dict[str, Result], id_: str, status: Status = Status.MISSING) -> Result:
    """The one result, of this check and with this status."""
    assert {key: result.status for key, result in found.items()} == {id_: status}
    return found[id_]


def lines(result: Result) -> list[str]:
    assert result.remedy
    return [command.line for command in result.remedy.commands]


def config_of(result: Result) -> tuple[str, ...]:
    assert result.remedy
    return result.remedy.config

"""One configuration, from its deployment to its destruction, in a sandbox of its own.

`python -m tests.e2e.configuration_run NAME FOLDER` writes FOLDER/results.json.
Each configuration needs a process of its own, because moto's state is global.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from config.loader import load
from config.settings import Settings
from demo.deployment import ROOT, Deployment, DeploymentError
from demo.screen import Progress
from sandbox.cloudtrail import sign_ins
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    MANAGEMENT,
    UNITS,
    Account,
    join,
    move,
    new_number,
    organization,
)
from tests.e2e.configurations import (
    CONFIGURATIONS,
    EXCLUDED,
    VICTIM,
    Configuration,
    chosen_conditions,
)
from tests.e2e.remaining_resources import names_in, of_the_organization

PATHS = ("trail", "event bus", "both")


@dataclass(frozen=True, slots=True)
class SignIn:
    """What came of one root sign-in without MFA."""

    account: str
    path: str
    found_in: list[str]  # the accounts that have an active finding of it
    notifications: int  # to one addressee
    waiting: int  # messages in the importer's queue
    dead_letter_messages: int


@dataclass(slots=True)
class RunResults:
    preflight: list[str] = field(default_factory=list)  # the checks that failed
    resources: dict[str, int] = field(default_factory=dict)  # by stack
    changes: dict[str, list[str]] = field(default_factory=dict)  # of a second plan, by stack
    changes_later: dict[str, list[str]] = field(default_factory=dict)  # after a change of it
    left_later: list[str] = field(default_factory=list)  # what the organization has then
    confirmed: list[str] = field(default_factory=list)  # addresses, for each topic, after it
    refusal: str = ""  # of a destruction while the bucket contains log files
    joined: str = ""  # the account that joined after the deployment
    sign_ins: list[SignIn] = field(default_factory=list)
    left: dict[str, list[str]] = field(
        default_factory=dict
    )  # after destruction, by stack or account


class ConfigurationRun:
    def __init__(
        self,
        sandbox: Sandbox,
        configuration: Configuration,
        settings: Settings,
        deployment: Deployment,
    ) -> None:
        self._sandbox = sandbox
        self._configuration = configuration
        self._settings = settings
        self._deployment = deployment
        self._stacks = ["trail", "detection", "organization", "security_hub"]
        if not settings.trail.managed:
            self._stacks.remove("trail")
        self.results = RunResults()

    def run(self) -> None:
        self.results.preflight = self._preflight()
        self._deployment.deploy(Progress())
        self._sandbox.confirm_subscriptions()
        self.results.changes = self._plans()
        for stack in self._stacks:
            self.results.resources[stack] = len(self._deployment.resources(stack))
        joined = Account(new_number(), "joined")
        join(joined)
        self.results.joined = joined.id
        # In the root at first, which is no target of every configuration, then in both units.
        for unit in reversed(UNITS):
            move(joined.id, unit)
            self.results.sign_ins += [self._sign_in(joined.id, path) for path in PATHS]
        for account in (VICTIM, EXCLUDED, MANAGEMENT.id):
            self.results.sign_ins += [self._sign_in(account, path) for path in PATHS]
        if self._configuration.later:
            self._change()
        self._destroy()

    def _change(self) -> None:
        self._configuration.write(self._deployment.config, self._configuration.later)
        self._deployment.deploy(Progress())
        self.results.changes_later = self._plans()
        self.results.left_later = self._left_of_the_organization()
        self.results.confirmed = sorted(self._confirmed())

    def _confirmed(self) -> Iterator[str]:
        sns = self._client("sns", self._settings.accounts.security)
        for one in sns.list_subscriptions()["Subscriptions"]:
            attributes = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])
            if attributes["Attributes"]["PendingConfirmation"] == "false":
                yield one["Endpoint"]

    def _plans(self) -> dict[str, list[str]]:
        return {stack: self._deployment.plan(stack) for stack in self._stacks}

    def _left_of_the_organization(self) -> list[str]:
        settings = self._settings
        return of_the_organization(self._sandbox, settings.accounts.security, settings.home_region)

    def _preflight(self) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cli", "preflight", "--output", "json"],
            cwd=ROOT,
            env={
                **os.environ,
                **self._sandbox.environment(),
                "ROOTWATCH_CONFIG": str(self._deployment.config),
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.stdout, done.stderr
        checks = json.loads(done.stdout)["checks"]
        failed = [one["id"] for one in checks if one["status"] in {"fail", "error"}]
        assert done.returncode == bool(failed)
        return failed

    def _sign_in(self, account: str, path: str) -> SignIn:
        record = sign_ins.root_without_mfa(account)
        trails = self._sandbox.services.trails
        deliver = {"trail": trails.log, "event bus": trails.emit, "both": trails.record}
        deliver[path](record)
        self._sandbox.settle()
        return SignIn(
            account=account,
            path=path,
            found_in=[one["AwsAccountId"] for one in self._active_findings(record["eventID"])],
            notifications=self._notifications(record["eventID"]),
            waiting=self._messages("finding-importer"),
            dead_letter_messages=self._messages("finding-importer-dead-letter-queue"),
        )

    def _active_findings(self, event_id: str) -> Iterator[Mapping[str, Any]]:
        """Each account's own, so that one that others see counts once."""
        for account in organization().accounts:
            hub = self._client("securityhub", account.id)
            try:
                found = hub.get_findings()["Findings"]
            except hub.exceptions.InvalidAccessException:
                continue  # Security Hub is off there
            yield from (
                one
                for one in found
                if event_id in one["Id"]
                and one["RecordState"] == "ACTIVE"
                and one["AwsAccountId"] == account.id
            )

    def _notifications(self, event_id: str) -> int:
        mails = self._sandbox.services.mailboxes.messages()
        addressee = self._settings.notifications.emails[-1]
        return sum(event_id in mail.body for mail in mails if mail.to == addressee)

    def _messages(self, name: str) -> int:
        sqs = self._client("sqs", self._settings.accounts.security)
        url = sqs.get_queue_url(QueueName=f"{self._settings.name_prefix}-{name}")["QueueUrl"]
        counts = ("", "NotVisible", "Delayed")
        names = [f"ApproximateNumberOfMessages{count}" for count in counts]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[one]) for one in names)

    def _destroy(self) -> None:
        if self._configuration.by_command:
            self.results.refusal = self._refused_destruction()
        if self._settings.trail.managed:
            self._empty_bucket()
        self._deployment.destroy(Progress())
        prefix = self._settings.name_prefix
        self.results.left["organization's"] = self._left_of_the_organization()
        for stack in self._stacks:
            self.results.left[stack] = self._deployment.resources(stack)
        for account in organization().accounts:
            self.results.left[account.id] = [
                name
                for region in {self._settings.home_region, self._settings.sign_in_region}
                for name in names_in(self._sandbox, account.id, region, prefix)
            ]

    def _refused_destruction(self) -> str:
        """With a log file in the bucket."""
        s3 = self._client("s3", self._settings.accounts.log_archive)
        s3.put_object(Bucket=self._settings.trail.bucket, Key="AWSLogs/file", Body=b"")
        try:
            self._deployment.destroy(Progress())
        except DeploymentError as error:
            return str(error)
        return ""

    def _empty_bucket(self) -> None:
        """As docs/operating.md says."""
        s3 = self._client("s3", self._settings.accounts.log_archive)
        bucket = self._settings.trail.bucket
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                key = {"Key": version["Key"], "VersionId": version["VersionId"]}
                s3.delete_object(Bucket=bucket, **key)

    def _client(self, service: str, account: str) -> Any:
        return self._sandbox.client(service, account, self._settings.home_region)


def main(name: str, place: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with all that it has begun
    logging.basicConfig(level=logging.ERROR)
    folder, configuration = Path(place), CONFIGURATIONS[name]
    with Sandbox(conditions=chosen_conditions()) as sandbox:
        for prepare in configuration.prepare:
            prepare(sandbox)
        path = folder / "rootwatch.yaml"
        configuration.write(path)
        deployment = Deployment(
            folder / "deployment", path, sandbox.environment(), by_command=configuration.by_command
        )
        configuration_run = ConfigurationRun(sandbox, configuration, load(path), deployment)
        configuration_run.run()
    results = json.dumps(asdict(configuration_run.results), indent=2)
    (folder / "results.json").write_text(results, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

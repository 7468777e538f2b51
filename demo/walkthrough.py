"""The main job, shown: deploy, sign in, and look at what people would see."""

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.deployment import ROOT, Deployment, DeploymentError
from demo.progress import Progress, Step
from sandbox.cloudtrail import sign_ins
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    ACCOUNTS,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
    join_many,
)
from sandbox.sns.mail import Mail

VICTIM = MEMBERS[0]
CONFIG = ROOT / "config" / "minimal.yaml"
ORDINARY: dict[str, Callable[[str], sign_ins.Record]] = {
    "single sign-on, MFA at its provider": sign_ins.single_sign_on,
    "IAM user without MFA": sign_ins.iam_user_without_mfa,
    "root, wrong password": sign_ins.root_failing,
}
ALARM = "rootwatch-root-console-login-without-mfa"  # of config/minimal.yaml
ALARM_SECONDS = 5.0


@dataclass(slots=True)
class Screen:
    """What the person at the terminal reads; lines that only say «still at it» go on a terminal."""

    started: float = field(default_factory=time.monotonic)
    passed: bool = True

    def say(self, text: str = "") -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def heading(self, text: str) -> None:
        self.say(f"\n== {text}")

    def step(self, step: Step) -> None:
        seconds = int(time.monotonic() - self.started)
        clock = f"  {seconds // 60}:{seconds % 60:02}"
        if step.change is not None:
            self.say(f"{clock}  {step.path:47} {step.type}")
        elif sys.stdout.isatty():
            self.say(f"{clock}  {step.path:47} ... {step.elapsed}")

    def check(self, claim: str, *, holds: bool) -> None:
        self.passed = self.passed and holds
        self.say(f"  {'yes' if holds else 'NO '}  {claim}")

    def quote(self, text: str) -> None:
        for line in text.splitlines():
            self.say(f"  | {line}")


def run() -> int:
    """0 if all was seen, 1 if something was not, or the deployment failed."""
    logging.basicConfig(level=logging.ERROR)
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="rootwatch-demo-") as folder, Sandbox() as sandbox:
        _introduce(screen, sandbox)
        try:
            _deploy(screen, sandbox, Path(folder))
        except DeploymentError as error:
            screen.say(f"\n{error}")
            return 1
        _sign_in(screen, sandbox)
        _join(screen, sandbox)
    screen.heading("All was seen." if screen.passed else "Something is not as it should be.")
    screen.say("  The organization is gone, and nothing is left behind.")
    return 0 if screen.passed else 1


def _introduce(screen: Screen, sandbox: Sandbox) -> None:
    screen.heading(f"A local AWS Organization, {ORGANIZATION_ID}, at {sandbox.endpoint}")
    for account in ACCOUNTS:
        screen.say(f"  {account.id}  {account.name}")


def _deploy(screen: Screen, sandbox: Sandbox, folder: Path) -> None:
    screen.heading(f"cdktf deploy, with {CONFIG.relative_to(ROOT)} (about two minutes)")
    progress = Progress(screen.step)
    deployment = Deployment(folder, CONFIG, sandbox.environment())
    deployment.deploy(progress)
    screen.say(f"  {progress.done} resources")
    sandbox.confirm_subscriptions()
    confirmed = {mail.to for mail in sandbox.services.mailboxes.confirmations()}
    screen.say(f"  {', '.join(sorted(confirmed))} confirmed the subscriptions")


def _sign_in(screen: Screen, sandbox: Sandbox) -> None:
    screen.heading(f"Sign-ins to account {VICTIM.id} ({VICTIM.name}) that are none of our business")
    for who, make in ORDINARY.items():
        sandbox.record(make(VICTIM.id))
        screen.say(f"  {who}")
    screen.heading("What came of them")
    screen.check("no alarm", holds=not _alarms_up(sandbox))
    screen.check("no mail", holds=not sandbox.services.mailboxes.messages())
    screen.check("no finding in any account", holds=not _findings_everywhere(sandbox))

    screen.heading(f"Root signs in to account {VICTIM.id} ({VICTIM.name}) with MFA")
    _show_with_mfa(screen, sandbox)

    screen.heading(f"Root signs in to account {VICTIM.id} ({VICTIM.name}) without MFA")
    record = sign_ins.root_without_mfa(VICTIM.id)
    sandbox.record(record)
    screen.say(f"  CloudTrail event {record['eventID']} from {record['sourceIPAddress']}")
    _show_alarm(screen, sandbox)
    _show_notification(screen, sandbox, record)
    _show_finding(screen, sandbox, record)


def _join(screen: Screen, sandbox: Sandbox) -> None:
    screen.heading("A new account joins the organization, and nobody deploys anything")
    [account] = join_many(1, "Workloads")
    record = sign_ins.root_without_mfa(account.id)
    screen.say(f"  root signs in to account {account.id} ({account.name}) without MFA")
    for way, what in (
        (sandbox.services.trails.emit, "seconds later, by the account's event rule"),
        (sandbox.services.trails.log, "minutes later, by the organization trail"),
    ):
        way(record)
        sandbox.settle()
        found = [f for f in _findings(sandbox, account.id) if record["eventID"] in f["Id"]]
        told = [mail for mail in _urgent_mails(sandbox) if record["eventID"] in mail.body]
        screen.check(
            f"{what}: one finding in the account, one notification",
            holds=len(found) == len(told) == 1,
        )


def _show_with_mfa(screen: Screen, sandbox: Sandbox) -> None:
    sandbox.record(sign_ins.root_with_mfa(VICTIM.id))
    mails = sandbox.services.mailboxes.messages()
    for mail in mails:
        screen.say(f"  mail to {mail.to}: {mail.subject}")
    labels = [finding["Severity"]["Label"] for finding in _findings(sandbox, VICTIM.id)]
    screen.check(
        "mails to those who get what can wait, and to nobody else",
        holds=bool(mails) and all(_is_low(mail) for mail in mails),
    )
    screen.check("an informational finding", holds=labels == ["INFORMATIONAL"])


def _show_alarm(screen: Screen, sandbox: Sandbox) -> None:
    screen.heading("The alarm, in the security account")
    deadline = time.monotonic() + ALARM_SECONDS
    while ALARM not in _alarms_up(sandbox) and time.monotonic() < deadline:
        time.sleep(0.1)
    is_up = ALARM in _alarms_up(sandbox)
    screen.say(f"  {ALARM}: {'ALARM' if is_up else 'OK'}")
    mails = [mail for mail in _urgent_mails(sandbox) if _is_of_alarm(mail)]
    screen.check("it is up", holds=is_up)
    screen.check("it sent one mail", holds=len(mails) == 1)
    for mail in mails:
        screen.quote(f"To: {mail.to}\nSubject: {mail.subject}\n")
        screen.quote(json.loads(mail.body)["AlarmDescription"])


def _show_notification(screen: Screen, sandbox: Sandbox, record: sign_ins.Record) -> None:
    screen.heading("The notification, as the subscriber received it")
    mails = [mail for mail in _urgent_mails(sandbox) if not _is_of_alarm(mail)]
    for mail in mails:
        screen.quote(f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.body}")
    screen.check("one notification", holds=len(mails) == 1)
    expected = (VICTIM.id, record["sourceIPAddress"], record["userAgent"], record["eventID"])
    screen.check(
        "it says which account, from where, with what, and which event",
        holds=all(text in mail.body for mail in mails for text in expected),
    )


def _show_finding(screen: Screen, sandbox: Sandbox, record: sign_ins.Record) -> None:
    screen.heading("The finding, in Security Hub")
    own = _critical(_findings(sandbox, VICTIM.id))
    seen = _critical(_findings(sandbox, SECURITY.id))
    for finding in own:
        screen.quote(_summary(finding))
    screen.check(f"account {VICTIM.id} has a critical one", holds=len(own) == 1)
    screen.check("it is about this sign-in", holds=all(record["eventID"] in f["Id"] for f in own))
    screen.check(
        f"the security account {SECURITY.id} sees the same one",
        holds=[finding["Id"] for finding in seen] == [finding["Id"] for finding in own],
    )
    others = [account.id for account in ACCOUNTS if account not in {VICTIM, SECURITY}]
    screen.check(
        "no other account has any",
        holds=not any(_findings(sandbox, account) for account in others),
    )


def _summary(finding: dict[str, Any]) -> str:
    resource = finding["Resources"][0]
    return "\n".join(
        f"{name:9} {value}"
        for name, value in {
            "Id": finding["Id"],
            "Account": finding["AwsAccountId"],
            "Title": finding["Title"],
            "Severity": finding["Severity"]["Label"],
            "Types": ", ".join(finding["Types"]),
            "Resource": f"{resource['Type']} {resource['Id']}",
            "Created": finding["CreatedAt"],
            "Address": finding["ProductFields"]["rootwatch/sourceIPAddress"],
            "MFAUsed": finding["ProductFields"]["rootwatch/MFAUsed"],
        }.items()
    )


def _alarms_up(sandbox: Sandbox) -> list[str]:
    cloudwatch = sandbox.client("cloudwatch", SECURITY.id)
    pages = cloudwatch.get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]


def _urgent_mails(sandbox: Sandbox) -> list[Mail]:
    return [mail for mail in sandbox.services.mailboxes.messages() if not _is_low(mail)]


def _is_low(mail: Mail) -> bool:
    return mail.topic_arn.endswith("-low-priority")


def _is_of_alarm(mail: Mail) -> bool:
    return mail.subject.startswith("ALARM: ")


def _critical(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in findings if finding["Severity"]["Label"] == "CRITICAL"]


def _findings(sandbox: Sandbox, account: str) -> list[dict[str, Any]]:
    return list(sandbox.client("securityhub", account).get_findings()["Findings"])


def _findings_everywhere(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [finding for account in ACCOUNTS for finding in _findings(sandbox, account.id)]

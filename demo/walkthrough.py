"""The demo: deploy to a local organization, sign in, and check what follows."""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from demo.deployment import ROOT, Deployment, DeploymentError
from demo.observation import Finding, Observation, is_low_priority
from demo.screen import Progress, Screen
from sandbox.cloudtrail import sign_ins
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    ACCOUNTS,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
    join_many,
)

MEMBER = MEMBERS[0]
MEMBER_NAME = f"account {MEMBER.id} ({MEMBER.name})"
CONFIG = ROOT / "config" / "minimal.yaml"
ALARM = "rootwatch-root-console-login-without-mfa"  # of this configuration
BENIGN: dict[str, Callable[[str], sign_ins.Record]] = {
    "a user of IAM Identity Center, whose MFA is at the identity provider": sign_ins.single_sign_on,
    "an IAM user without MFA": sign_ins.iam_user_without_mfa,
    "the root user with a wrong password": sign_ins.root_failing,
}


def run() -> int:
    """The exit status: 1 if a check or the deployment failed."""
    logging.basicConfig(level=logging.ERROR)
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="rootwatch-demo-") as folder, Sandbox() as sandbox:
        _introduce(screen, sandbox)
        try:
            _deploy(screen, sandbox, Path(folder))
        except DeploymentError as error:
            screen.say(f"\n{error}")
            return 1
        walkthrough = Walkthrough(screen, sandbox)
        walkthrough.benign_sign_ins()
        walkthrough.sign_in_with_mfa()
        walkthrough.sign_in_without_mfa()
        walkthrough.account_joins()
    screen.heading("All checks passed." if screen.passed else "At least one check failed.")
    screen.say("  The local organization is deleted.")
    return 0 if screen.passed else 1


def _introduce(screen: Screen, sandbox: Sandbox) -> None:
    screen.heading(f"Local AWS Organization {ORGANIZATION_ID} at {sandbox.endpoint}")
    for account in ACCOUNTS:
        screen.say(f"  {account.id}  {account.name}")
    screen.say("  Ideal conditions: everything takes effect at once. On AWS, events take minutes.")


def _deploy(screen: Screen, sandbox: Sandbox, folder: Path) -> None:
    screen.heading(f"cdktf deploy with {CONFIG.relative_to(ROOT)}: about two minutes")
    progress = Progress(screen.step)
    with screen.deploying():
        Deployment(folder, CONFIG, sandbox.environment()).deploy(progress)
    screen.say(f"  {progress.done} resources created")
    sandbox.confirm_subscriptions()
    for address in sorted({mail.to for mail in sandbox.services.mailboxes.confirmations()}):
        screen.say(f"  {address} confirmed the subscriptions")


class Walkthrough:
    """The sign-ins to a member account, each with its checks."""

    def __init__(self, screen: Screen, sandbox: Sandbox) -> None:
        self._screen = screen
        self._sandbox = sandbox
        self._observed = Observation(sandbox)

    def benign_sign_ins(self) -> None:
        screen, observed = self._screen, self._observed
        screen.heading(f"Benign sign-ins to {MEMBER_NAME}: no alert expected")
        for who, record_for in BENIGN.items():
            self._sandbox.record(record_for(MEMBER.id))
            screen.say(f"  {who}")
        screen.check("no alarm is in the state ALARM", holds=not observed.alarms())
        screen.check("no notification is sent", holds=not observed.emails())
        screen.check("no account has a finding", holds=not observed.all_findings())

    def sign_in_with_mfa(self) -> None:
        screen, observed = self._screen, self._observed
        screen.heading(f"The root user signs in to {MEMBER_NAME} with MFA")
        self._sandbox.record(sign_ins.root_with_mfa(MEMBER.id))
        emails = observed.emails()
        for mail in emails:
            screen.say(f"  email to {mail.to}: {mail.subject}")
        labels = [finding["Severity"]["Label"] for finding in observed.findings(MEMBER.id)]
        screen.check(
            "all notifications have low priority",
            holds=bool(emails) and all(map(is_low_priority, emails)),
        )
        screen.check(
            "the account has one finding, severity INFORMATIONAL", holds=labels == ["INFORMATIONAL"]
        )

    def sign_in_without_mfa(self) -> None:
        self._screen.heading(f"The root user signs in to {MEMBER_NAME} without MFA")
        record = sign_ins.root_without_mfa(MEMBER.id)
        self._sandbox.record(record)
        source = record["sourceIPAddress"]
        self._screen.say(f"  CloudTrail event {record['eventID']} from {source}")
        self._check_alarm()
        self._check_notification(record)
        self._check_finding(record["eventID"])

    def account_joins(self) -> None:
        """Without a deployment: the stack set covers it."""
        screen, observed, trails = self._screen, self._observed, self._sandbox.services.trails
        screen.heading("An account joins the organization; nothing is deployed by hand")
        [account] = join_many(1, "Workloads")
        record = sign_ins.root_without_mfa(account.id)
        event_id = record["eventID"]
        screen.say(f"  The root user signs in to {account.id} ({account.name}) without MFA")
        for deliver, path in (
            (trails.emit, "seconds later, by the event rule of the account"),
            (trails.log, "minutes later, by the organization trail"),
        ):
            deliver(record)
            self._sandbox.settle()
            found = [one for one in observed.findings(account.id) if event_id in one["Id"]]
            sent = [mail for mail in observed.notifications() if event_id in mail.body]
            screen.check(
                f"{path}: one finding, one notification",
                holds=len(found) == len(sent) == 1,
            )

    def _check_alarm(self) -> None:
        screen, observed = self._screen, self._observed
        screen.heading("The alarm in the security account")
        in_alarm = observed.goes_into_alarm(ALARM)
        emails = observed.alarm_emails()
        screen.say(f"  {ALARM}: {'ALARM' if in_alarm else 'OK'}")
        screen.check("the alarm is in the state ALARM", holds=in_alarm)
        screen.check("it sent one email", holds=len(emails) == 1)
        for mail in emails:
            screen.quote(f"To: {mail.to}\nSubject: {mail.subject}\n\n")
            screen.quote(json.loads(mail.body)["AlarmDescription"])

    def _check_notification(self, record: sign_ins.Record) -> None:
        screen, emails = self._screen, self._observed.notifications()
        screen.heading("The notification, as subscribers receive it")
        for mail in emails:
            screen.quote(f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.body}")
        expected = (MEMBER.id, record["sourceIPAddress"], record["userAgent"], record["eventID"])
        screen.check("there is one notification", holds=len(emails) == 1)
        screen.check(
            "it has the account, the source IP address, the user agent and the event ID",
            holds=all(text in mail.body for mail in emails for text in expected),
        )

    def _check_finding(self, event_id: str) -> None:
        screen, observed = self._screen, self._observed
        screen.heading("The finding in Security Hub")
        own = observed.critical_findings(MEMBER.id)
        aggregated = observed.critical_findings(SECURITY.id)
        others = [account.id for account in ACCOUNTS if account not in {MEMBER, SECURITY}]
        for finding in own:
            screen.quote(_summary(finding))
        screen.check(f"account {MEMBER.id} has one CRITICAL finding", holds=len(own) == 1)
        screen.check(
            "it is about this event", holds=all(event_id in finding["Id"] for finding in own)
        )
        screen.check(
            f"the security account {SECURITY.id} sees the same finding",
            holds=[one["Id"] for one in aggregated] == [one["Id"] for one in own],
        )
        screen.check(
            "no other account has a finding", holds=not any(map(observed.findings, others))
        )


def _summary(finding: Finding) -> str:
    [resource] = finding["Resources"][:1]
    fields = {
        "Id": finding["Id"],
        "AwsAccountId": finding["AwsAccountId"],
        "Title": finding["Title"],
        "Severity": finding["Severity"]["Label"],
        "Types": ", ".join(finding["Types"]),
        "Resource": f"{resource['Type']} {resource['Id']}",
        "CreatedAt": finding["CreatedAt"],
        "Source IP": finding["ProductFields"]["rootwatch/sourceIPAddress"],
        "MFAUsed": finding["ProductFields"]["rootwatch/MFAUsed"],
    }
    return "\n".join(f"{name:12}  {value}" for name, value in fields.items())

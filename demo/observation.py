"""What people and AWS services see in the sandbox after a sign-in."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import ACCOUNTS, SECURITY
from sandbox.sns.mail import Mail

ALARM_SECONDS = 5.0

type Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    sandbox: Sandbox

    def alarms(self) -> list[str]:
        """The names of the alarms in the state ALARM, in the security account."""
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        pages = cloudwatch.get_paginator("describe_alarms").paginate(StateValue="ALARM")
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]

    def goes_into_alarm(self, name: str) -> bool:
        """Within a few seconds: the sandbox evaluates the alarms in the background."""
        deadline = time.monotonic() + ALARM_SECONDS
        while name not in self.alarms():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def emails(self) -> list[Mail]:
        """All emails but the requests to confirm a subscription."""
        return self.sandbox.services.mailboxes.messages()

    def alarm_emails(self) -> list[Mail]:
        """The emails of alarms, of high priority."""
        return [mail for mail in self._high_priority() if _is_of_alarm(mail)]

    def notifications(self) -> list[Mail]:
        """The emails of the importer, of high priority."""
        return [mail for mail in self._high_priority() if not _is_of_alarm(mail)]

    def _high_priority(self) -> list[Mail]:
        return [mail for mail in self.emails() if not is_low_priority(mail)]

    def findings(self, account: str) -> list[Finding]:
        return list(self.sandbox.client("securityhub", account).get_findings()["Findings"])

    def critical_findings(self, account: str) -> list[Finding]:
        return [one for one in self.findings(account) if one["Severity"]["Label"] == "CRITICAL"]

    def all_findings(self) -> list[Finding]:
        return [finding for account in ACCOUNTS for finding in self.findings(account.id)]


def is_low_priority(mail: Mail) -> bool:
    return mail.topic_arn.endswith("-low-priority")


def _is_of_alarm(mail: Mail) -> bool:
    return mail.subject.startswith(("ALARM: ", "OK: "))

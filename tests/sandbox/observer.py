"""What people see of the deployed system, through AWS's APIs and their mailboxes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.organization import ACCOUNTS, SECURITY

if TYPE_CHECKING:
    from sandbox.local import Sandbox
    from sandbox.services.mail import Mail

PREFIX = "rootwatch-prod"  # of config/complete.yaml
IMPORTER = f"{PREFIX}-finding-importer"
LOG_GROUP = f"/{PREFIX}/organization-trail"
# Whom config/complete.yaml tells.
ADDRESSES = {"security@example.com", "on-call@example.com"}
LOW_PRIORITY_ADDRESSES = {"security@example.com"}


def alarm_name(detection: str) -> str:
    return f"{PREFIX}-{detection.replace('_', '-')}"


class Observer:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._mails_before = len(sandbox.services.mailboxes.messages())
        self._findings_before = {
            account.id: {finding["Id"] for finding in self._findings(account.id)}
            for account in ACCOUNTS
        }

    def deliver(self, *records: dict[str, Any]) -> None:
        """Put records into the trail's log group in one delivery, as CloudTrail may batch them."""
        logs = self.sandbox.client("logs", SECURITY.id)
        stream = f"delivery-{time.monotonic_ns()}"
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": json.dumps(record)} for record in records]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)
        self.sandbox.settle()

    def findings(self, account: str) -> list[dict[str, Any]]:
        """New ones, as the account itself sees them."""
        before = self._findings_before[account]
        return [finding for finding in self._findings(account) if finding["Id"] not in before]

    def findings_everywhere(self) -> dict[str, list[dict[str, Any]]]:
        found = {account.id: self.findings(account.id) for account in ACCOUNTS}
        return {account: findings for account, findings in found.items() if findings}

    def notices(self, priority: str = "high") -> list[Mail]:
        return [mail for mail in self._of(priority) if not mail.subject.startswith("ALARM: ")]

    def alarm_mails(self, detection: str, priority: str = "high") -> list[Mail]:
        subject = f'ALARM: "{alarm_name(detection)}" in '
        return [mail for mail in self._of(priority) if mail.subject.startswith(subject)]

    def alarm_state(self, detection: str) -> str:
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        names = [alarm_name(detection)]
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return str(alarm["StateValue"])

    def counted(self, detection: str) -> int:
        """How many records the detection's metric filter has counted until now."""
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace=PREFIX,
            MetricName=detection,
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return round(sum(point["Sum"] for point in points))

    def importer_log(self) -> list[str]:
        """All lines that the function has written."""
        logs = self.sandbox.client("logs", SECURITY.id)
        group = f"/aws/lambda/{IMPORTER}"
        return [
            event["message"]
            for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    def _of(self, priority: str) -> list[Mail]:
        new = self.sandbox.services.mailboxes.messages()[self._mails_before :]
        return [mail for mail in new if mail.topic_arn.endswith(f":{PREFIX}-{priority}-priority")]

    def _findings(self, account: str) -> list[dict[str, Any]]:
        hub = self.sandbox.client("securityhub", account)
        pages = hub.get_paginator("get_findings").paginate()
        return [finding for page in pages for finding in page["Findings"]]

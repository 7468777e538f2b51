"""Composes notifications for email and chat applications, and publishes them to SNS topics."""

import json
from dataclasses import dataclass

from ..aws import AWS_ERRORS, SnsClient
from ..errors import NotificationError
from ..findings.finding import Finding
from ..findings.import_status import FindingLocation, ImportStatus
from ..text import clean_line, defang, inline_code
from .directory import AccountInfo

_SUBJECT_LIMIT = 99  # "less than 100": https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_VALUE_LIMIT = 300  # our limit in characters, a few lines in an email
_DESCRIPTION_LIMIT = 1024  # as in the finding
_MAX_STEPS = 3
_EVENT = "Event"  # label of a row
_NOT_RECORDED = "not recorded in the event"
_UNKNOWN = "unknown (the account lookup failed)"
_LOCATIONS = {
    FindingLocation.OWNING_ACCOUNT: "imported into account {owner}.",
    FindingLocation.SECURITY_ACCOUNT: (
        "imported into the security account {security} as a fallback finding. It cannot be "
        "imported into account {owner} yet. Rootwatch retries the import."
    ),
    FindingLocation.NOT_IMPORTED: "Not imported yet. Rootwatch retries the import.",
    FindingLocation.DEAD_LETTER_QUEUE: (
        "Not imported. The event is in the dead-letter queue and requires manual action."
    ),
}


@dataclass(frozen=True, slots=True)
class Notification:
    subject: str
    text: str
    chat: str  # JSON

    @property
    def message(self) -> str:
        """Return the chat form for https subscriptions, and the text for all other protocols.

        AWS's chat integrations subscribe by https:
        https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
        """
        return json.dumps({"default": self.text, "https": self.chat})


@dataclass(frozen=True, slots=True)
class NotificationTopic:
    sns: SnsClient
    topic_arn: str

    def publish(self, notification: Notification) -> None:
        """Raise NotificationError if SNS rejects the notification."""
        try:
            self.sns.publish(
                TopicArn=self.topic_arn,
                Subject=notification.subject,
                Message=notification.message,
                MessageStructure="json",
            )
        except AWS_ERRORS as error:
            raise NotificationError(f"cannot publish to {self.topic_arn}: {error}") from error


def compose(finding: Finding, status: ImportStatus, account: AccountInfo) -> Notification:
    rows = _rows(finding, account)
    return Notification(
        _subject(finding), _text(finding, status, rows), _chat(finding, status, rows)
    )


def _subject(finding: Finding) -> str:
    end = f" in account {finding.account}"
    start = clean_line(f"[{finding.detection.severity}] {finding.detection.title}", _VALUE_LIMIT)
    ascii_start = start.encode("ascii", errors="replace").decode("ascii")  # SNS requires ASCII
    return ascii_start[: _SUBJECT_LIMIT - len(end)].rstrip() + end


def _text(finding: Finding, status: ImportStatus, rows: dict[str, str]) -> str:
    width = max(map(len, rows)) + 2
    detection = finding.detection
    return "\n".join(
        [
            clean_line(detection.title, _VALUE_LIMIT),
            "",
            clean_line(detection.description, _DESCRIPTION_LIMIT),
            "",
            *(f"{label + ':':{width}}{_mail_value(label, rows[label])}" for label in rows),
            "",
            f"Security Hub finding: {_location(finding, status)}",
            *map(defang, _reason(status)),  # an error message may quote the event
            finding.console_url,
            "",
            f"Event in CloudTrail (sign in to account {finding.account} first):",
            finding.event_url,
            "",
            "Next steps:",
            *(f"{number}. {step}" for number, step in enumerate(_next_steps(finding), start=1)),
            f"Runbook: {detection.runbook}",
        ]
    )


def _mail_value(label: str, value: str) -> str:
    """Defang all values that AWS does not write itself."""
    return value if label == _EVENT else defang(value)


def _chat(finding: Finding, status: ImportStatus, rows: dict[str, str]) -> str:
    """https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html"""
    detection = finding.detection
    values = [f"*{label}:* {inline_code(value)}" for label, value in rows.items()]
    paragraphs = [
        clean_line(detection.description, _DESCRIPTION_LIMIT),
        "\n".join(values),
        f"*Security Hub finding:* {_location(finding, status)}",
        *map(inline_code, _reason(status)),
        finding.console_url,
    ]
    notification = {
        "version": "1.0",
        "source": "custom",
        "id": finding.event.event_id,
        "content": {
            "textType": "client-markdown",
            "title": _subject(finding),
            "description": "\n\n".join(paragraphs),
            "nextSteps": [*_next_steps(finding), f"Runbook: {detection.runbook}"],
            "keywords": [detection.severity, finding.account],
        },
        "metadata": {
            "threadId": f"rootwatch/{finding.account}",
            "summary": _subject(finding),
            "eventType": detection.name,
            "relatedResources": [f"AWS::::Account:{finding.account}"],
        },
    }
    return json.dumps(notification)


def _rows(finding: Finding, account: AccountInfo) -> dict[str, str]:
    """Return one line for each label. An attacker may control some of the values."""
    event = finding.event
    rows = {
        "Account": _account(finding, account),
        "Organizational unit": account.path or _UNKNOWN,
        "Joined organization": _joined(finding, account),
        "Time": f"{event.time:%Y-%m-%d %H:%M:%S} UTC",
        _EVENT: _event(finding),
        "Identity": event.identity or _NOT_RECORDED,
        "Source IP address": event.source_address or _NOT_RECORDED,
        "User agent": event.user_agent or _NOT_RECORDED,
        **_mfa(finding),
        "Region": event.region or _NOT_RECORDED,
        "CloudTrail event ID": event.event_id,
        "Severity": finding.detection.severity,
    }
    return {label: clean_line(value, _VALUE_LIMIT) for label, value in rows.items()}


def _account(finding: Finding, account: AccountInfo) -> str:
    name = f" {account.name}" if account.name else ""
    status = "" if account.status in (None, "ACTIVE") else f" ({account.status})"
    return f"{finding.account}{name}{status}"


def _joined(finding: Finding, account: AccountInfo) -> str:
    if account.joined is None:
        return _UNKNOWN
    date = f"{account.joined:%Y-%m-%d}"
    if account.is_in_grace_period(finding.event.time):
        return f"{date} (less than 35 days before the event: AWS may not enforce MFA for root yet)"
    return f"{date} (35 days or more before the event)"


def _event(finding: Finding) -> str:
    name = finding.event.name or _NOT_RECORDED
    return f"{name} ({finding.event.source})" if finding.event.source else name


def _mfa(finding: Finding) -> dict[str, str]:
    """Only sign-in events record whether MFA was used."""
    if finding.event.name == "ConsoleLogin" or finding.event.mfa_used:
        return {"MFA used": finding.event.mfa_used or _NOT_RECORDED}
    return {}


def _location(finding: Finding, status: ImportStatus) -> str:
    security = finding.scope.security_account
    return _LOCATIONS[status.location].format(owner=finding.account, security=security)


def _reason(status: ImportStatus) -> list[str]:
    return [clean_line(f"Reason: {status.failure}", _VALUE_LIMIT)] if status.failure else []


def _next_steps(finding: Finding) -> list[str]:
    steps = finding.detection.next_steps[:_MAX_STEPS]
    return [clean_line(step, 2 * _VALUE_LIMIT) for step in steps]

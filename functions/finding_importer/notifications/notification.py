"""The notification to people: who, where, when, and what to do next; for mails and for chats."""

import json
from dataclasses import dataclass
from enum import Enum

from ..aws import AWS_ERRORS, SnsClient
from ..errors import NotificationError
from ..findings import console
from ..findings.finding import Finding
from ..findings.refusal import Refusal
from ..text import in_code, line, unlinked
from .directory import Account

_SUBJECT_LIMIT = 99  # "less than 100": https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_VALUE_LIMIT = 300  # ours, in characters: one value stays a few lines in a mail
_DESCRIPTION_LIMIT = 1024  # as in the finding
_STEPS = 3
_EVENT = "Event"  # a row's label
_NOT_STATED = "not stated in the event"
_NOT_KNOWN = "not known: AWS Organizations did not say"


class Place(Enum):
    """Where the finding stands at the time of the notification."""

    OWNING_ACCOUNT = "in account {owner}"
    SECURITY_ACCOUNT = (
        "in the security account {security}; account {owner} does not take it yet, "
        "and gets it when it does"
    )
    NOWHERE_YET = "NOT imported yet; it will be tried again"
    PUT_ASIDE = "NOT imported; a person finds it in the dead-letter queue"


@dataclass(frozen=True, slots=True)
class Standing:
    place: Place
    refusal: Refusal | None = None  # of the owning account


@dataclass(frozen=True, slots=True)
class Notification:
    subject: str
    text: str
    chat: str  # JSON

    @property
    def message(self) -> str:
        """The text for every protocol but https, by which AWS's chat integrations subscribe.

        https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
        """
        return json.dumps({"default": self.text, "https": self.chat})


@dataclass(frozen=True, slots=True)
class NotificationTopic:
    sns: SnsClient
    topic_arn: str

    def publish(self, notification: Notification) -> None:
        """Raise NotificationError where SNS does not take the notification."""
        try:
            self.sns.publish(
                TopicArn=self.topic_arn,
                Subject=notification.subject,
                Message=notification.message,
                MessageStructure="json",
            )
        except AWS_ERRORS as error:
            raise NotificationError(f"cannot publish to {self.topic_arn}: {error}") from error


def compose(finding: Finding, standing: Standing, account: Account) -> Notification:
    rows = _rows(finding, account)
    return Notification(
        _subject(finding), _text(finding, standing, rows), _chat(finding, standing, rows)
    )


def _subject(finding: Finding) -> str:
    end = f" in account {finding.account}"
    start = line(f"[{finding.detection.severity}] {finding.detection.title}", _VALUE_LIMIT)
    printable = start.encode("ascii", errors="replace").decode("ascii")  # SNS takes ASCII only
    return printable[: _SUBJECT_LIMIT - len(end)].rstrip() + end


def _text(finding: Finding, standing: Standing, rows: dict[str, str]) -> str:
    width = max(map(len, rows)) + 2
    detection = finding.detection
    return "\n".join(
        [
            line(detection.title, _VALUE_LIMIT),
            "",
            line(detection.description, _DESCRIPTION_LIMIT),
            "",
            *(f"{label + ':':{width}}{_in_mail(label, rows[label])}" for label in rows),
            "",
            f"Security Hub finding: {_where(finding, standing)}.",
            *map(unlinked, _why(standing)),  # the service may quote the event
            finding.link,
            "",
            "The event in CloudTrail, for who is signed in to the account:",
            _event_link(finding),
            "",
            "What to do next:",
            *(f"{number}. {step}" for number, step in enumerate(_next_steps(finding), start=1)),
            f"Runbook: {detection.runbook}",
        ]
    )


def _in_mail(label: str, value: str) -> str:
    """Nothing but what AWS itself writes may become a link there."""
    return value if label == _EVENT else unlinked(value)


def _chat(finding: Finding, standing: Standing, rows: dict[str, str]) -> str:
    """https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html"""
    detection = finding.detection
    facts = [f"*{label}:* {in_code(value)}" for label, value in rows.items()]
    paragraphs = [
        line(detection.description, _DESCRIPTION_LIMIT),
        "\n".join(facts),
        f"*Security Hub finding:* {_where(finding, standing)}.",
        *(in_code(reason) for reason in _why(standing)),
        finding.link,
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


def _rows(finding: Finding, account: Account) -> dict[str, str]:
    """One line each; what an attacker may have written is among them."""
    event = finding.event
    rows = {
        "Account": _account(finding, account),
        "Organizational unit": account.path or _NOT_KNOWN,
        "In the organization": _age(finding, account),
        "Time": f"{event.time:%Y-%m-%d %H:%M:%S} UTC",
        _EVENT: _event(finding),
        "Identity": event.identity or _NOT_STATED,
        "Source address": event.source_address or _NOT_STATED,
        "User agent": event.user_agent or _NOT_STATED,
        **_multi_factor(finding),
        "Region": event.region or _NOT_STATED,
        "CloudTrail event ID": event.event_id,
        "Severity": finding.detection.severity,
    }
    return {label: line(value, _VALUE_LIMIT) for label, value in rows.items()}


def _account(finding: Finding, account: Account) -> str:
    name = f" {account.name}" if account.name else ""
    status = "" if account.status in (None, "ACTIVE") else f" ({account.status})"
    return f"{finding.account}{name}{status}"


def _age(finding: Finding, account: Account) -> str:
    """AWS lets root sign in without MFA for 35 days: a new account is where it happens."""
    if account.joined is None:
        return _NOT_KNOWN
    since = f"since {account.joined:%Y-%m-%d}"
    if account.is_new(finding.event.time):
        return f"{since}, less than 35 days: AWS may not insist on MFA there yet"
    return f"{since}, more than 35 days"


def _event(finding: Finding) -> str:
    name = finding.event.name or _NOT_STATED
    return f"{name} ({finding.event.source})" if finding.event.source else name


def _multi_factor(finding: Finding) -> dict[str, str]:
    """Only a sign-in says whether MFA was used; that it should have said so is told, too."""
    if finding.event.name == "ConsoleLogin" or finding.event.mfa_used:
        return {"MFAUsed": finding.event.mfa_used or _NOT_STATED}
    return {}


def _where(finding: Finding, standing: Standing) -> str:
    security = finding.scope.security_account
    return standing.place.value.format(owner=finding.account, security=security)


def _why(standing: Standing) -> list[str]:
    return [line(f"Reason: {standing.refusal}", _VALUE_LIMIT)] if standing.refusal else []


def _event_link(finding: Finding) -> str:
    event, scope = finding.event, finding.scope
    return console.cloudtrail_event(scope.partition, event.region or scope.region, event.event_id)


def _next_steps(finding: Finding) -> list[str]:
    return [line(step, 2 * _VALUE_LIMIT) for step in finding.detection.next_steps[:_STEPS]]

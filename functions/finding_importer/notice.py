"""The notice to people: who, where, when, and what to do next."""

from dataclasses import dataclass

from .aws import AWS_ERRORS, SnsClient
from .errors import NoticeError
from .finding import Finding
from .text import line

_SUBJECT_LIMIT = 99  # "less than 100": https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_VALUE_LIMIT = 300  # ours, in characters: one value stays a few lines in a mail
_DESCRIPTION_LIMIT = 1024  # as in the finding
_NOT_STATED = "not stated in the event"


@dataclass(frozen=True, slots=True)
class Notice:
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class NoticeTopic:
    sns: SnsClient
    topic_arn: str

    def publish(self, notice: Notice) -> None:
        """Raise NoticeError where SNS does not take the notice."""
        try:
            self.sns.publish(
                TopicArn=self.topic_arn, Subject=notice.subject, Message=notice.message
            )
        except AWS_ERRORS as error:
            raise NoticeError(f"cannot publish to {self.topic_arn}: {error}") from error


def compose(finding: Finding, import_failure: str | None) -> Notice:
    """Write the notice; the import's failure, if any, is told in it."""
    return Notice(_subject(finding), _message(finding, import_failure))


def _subject(finding: Finding) -> str:
    end = f" in account {finding.event.account}"
    start = line(f"[{finding.detection.severity}] {finding.detection.title}", _VALUE_LIMIT)
    printable = start.encode("ascii", errors="replace").decode("ascii")  # SNS takes ASCII only
    return printable[: _SUBJECT_LIMIT - len(end)].rstrip() + end


def _message(finding: Finding, import_failure: str | None) -> str:
    rows = {label: line(value, _VALUE_LIMIT) for label, value in _rows(finding).items()}
    width = max(map(len, rows)) + 2
    return "\n".join(
        [
            line(finding.detection.title, _VALUE_LIMIT),
            "",
            line(finding.detection.description, _DESCRIPTION_LIMIT),
            "",
            *(f"{label + ':':{width}}{value}" for label, value in rows.items()),
            "",
            *_import_failure(finding, import_failure),
            "What to do next:",
            *_next_steps(finding),
        ]
    )


def _rows(finding: Finding) -> dict[str, str]:
    event = finding.event
    return {
        "Account": event.account,
        "Time": f"{event.time:%Y-%m-%d %H:%M:%S} UTC",
        "Event": _event(finding),
        "Identity": event.identity or _NOT_STATED,
        "Source address": event.source_address or _NOT_STATED,
        "User agent": event.user_agent or _NOT_STATED,
        **_multi_factor(finding),
        "Region": event.region or _NOT_STATED,
        "CloudTrail event ID": event.event_id,
        "Severity": finding.detection.severity,
    }


def _event(finding: Finding) -> str:
    name = finding.event.name or _NOT_STATED
    return f"{name} ({finding.event.source})" if finding.event.source else name


def _multi_factor(finding: Finding) -> dict[str, str]:
    """Only a sign-in says whether MFA was used; that it should have said so is told, too."""
    if finding.event.name == "ConsoleLogin" or finding.event.mfa_used:
        return {"MFAUsed": finding.event.mfa_used or _NOT_STATED}
    return {}


def _import_failure(finding: Finding, reason: str | None) -> list[str]:
    if reason is None:
        return ["Security Hub finding:", finding.id, ""]
    return [
        "The finding could NOT be imported into Security Hub:",
        line(reason, _VALUE_LIMIT),
        "Its Id would be:",
        finding.id,
        "",
    ]


def _next_steps(finding: Finding) -> list[str]:
    steps = enumerate(finding.detection.next_steps, start=1)
    return [f"{number}. {line(step, 2 * _VALUE_LIMIT)}" for number, step in steps]

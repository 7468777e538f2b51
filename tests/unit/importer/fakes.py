"""Fakes of the services that the importer calls, which refuse what the services refuse."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.findings import Caller, FindingStore, checked_call, import_failure
from tests.unit.importer.doubles import REGION, schema_problems

type Journal = list[str]  # the calls of all services, in their order


def client_error(code: str, operation: str = "Operation", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "refused by the fake"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )


@dataclass
class Faults:
    """What the next calls raise, one after another, None for nothing; then what all calls raise."""

    next: list[Exception | None] = field(default_factory=list)
    always: Exception | None = None

    def strike(self) -> None:
        error = self.next.pop(0) if self.next else self.always
        if error is not None:
            raise error


@dataclass
class FakeSts:
    """Gives credentials whose access key tells the account."""

    journal: Journal = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)  # by account
    calls: list[dict[str, str]] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lifetime: timedelta = timedelta(hours=1)

    def assume_role(self, **parameters: str) -> dict[str, Any]:
        account = parameters["RoleArn"].split(":")[4]
        self.calls.append(parameters)
        self.journal.append(f"assume {account}")
        if account in self.errors:
            raise self.errors[account]
        return {
            "Credentials": {
                "AccessKeyId": account,
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": self.now() + self.lifetime,
            }
        }


@dataclass
class FakeSecurityHub:
    """One account's hub, by the sandbox's rules; the importer's schema has to agree with them."""

    account: str
    journal: Journal = field(default_factory=list)
    enabled: bool = True
    refused: dict[str, str] = field(default_factory=dict)  # error codes by the finding's Id
    faults: Faults = field(default_factory=Faults)
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    store: FindingStore = field(default_factory=FindingStore)
    invalid: list[str] = field(default_factory=list)  # what was wrong with findings

    @property
    def states(self) -> dict[str, str]:
        return {finding["Id"]: finding["RecordState"] for finding in self.store}

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        self.journal.append(f"import {self.account}")
        self.faults.strike()
        if not self.enabled:
            raise client_error("InvalidAccessException", "BatchImportFindings", 401)
        caller = Caller(account_id=self.account, region=REGION, partition="aws")
        try:
            findings = checked_call(list(parameters["Findings"]), caller)
        except InvalidInputError as error:
            raise client_error("InvalidInputException", "BatchImportFindings") from error
        self.batches.append(findings)
        failed = [failure for one in findings if (failure := self._failure(one, caller))]
        return {
            "FailedCount": len(failed),
            "SuccessCount": len(findings) - len(failed),
            "FailedFindings": failed,
        }

    def _failure(self, finding: dict[str, Any], caller: Caller) -> dict[str, str] | None:
        if code := self.refused.get(finding["Id"]):
            return {"Id": finding["Id"], "ErrorCode": code, "ErrorMessage": "refused by the fake"}
        if failure := import_failure(finding, caller):
            code, message = failure.error_code, failure.error_message
        elif problems := schema_problems(finding):
            code, message = "InvalidInput", "; ".join(problems)
        else:
            self.store.put(finding, caller)
            return None
        self.invalid.append(message)
        return {"Id": finding["Id"], "ErrorCode": code, "ErrorMessage": message}


@dataclass
class FakeSns:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""

    journal: Journal = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    published: list[dict[str, str]] = field(default_factory=list)

    def publish(self, **parameters: str) -> dict[str, str]:
        self.journal.append(f"publish {parameters['TopicArn'].rsplit(':')[-1]}")
        subject, message = parameters["Subject"], parameters["Message"]
        printable = subject.isascii() and subject.isprintable() and len(subject) < 100
        if not printable or not subject[0].strip() or len(message.encode()) > 262_144:
            raise client_error("InvalidParameter", "Publish")
        if parameters.get("MessageStructure") != "json" or "default" not in json.loads(message):
            raise client_error("InvalidParameter", "Publish")
        self.faults.strike()
        self.published.append(parameters)
        return {"MessageId": str(len(self.published))}

    @property
    def told(self) -> list[str]:
        """What mails say."""
        return [str(json.loads(one["Message"])["default"]) for one in self.published]


@dataclass
class FakeOrganizations:
    """Each account number is one of the organization's but for the strangers."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is told of them
    strangers: set[str] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)  # of accounts and units
    units: dict[str, str] = field(default_factory=dict)  # names
    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)  # is waited for

    def __post_init__(self) -> None:
        self.answers.set()

    def describe_account(self, **parameters: str) -> dict[str, Any]:
        account = self._called(parameters["AccountId"])
        if account in self.strangers:
            raise client_error("AccountNotFoundException", "DescribeAccount")
        return {"Account": {"Id": account, "Status": "ACTIVE", **self.accounts.get(account, {})}}

    def list_parents(self, **parameters: str) -> dict[str, Any]:
        parent = self.parents.get(self._called(parameters["ChildId"]), "r-exam")
        kind = "ROOT" if parent.startswith("r-") else "ORGANIZATIONAL_UNIT"
        return {"Parents": [{"Id": parent, "Type": kind}]}

    def describe_organizational_unit(self, **parameters: str) -> dict[str, Any]:
        unit = self._called(parameters["OrganizationalUnitId"])
        return {"OrganizationalUnit": {"Id": unit, "Name": self.units[unit]}}

    def _called(self, subject: str) -> str:
        self.calls.append(subject)
        assert self.answers.wait(10)
        self.faults.strike()
        return subject


@dataclass(frozen=True)
class SentMessage:
    body: str
    delay_seconds: int
    reason: str | None


@dataclass
class FakeSqs:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html."""

    journal: Journal = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    refuses: Callable[[str], bool] = lambda _: False  # a body
    sent: dict[str, list[SentMessage]] = field(default_factory=dict)  # by the queue's name
    calls: list[int] = field(default_factory=list)  # entries in each
    hidden: dict[str, int] = field(default_factory=dict)  # seconds by receipt handle
    in_hand_seconds: int = 5  # since a message was received

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        queue = parameters["QueueUrl"].rsplit("/")[-1]
        self.journal.append(f"send {queue}")
        self.faults.strike()
        entries = parameters["Entries"]
        self._check_batch(entries)
        taken = [entry for entry in entries if not self.refuses(entry["MessageBody"])]
        self.sent.setdefault(queue, []).extend(map(_sent_message, taken))
        failure = {"SenderFault": False, "Code": "InternalError", "Message": "refused by the fake"}
        return {
            "Successful": [{"Id": entry["Id"], "MessageId": "m"} for entry in taken],
            "Failed": [{"Id": e["Id"], **failure} for e in entries if e not in taken],
        }

    def _check_batch(self, entries: list[dict[str, Any]]) -> None:
        if not 1 <= len(entries) <= 10:
            raise client_error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        self.calls.append(len(entries))
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise client_error("AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
        for entry in entries:
            if not _ALLOWED.fullmatch(entry["MessageBody"]):
                raise client_error("InvalidMessageContents")
            if not 0 <= entry.get("DelaySeconds", 0) <= 900:
                raise client_error("InvalidParameterValue")
            if not all(map(_ALLOWED.fullmatch, _attributes(entry).values())):
                raise client_error("InvalidParameterValue")
        if sum(map(_message_bytes, entries)) > 262_144:
            raise client_error("AWS.SimpleQueueService.BatchRequestTooLong")

    def change_message_visibility(self, **parameters: Any) -> dict[str, Any]:
        self.faults.strike()
        seconds = parameters["VisibilityTimeout"]
        if not 0 <= seconds + self.in_hand_seconds <= 43_200:  # in all, since it was received
            raise client_error("InvalidParameterValue", "ChangeMessageVisibility")
        self.hidden[parameters["ReceiptHandle"]] = seconds
        return {}


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_ALLOWED = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


def _attributes(entry: Mapping[str, Any]) -> dict[str, str]:
    attributes = entry.get("MessageAttributes", {})
    return {name: attribute["StringValue"] for name, attribute in attributes.items()}


def _message_bytes(entry: Mapping[str, Any]) -> int:
    texts = [entry["MessageBody"]]
    for name, value in _attributes(entry).items():
        texts += [name, "String", value]
    return sum(len(text.encode()) for text in texts)


def _sent_message(entry: Mapping[str, Any]) -> SentMessage:
    reason = _attributes(entry).get("reason")
    return SentMessage(entry["MessageBody"], entry.get("DelaySeconds", 0), reason)

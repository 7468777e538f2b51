"""Fakes of the AWS services that the importer calls, with the limits of the real services."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.finding_importer.aws import ClientFactory, ClientTimeouts, Credentials
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.findings import Caller, FindingStore, checked_call, import_failure
from tests.unit.importer.builders import REGION, schema_problems

type CallLog = list[str]  # the calls of all services, in order


def client_error(code: str, operation: str = "Operation", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "rejected by the fake"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )


@dataclass
class ErrorSchedule:
    """The errors of the next calls in turn, None for success, and the default after them."""

    next: list[Exception | None] = field(default_factory=list)
    default: Exception | None = None

    def apply(self) -> None:
        error = self.next.pop(0) if self.next else self.default
        if error is not None:
            raise error


@dataclass
class FakeSts:
    """Returns the account ID as access key ID."""

    call_log: CallLog = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)  # by account
    calls: list[dict[str, str]] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lifetime: timedelta = timedelta(hours=1)

    def assume_role(self, **parameters: str) -> dict[str, Any]:
        account = parameters["RoleArn"].split(":")[4]
        self.calls.append(parameters)
        self.call_log.append(f"assume {account}")
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
    """The hub of one account. It validates findings as the sandbox and the schema do."""

    account: str
    call_log: CallLog = field(default_factory=list)
    enabled: bool = True
    rejected: dict[str, str] = field(default_factory=dict)  # error codes by the finding's Id
    errors: ErrorSchedule = field(default_factory=ErrorSchedule)
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    store: FindingStore = field(default_factory=FindingStore)
    invalid: list[str] = field(default_factory=list)  # reasons

    @property
    def states(self) -> dict[str, str]:
        return {finding["Id"]: finding["RecordState"] for finding in self.store}

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        self.call_log.append(f"import {self.account}")
        self.errors.apply()
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
        if code := self.rejected.get(finding["Id"]):
            return {"Id": finding["Id"], "ErrorCode": code, "ErrorMessage": "rejected by the fake"}
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

    call_log: CallLog = field(default_factory=list)
    errors: ErrorSchedule = field(default_factory=ErrorSchedule)
    published: list[dict[str, str]] = field(default_factory=list)

    def publish(self, **parameters: str) -> dict[str, str]:
        self.call_log.append(f"publish {parameters['TopicArn'].rsplit(':')[-1]}")
        subject, message = parameters["Subject"], parameters["Message"]
        printable = subject.isascii() and subject.isprintable() and len(subject) < 100
        if not printable or not subject[0].strip() or len(message.encode()) > 262_144:
            raise client_error("InvalidParameter", "Publish")
        if parameters.get("MessageStructure") != "json" or "default" not in json.loads(message):
            raise client_error("InvalidParameter", "Publish")
        self.errors.apply()
        self.published.append(parameters)
        return {"MessageId": str(len(self.published))}

    @property
    def texts(self) -> list[str]:
        """The texts of the emails."""
        return [str(json.loads(one["Message"])["default"]) for one in self.published]


@dataclass
class FakeOrganizations:
    """An organization that contains every account, except those in `unknown_accounts`."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)  # members of the response
    unknown_accounts: set[str] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)  # of accounts and units
    units: dict[str, str] = field(default_factory=dict)  # names
    errors: ErrorSchedule = field(default_factory=ErrorSchedule)
    calls: list[str] = field(default_factory=list)
    available: threading.Event = field(default_factory=threading.Event)  # calls wait for it

    def __post_init__(self) -> None:
        self.available.set()

    def describe_account(self, **parameters: str) -> dict[str, Any]:
        account = self._called(parameters["AccountId"])
        if account in self.unknown_accounts:
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
        assert self.available.wait(10)
        self.errors.apply()
        return subject


@dataclass(frozen=True)
class SentMessage:
    body: str
    delay_seconds: int
    reason: str | None


@dataclass
class FakeSqs:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html."""

    call_log: CallLog = field(default_factory=list)
    errors: ErrorSchedule = field(default_factory=ErrorSchedule)
    rejects: Callable[[str], bool] = lambda _: False  # of a body
    sent: dict[str, list[SentMessage]] = field(default_factory=dict)  # by the queue's name
    calls: list[int] = field(default_factory=list)  # entries in each call
    hidden: dict[str, int] = field(default_factory=dict)  # seconds by receipt handle
    elapsed_seconds: int = 5  # since the message was received

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        queue = parameters["QueueUrl"].rsplit("/")[-1]
        self.call_log.append(f"send {queue}")
        self.errors.apply()
        entries = parameters["Entries"]
        self._check_batch(entries)
        sent = [entry for entry in entries if not self.rejects(entry["MessageBody"])]
        self.sent.setdefault(queue, []).extend(map(_sent_message, sent))
        failure = {"SenderFault": False, "Code": "InternalError", "Message": "rejected by the fake"}
        return {
            "Successful": [{"Id": entry["Id"], "MessageId": "m"} for entry in sent],
            "Failed": [{"Id": e["Id"], **failure} for e in entries if e not in sent],
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
        self.errors.apply()
        seconds = parameters["VisibilityTimeout"]
        if not 0 <= seconds + self.elapsed_seconds <= 43_200:  # in total, since its receipt
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


TABLE_NAME = "idempotency"
# Conditions of Powertools: the item is absent or expired, or its claim has expired.
CLAIM_CONDITION = (
    "attribute_not_exists(#id) OR #expiry < :now OR (#status = :inprogress AND"
    " attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)"
)
COMPLETE_UPDATE = "SET #response_data = :response_data, #expiry = :expiry, #status = :status"

type _Item = dict[str, dict[str, str]]


@dataclass
class FakeTable:
    """The idempotency table, with the single condition and update that the importer uses.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
    """

    call_log: CallLog = field(default_factory=list)
    claims: ErrorSchedule = field(default_factory=ErrorSchedule)
    completions: ErrorSchedule = field(default_factory=ErrorSchedule)
    releases: ErrorSchedule = field(default_factory=ErrorSchedule)
    imports: ErrorSchedule = field(default_factory=ErrorSchedule)
    items: dict[str, _Item] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        if parameters["Item"]["id"]["S"].startswith("import#"):
            return self._put_import(parameters)
        self.call_log.append("claim")
        self.claims.apply()
        if parameters["ConditionExpression"] != CLAIM_CONDITION:
            raise client_error("ValidationException", "PutItem")
        item: _Item = parameters["Item"]
        with self.lock:
            old = self.items.get(item["id"]["S"])
            if old and not _may_be_replaced(old, parameters):
                raise _condition_failed(old, parameters)
            self.items[item["id"]["S"]] = dict(item)
        return {}

    def _put_import(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.call_log.append("record")
        self.imports.apply()
        if not int(parameters["Item"]["expiration"]["N"]):
            raise client_error("ValidationException", "PutItem")
        with self.lock:
            self.items[parameters["Item"]["id"]["S"]] = dict(parameters["Item"])
        return {}

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        self.call_log.append("read")
        self.imports.apply()
        if parameters["ConsistentRead"] is not True:
            raise client_error("ValidationException", "GetItem")
        item = self.items.get(parameters["Key"]["id"]["S"])
        return {"Item": item} if item else {}

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        self.call_log.append("complete")
        self.completions.apply()
        if parameters["UpdateExpression"] != COMPLETE_UPDATE:
            raise client_error("ValidationException", "UpdateItem")
        key, values = parameters["Key"], parameters["ExpressionAttributeValues"]
        names = parameters["ExpressionAttributeNames"]
        changes = {name: values[f":{alias[1:]}"] for alias, name in names.items()}
        with self.lock:
            self.items[key["id"]["S"]] = {**key, **self.items.get(key["id"]["S"], {}), **changes}
        return {}

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        self.call_log.append("release")
        self.releases.apply()
        with self.lock:
            self.items.pop(parameters["Key"]["id"]["S"], None)
        return {}


def moto_table() -> Any:
    """Return a client of moto's DynamoDB with a table like the deployed one."""
    timeouts = ClientTimeouts(connect_seconds=1, read_seconds=1, max_attempts=1)
    credentials = Credentials("key", "secret", "token", datetime.max.replace(tzinfo=UTC))
    client = ClientFactory(REGION, timeouts).client("dynamodb", credentials=credentials)
    client.create_table(
        TableName=TABLE_NAME,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return client


def _may_be_replaced(old: _Item, parameters: Mapping[str, Any]) -> bool:
    names, values = parameters["ExpressionAttributeNames"], parameters["ExpressionAttributeValues"]
    if int(old[names["#expiry"]]["N"]) < int(values[":now"]["N"]):
        return True
    claimed_until = old.get(names["#in_progress_expiry"])
    return (
        old[names["#status"]] == values[":inprogress"]
        and claimed_until is not None
        and int(claimed_until["N"]) < int(values[":now_in_millis"]["N"])
    )


def _condition_failed(old: _Item, parameters: Mapping[str, Any]) -> ClientError:
    error = client_error("ConditionalCheckFailedException", "PutItem")
    if parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        error.response["Item"] = old
    return error

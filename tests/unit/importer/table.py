"""A fake of the table of what was told and imported, which knows the one condition asked of it."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from functions.finding_importer.aws import Connections, Credentials, Patience
from tests.unit.importer.doubles import REGION
from tests.unit.importer.fakes import Faults, Journal, client_error

# Powertools': there is no such item, or it is old, or who claimed it has run out of time.
CLAIM = (
    "attribute_not_exists(#id) OR #expiry < :now OR (#status = :inprogress AND"
    " attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)"
)
FINISH = "SET #response_data = :response_data, #expiry = :expiry, #status = :status"

type _Item = dict[str, dict[str, str]]


@dataclass
class FakeTable:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html."""

    journal: Journal = field(default_factory=list)
    claims: Faults = field(default_factory=Faults)
    finishes: Faults = field(default_factory=Faults)
    releases: Faults = field(default_factory=Faults)
    imports: Faults = field(default_factory=Faults)
    items: dict[str, _Item] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        if parameters["Item"]["id"]["S"].startswith("imported#"):
            return self._put_import(parameters)
        self.journal.append("claim")
        self.claims.strike()
        if parameters["ConditionExpression"] != CLAIM:
            raise client_error("ValidationException", "PutItem")
        item: _Item = parameters["Item"]
        with self.lock:
            old = self.items.get(item["id"]["S"])
            if old and not _may_be_replaced(old, parameters):
                raise _condition_failed(old, parameters)
            self.items[item["id"]["S"]] = dict(item)
        return {}

    def _put_import(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.journal.append("remember")
        self.imports.strike()
        if not int(parameters["Item"]["expiration"]["N"]):
            raise client_error("ValidationException", "PutItem")
        with self.lock:
            self.items[parameters["Item"]["id"]["S"]] = dict(parameters["Item"])
        return {}

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        self.journal.append("recall")
        self.imports.strike()
        if parameters["ConsistentRead"] is not True:
            raise client_error("ValidationException", "GetItem")
        item = self.items.get(parameters["Key"]["id"]["S"])
        return {"Item": item} if item else {}

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        self.journal.append("finish")
        self.finishes.strike()
        if parameters["UpdateExpression"] != FINISH:
            raise client_error("ValidationException", "UpdateItem")
        key, values = parameters["Key"], parameters["ExpressionAttributeValues"]
        names = parameters["ExpressionAttributeNames"]
        changes = {name: values[f":{alias[1:]}"] for alias, name in names.items()}
        with self.lock:
            self.items[key["id"]["S"]] = {**key, **self.items.get(key["id"]["S"], {}), **changes}
        return {}

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        self.journal.append("release")
        self.releases.strike()
        with self.lock:
            self.items.pop(parameters["Key"]["id"]["S"], None)
        return {}


def moto_table() -> Any:
    """A client of moto's DynamoDB, with a table such as the deployed one."""
    patience = Patience(connect_seconds=1, read_seconds=1, attempts=1)
    credentials = Credentials("key", "secret", "token", datetime.max.replace(tzinfo=UTC))
    client = Connections(REGION, patience).client("dynamodb", credentials=credentials)
    client.create_table(
        TableName="told",
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

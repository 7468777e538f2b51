"""Authorization by table, and atomic conditional writes."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    client_with,
    code_of,
    create_role,
    session_of,
    unique,
)

WRITERS, ITEMS = 8, 40
KEY = {"id": {"S": "x"}}
CALLS: dict[str, dict[str, Any]] = {
    "PutItem": {"Item": KEY},
    "GetItem": {"Key": KEY},
    "UpdateItem": {
        "Key": KEY,
        "UpdateExpression": "SET seen = :now",
        "ExpressionAttributeValues": {":now": {"N": "1"}},
    },
    "DeleteItem": {"Key": KEY},
}
METHODS = {
    "PutItem": "put_item",
    "GetItem": "get_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
}


def create_table(sandbox: Sandbox) -> str:
    name = unique("table")
    sandbox.client("dynamodb", SECURITY.id).create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return name


def arn_of(table: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{SECURITY.id}:table/{table}"


def test_a_call_is_authorized_on_its_table(sandbox: Sandbox) -> None:
    for operation, parameters in CALLS.items():
        mine, other = create_table(sandbox), create_table(sandbox)
        own = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
        rights = allow(f"dynamodb:{operation}", arn_of(mine))
        keys = session_of(sandbox, create_role(sandbox, SECURITY.id, own, rights))
        client = client_with(sandbox, "dynamodb", keys)
        getattr(client, METHODS[operation])(TableName=mine, **parameters)

        with pytest.raises(ClientError) as elsewhere:
            getattr(client, METHODS[operation])(TableName=other, **parameters)
        with pytest.raises(ClientError) as otherwise:
            client.describe_table(TableName=mine)

        assert code_of(elsewhere.value) == code_of(otherwise.value) == "AccessDeniedException", (
            operation
        )


@pytest.fixture
def _threads_alternate_quickly() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_threads_alternate_quickly")
def test_one_of_many_concurrent_conditional_writes_succeeds(sandbox: Sandbox) -> None:
    table, client = create_table(sandbox), sandbox.client("dynamodb", SECURITY.id)
    start = Barrier(WRITERS)

    def put(number: int) -> int:
        won = 0
        for item in range(ITEMS):
            start.wait()
            try:
                client.put_item(
                    TableName=table,
                    Item={"id": {"S": str(item)}, "by": {"N": str(number)}},
                    ConditionExpression="attribute_not_exists(id)",
                )
            except client.exceptions.ConditionalCheckFailedException:
                continue
            won += 1
        return won

    with ThreadPoolExecutor(WRITERS) as writers:
        assert sum(writers.map(put, range(WRITERS))) == ITEMS

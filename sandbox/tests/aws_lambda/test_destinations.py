"""An asynchronous event that exhausts its retries goes to the on-failure destination."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    allow,
    code_of,
    create_function,
    create_queue,
    message_of,
    policy,
    queue_arn,
)

SOURCE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError(context.aws_request_id)
"""
SEND = allow("sqs:SendMessage")


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return sandbox.client("lambda", SECURITY.id)


def put_config(client: Any, name: str, url: str, **more: Any) -> None:
    client.put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={"OnFailure": {"Destination": queue_arn(url)}},
        **more,
    )


def invoke(sandbox: Sandbox, client: Any, name: str, **event: Any) -> None:
    client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    sandbox.settle()


def records(sandbox: Sandbox, url: str) -> list[dict[str, Any]]:
    sqs = sandbox.client("sqs", SECURITY.id)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


def failed_deliveries(sandbox: Sandbox, name: str) -> float:
    now = datetime.now(UTC)
    points = sandbox.client("cloudwatch", SECURITY.id).get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="DestinationDeliveryFailures",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


@pytest.mark.parametrize(("retries", "attempts"), [({}, 3), ({"MaximumRetryAttempts": 0}, 1)])
def test_the_destination_receives_the_documented_record(
    retries: dict[str, int], attempts: int, sandbox: Sandbox, client: Any
) -> None:
    url, name = (
        create_queue(sandbox, SECURITY.id),
        create_function(sandbox, SECURITY.id, SOURCE, SEND),
    )
    dropped = len(sandbox.services.functions.dropped)
    put_config(client, name, url, **retries)
    invoke(sandbox, client, name, fail=True)
    (record,) = records(sandbox, url)
    answer, when = record.pop("responsePayload"), record.pop("timestamp")

    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": answer["errorMessage"],
            "functionArn": f"arn:aws:lambda:us-east-1:{SECURITY.id}:function:{name}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": {"fail": True},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }
    assert answer["errorType"] == "ValueError"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert len(sandbox.services.functions.dropped) == dropped


def test_a_successful_invocation_sends_no_record(sandbox: Sandbox, client: Any) -> None:
    url, name = (
        create_queue(sandbox, SECURITY.id),
        create_function(sandbox, SECURITY.id, SOURCE, SEND),
    )
    put_config(client, name, url)
    invoke(sandbox, client, name)

    assert records(sandbox, url) == []


def test_a_record_that_the_queues_policy_denies_is_lost_and_counted(
    sandbox: Sandbox, client: Any
) -> None:
    url, name = (
        create_queue(sandbox, SECURITY.id),
        create_function(sandbox, SECURITY.id, SOURCE, SEND),
    )
    put_config(client, name, url)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": queue_arn(url),
    }
    sandbox.client("sqs", SECURITY.id).set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": policy(deny)}
    )
    invoke(sandbox, client, name, fail="refused")

    assert records(sandbox, url) == []
    assert json.loads(sandbox.services.functions.dropped[-1]) == {"fail": "refused"}
    assert failed_deliveries(sandbox, name) == 1


def test_a_record_that_is_too_long_is_lost_and_counted(sandbox: Sandbox, client: Any) -> None:
    url = create_queue(sandbox, SECURITY.id, MaximumMessageSize="1024")
    name = create_function(sandbox, SECURITY.id, SOURCE, SEND)
    put_config(client, name, url)
    invoke(sandbox, client, name, fail="x" * 1024)

    assert records(sandbox, url) == []
    assert failed_deliveries(sandbox, name) == 1


def test_a_destination_without_permission_to_send_is_refused(sandbox: Sandbox, client: Any) -> None:
    url, name = create_queue(sandbox, SECURITY.id), create_function(sandbox, SECURITY.id, SOURCE)

    with pytest.raises(ClientError) as refused:
        put_config(client, name, url)

    assert code_of(refused.value) == "InvalidParameterValueException"
    assert f"permissions to call SendMessage on {queue_arn(url)}" in message_of(refused.value)


def test_put_replaces_settings_and_update_changes_them(sandbox: Sandbox, client: Any) -> None:
    url, name = (
        create_queue(sandbox, SECURITY.id),
        create_function(sandbox, SECURITY.id, SOURCE, SEND),
    )
    put_config(client, name, url, MaximumRetryAttempts=1)
    client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    updated = client.get_function_event_invoke_config(FunctionName=name)
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    put = client.get_function_event_invoke_config(FunctionName=name)

    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 60)
    assert "OnFailure" in updated["DestinationConfig"]
    assert put["MaximumRetryAttempts"] == 0
    assert "OnFailure" not in put.get("DestinationConfig", {})


def test_a_payload_that_is_not_json_is_refused(sandbox: Sandbox, client: Any) -> None:
    name = create_function(sandbox, SECURITY.id, SOURCE)

    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName=name, Payload=b"{")

    assert code_of(refused.value) == "InvalidRequestContentException"

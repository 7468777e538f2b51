"""Injected faults look like faults of AWS, and apply to selected calls only."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.faults import Crash, ErrorResponse, FailedImports, Fault, Hang, LostResponse
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, SECURITY
from sandbox.tests.resources import (
    allow,
    code_of,
    create_function,
    create_queue,
    create_role,
    create_topic,
    unique,
)

# Makes one call to AWS without retries, and returns its outcome.
SOURCE = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

def handler(event, context):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=event["read_timeout"])
    client = boto3.client(event["service"], config=config)
    try:
        answer = getattr(client, event["method"])(**event["parameters"])
    except ClientError as error:
        response = error.response
        return [response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]]
    except ReadTimeoutError:
        return "no answer"
    del answer["ResponseMetadata"]
    return {"answer": {key: str(value) for key, value in answer.items()}}
"""
NO_TIMEOUT = 600.0  # seconds, more than the function's own timeout
FINDING = {
    "SchemaVersion": "2018-10-08",
    "ProductArn": f"arn:aws:securityhub:us-east-1:{SECURITY.id}:product/{SECURITY.id}/default",
    "GeneratorId": "tests",
    "AwsAccountId": SECURITY.id,
    "CreatedAt": "2026-01-01T00:00:00Z",
    "UpdatedAt": "2026-01-01T00:00:00Z",
    "Severity": {"Label": "LOW"},
    "Title": "A finding",
    "Description": "Of a test.",
    "Types": ["Unusual Behaviors"],
    "Resources": [{"Type": "AwsAccount", "Id": f"AWS::::Account:{SECURITY.id}"}],
}


class Caller:
    """A function that makes one call each time it is invoked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._client = sandbox.client("lambda", SECURITY.id)
        self.read_timeout = NO_TIMEOUT
        self.name = create_function(sandbox, SECURITY.id, SOURCE, allow("*"), timeout_seconds=10)

    def call(self, service: str, method: str, **parameters: Any) -> Any:
        """Call without a timeout, unless a fault keeps the response from the function."""
        event = {
            "service": service,
            "method": method,
            "parameters": parameters,
            "read_timeout": self.read_timeout,
        }
        answer = self._client.invoke(FunctionName=self.name, Payload=json.dumps(event).encode())
        result = json.load(answer["Payload"])
        return result["errorType"] if "FunctionError" in answer else result

    def import_findings(self, *ids: str) -> Any:
        findings = [{**FINDING, "Id": one} for one in ids]
        return self.call("securityhub", "batch_import_findings", Findings=findings)


@pytest.fixture(scope="module")
def caller(sandbox: Sandbox) -> Caller:
    sandbox.client("securityhub", SECURITY.id).enable_security_hub()
    return Caller(sandbox)


@pytest.fixture(autouse=True)
def _cleared(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults.clear()


@pytest.fixture
def queue(sandbox: Sandbox) -> str:
    return create_queue(sandbox, SECURITY.id)


def inject(sandbox: Sandbox, fault: Fault, **more: Any) -> Any:
    return sandbox.faults.inject(fault, "sqs", "SendMessage", **more)


def send(caller: Caller, url: str, body: str = "hello") -> Any:
    return caller.call("sqs", "send_message", QueueUrl=url, MessageBody=body)


def bodies(sandbox: Sandbox, url: str, wait_seconds: int = 0) -> list[str]:
    sqs = sandbox.client("sqs", SECURITY.id)
    received = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
    ).get("Messages", [])
    return [message["Body"] for message in received]


def stored_ids(sandbox: Sandbox) -> set[str]:
    pages = sandbox.client("securityhub", SECURITY.id).get_paginator("get_findings").paginate()
    return {finding["Id"] for page in pages for finding in page["Findings"]}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("TooManyRequestsException", 429),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("ExpiredTokenException", 400),
        ("AccessDeniedException", 403),
    ],
)
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sqs", "SendMessage"),
        ("sns", "Publish"),
        ("sts", "AssumeRole"),
        ("dynamodb", "PutItem"),
        ("organizations", "DescribeAccount"),
        ("cloudwatch", "PutMetricData"),
        ("securityhub", "BatchImportFindings"),
    ],
)
def test_an_error_has_the_format_of_the_service(
    service: str, operation: str, code: str, status: int, sandbox: Sandbox, caller: Caller
) -> None:
    calls = {
        "sqs": lambda: send(caller, "http://x/1/none"),
        "sns": lambda: caller.call("sns", "publish", TopicArn="arn:aws:sns:a:1:b", Message="x"),
        "sts": lambda: caller.call(
            "sts", "assume_role", RoleArn=f"arn:aws:iam::{SECURITY.id}:role/a", RoleSessionName="xx"
        ),
        "dynamodb": lambda: caller.call(
            "dynamodb", "put_item", TableName="none", Item={"id": {"S": "x"}}
        ),
        "organizations": lambda: caller.call(
            "organizations", "describe_account", AccountId=SECURITY.id
        ),
        "cloudwatch": lambda: caller.call(
            "cloudwatch",
            "put_metric_data",
            Namespace="Tests",
            MetricData=[{"MetricName": "x", "Value": 1}],
        ),
        "securityhub": lambda: caller.import_findings("x"),
    }
    rule = sandbox.faults.inject(ErrorResponse(code, status), service, operation)

    assert calls[service]() == [code, status]
    assert rule.applied == 1


def test_a_fault_applies_a_number_of_times_after_a_number_of_calls(
    sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    rule = inject(sandbox, ErrorResponse("ThrottlingException", 400), times=2, after=1)
    results = [send(caller, queue, str(number)) for number in range(4)]

    failed = ["ThrottlingException", 400]
    assert [result == failed for result in results] == [False, True, True, False]
    assert sorted(bodies(sandbox, queue)) == ["0", "3"]
    assert rule.applied == 2


def test_an_unlimited_fault_applies_until_it_is_removed(
    sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    rule = inject(sandbox, ErrorResponse("InternalFailure", 500), times=None)
    before = [send(caller, queue) for _ in range(3)]
    sandbox.faults.remove(rule)

    assert before == [["InternalFailure", 500]] * 3
    assert "answer" in send(caller, queue)


@pytest.mark.parametrize(
    ("selection", "hit"),
    [
        ({}, 1),
        ({"account": SECURITY.id}, 1),
        ({"account": MANAGEMENT.id}, 0),
        ({"containing": '"a body"'}, 1),
        ({"containing": "another body"}, 0),
        ({"function": "another"}, 0),
    ],
)
def test_a_fault_applies_to_selected_calls(
    selection: dict[str, str], hit: int, sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    rule = inject(sandbox, ErrorResponse("InternalFailure", 500), **selection)
    send(caller, queue, "a body")

    assert rule.applied == hit


def test_a_fault_can_select_by_function_and_by_text_of_a_form(
    sandbox: Sandbox, caller: Caller
) -> None:
    topic = create_topic(sandbox, SECURITY.id)
    error = ErrorResponse("InternalError", 500)
    rule = sandbox.faults.inject(
        error, "sns", "Publish", containing='{"a": "b c"}', function=caller.name
    )

    assert caller.call("sns", "publish", TopicArn=topic, Message='{"a": "b c"}')[1] == 500
    assert rule.applied == 1


def test_calls_outside_of_functions_have_no_fault_unless_selected(
    sandbox: Sandbox, queue: str
) -> None:
    sqs = sandbox.client("sqs", SECURITY.id)
    error = ErrorResponse("AccessDeniedException", 403)
    inject(sandbox, error, times=None)
    sqs.send_message(QueueUrl=queue, MessageBody="spared")
    inject(sandbox, error, any_caller=True)

    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=queue, MessageBody="hit")

    assert code_of(refused.value) == "AccessDeniedException"
    assert bodies(sandbox, queue) == ["spared"]


def test_a_functions_calls_with_another_role_are_its_calls(
    sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    source = """
import boto3
def handler(event, context):
    keys = boto3.client("sts").assume_role(RoleArn=event["role"], RoleSessionName="other")
    keys = keys["Credentials"]
    sqs = boto3.client(
        "sqs",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    sqs.send_message(QueueUrl=event["url"], MessageBody="hello")
"""
    del caller
    name = create_function(sandbox, SECURITY.id, source, allow("sts:AssumeRole"))
    own_account = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
    role = create_role(sandbox, SECURITY.id, own_account, allow("sqs:SendMessage"))
    rule = inject(sandbox, Crash(), function=name)
    event = json.dumps({"role": role, "url": queue}).encode()
    answer = sandbox.client("lambda", SECURITY.id).invoke(FunctionName=name, Payload=event)

    assert json.load(answer["Payload"])["errorType"] == "Runtime.ExitError"
    assert rule.applied == 1


@pytest.fixture
def brief_caller(caller: Caller) -> Iterator[Caller]:
    """A caller with a short timeout, for calls that get no response."""
    caller.read_timeout = 0.3
    yield caller
    caller.read_timeout = NO_TIMEOUT


def test_a_call_that_hangs_is_not_executed(
    sandbox: Sandbox, brief_caller: Caller, queue: str
) -> None:
    inject(sandbox, Hang(600))

    assert send(brief_caller, queue) == "no answer"
    sandbox.faults.clear()
    assert bodies(sandbox, queue) == []


def test_a_call_whose_response_is_lost_is_executed(
    sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    inject(sandbox, LostResponse())

    assert send(caller, queue) == ["InternalFailure", 500]
    assert bodies(sandbox, queue) == ["hello"]


def test_a_call_that_hangs_after_its_execution_is_executed(
    sandbox: Sandbox, brief_caller: Caller, queue: str
) -> None:
    inject(sandbox, LostResponse(Hang(600)))

    assert send(brief_caller, queue) == "no answer"
    assert bodies(sandbox, queue, wait_seconds=20) == ["hello"]


@pytest.mark.parametrize(("crash", "sent"), [(Crash(), []), (Crash(after_call=True), ["hello"])])
def test_a_crash_kills_the_process_before_or_after_the_call(
    crash: Crash, sent: list[str], sandbox: Sandbox, caller: Caller, queue: str
) -> None:
    rule = inject(sandbox, crash)

    assert send(caller, queue) == "Runtime.ExitError"
    assert bodies(sandbox, queue) == sent
    assert rule.applied == 1
    assert "answer" in send(caller, queue)


@pytest.mark.parametrize(
    ("positions", "kept"), [({1}, {0, 2}), ({0, 1, 2}, set()), (set(), {0, 1, 2})]
)
def test_selected_findings_are_not_imported(
    positions: set[int], kept: set[int], sandbox: Sandbox, caller: Caller
) -> None:
    ids = [unique("finding") for _ in range(3)]
    fault = FailedImports(frozenset(positions), code="LimitExceeded")
    sandbox.faults.inject(fault, "securityhub", "BatchImportFindings")
    answer = caller.import_findings(*ids)["answer"]

    assert (answer["FailedCount"], answer["SuccessCount"]) == (str(len(positions)), str(len(kept)))
    assert all(ids[number] in answer["FailedFindings"] for number in positions)
    assert stored_ids(sandbox) & set(ids) == {ids[number] for number in kept}


def test_a_fault_applies_before_authorization(sandbox: Sandbox, queue: str) -> None:
    powerless = create_function(sandbox, SECURITY.id, SOURCE)
    inject(sandbox, ErrorResponse("ServiceUnavailable", 503))
    parameters = {"QueueUrl": queue, "MessageBody": "hello"}
    event = {
        "service": "sqs",
        "method": "send_message",
        "parameters": parameters,
        "read_timeout": NO_TIMEOUT,
    }
    answer = sandbox.client("lambda", SECURITY.id).invoke(
        FunctionName=powerless, Payload=json.dumps(event).encode()
    )

    assert json.load(answer["Payload"]) == ["ServiceUnavailable", 503]

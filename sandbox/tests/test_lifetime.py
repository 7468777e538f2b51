"""A sandbox starts empty, is the only one in its process, and leaves nothing when it stops."""

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from moto.core.responses import BaseResponse
from moto.logs.models import LogsBackend
from moto.sns.models import SNSBackend

from sandbox.client import TOKEN_VARIABLE
from sandbox.faults import Hang
from sandbox.local import AlreadyRunningError, Sandbox
from sandbox.organizations.organization import ACCOUNTS, SECURITY
from sandbox.tests.resources import (
    READ_QUEUE,
    allow,
    create_function,
    create_queue,
    create_topic,
    map_queue,
)

PATCHED = (
    (BaseResponse, "call_action"),
    (LogsBackend, "put_metric_filter"),
    (SNSBackend, "subscribe"),
)


def operations(owners: Iterable[tuple[type, str]] = PATCHED) -> list[object]:
    return [vars(owner)[name] for owner, name in owners]


def test_a_second_sandbox_in_the_process_is_refused() -> None:
    with Sandbox() as first:
        create_topic(first, SECURITY.id)
        with pytest.raises(AlreadyRunningError), Sandbox():
            pass

        topics = first.client("sns", SECURITY.id).list_topics()["Topics"]
        assert len(topics) == 1


def test_the_next_sandbox_starts_empty_with_another_token() -> None:
    with Sandbox() as first:
        create_topic(first, SECURITY.id)
        token = first.environment()[TOKEN_VARIABLE]

    with Sandbox() as second:
        assert second.environment()[TOKEN_VARIABLE] != token
        assert second.client("sns", SECURITY.id).list_topics()["Topics"] == []
        listed = second.client("organizations").list_accounts()["Accounts"]
        assert {account["Id"] for account in listed} == {account.id for account in ACCOUNTS}


def test_a_stopped_sandbox_leaves_no_override_file_or_process() -> None:
    before = operations()

    with Sandbox() as running:
        during = operations()
        source = "import os\ndef handler(event, context):\n    return os.getpid(), os.getcwd()"
        function = create_function(running, SECURITY.id, source)
        answer = running.client("lambda", SECURITY.id).invoke(FunctionName=function)
        process, folder = json.load(answer["Payload"])

    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert operations() == before
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("way", ["asynchronous", "queue"])
def test_a_sandbox_stops_during_an_invocation(way: str, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    source = (
        "import os, time\n"
        "def handler(event, context):\n"
        f"    with open({str(begun)!r}, 'a') as file:\n"
        "        file.write(f'{os.getpid()}\\n')\n"
        "    time.sleep(60)\n"
    )
    with Sandbox() as running:
        rights = allow(READ_QUEUE)
        function = create_function(running, SECURITY.id, source, rights, timeout_seconds=60)
        if way == "queue":
            url = create_queue(running, SECURITY.id, VisibilityTimeout="60")
            map_queue(running, url, function)
            running.client("sqs", SECURITY.id).send_message(QueueUrl=url, MessageBody="hello")
        else:
            running.client("lambda", SECURITY.id).invoke(
                FunctionName=function, InvocationType="Event", Payload=b"{}"
            )
        while not (begun.exists() and begun.read_text().endswith("\n")):
            time.sleep(0.05)

    processes = [int(line) for line in begun.read_text().splitlines()]
    assert len(processes) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)


def test_a_process_stops_before_its_credentials_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.aws_lambda.functions.SESSION_SECONDS", 0)
    source = "import os\ndef handler(event, context):\n    return os.getpid()"
    with Sandbox() as running:
        function = create_function(running, SECURITY.id, source)
        client = running.client("lambda", SECURITY.id)
        processes = {client.invoke(FunctionName=function)["Payload"].read() for _ in range(2)}

    assert len(processes) == 2


def test_a_sandbox_stops_while_a_call_hangs() -> None:
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('sts').get_caller_identity()\n"
    )
    with Sandbox() as running:
        rule = running.faults.inject(Hang(600), "sts", "GetCallerIdentity")
        function = create_function(running, SECURITY.id, source, timeout_seconds=60)
        running.client("lambda", SECURITY.id).invoke(
            FunctionName=function, InvocationType="Event", Payload=b"{}"
        )
        while not rule.applied:
            time.sleep(0.05)

    assert rule.applied == 1

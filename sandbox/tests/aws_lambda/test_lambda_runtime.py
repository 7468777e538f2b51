"""A deployed function has what it has in Lambda, and fails as it does there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws_lambda.environments import MAX_CONCURRENCY
from sandbox.aws_lambda.runtime import FunctionConfiguration, FunctionProcess, Packages
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    allow,
    code_of,
    create_function,
    create_role,
    log_lines,
    message_of,
    service,
    trusting,
    zipped,
)

WRITE_LOG = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
# `do` in the event is the name of a function.
SOURCE = """
import importlib.util, os, time

def handler(event, context):
    return globals()[event["do"]](event, context)

def echo(event, context):
    return {"said": event["say"], "left": context.get_remaining_time_in_millis() > 0}

def fail(event, context):
    print("failing")
    raise KeyError("no such thing")

def crash(event, context):
    os._exit(3)

def sleep(event, context):
    time.sleep(60)

def find(event, context):
    return [name for name in event["names"] if importlib.util.find_spec(name)]

def show(event, context):
    print("a line")
    print("another line")
    return os.getpid()

def environment(event, context):
    return {**os.environ, "arn": context.invoked_function_arn}

def whoami(event, context):
    import boto3
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


@pytest.fixture(scope="module")
def function(sandbox: Sandbox) -> str:
    return create_function(
        sandbox, SECURITY.id, SOURCE, WRITE_LOG, environment={"ONE_OF_ITS_OWN": "value"}
    )


@pytest.fixture
def process() -> Iterator[FunctionProcess]:
    """A process without a sandbox."""
    packages = Packages()
    running = FunctionProcess(
        FunctionConfiguration(
            arn="arn:aws:lambda:us-east-1:333333333333:function:alone",
            handler="function.handler",
            package=packages.package(zipped(SOURCE)),
            environment={"AWS_REGION": "us-east-1"},
            timeout_seconds=10,
        ),
        lambda _line: None,
    )
    yield running
    running.stop()
    packages.close()


def invoke(sandbox: Sandbox, function: str, do: str, **event: Any) -> tuple[Any, str | None]:
    """The result, and the value of FunctionError."""
    answer = sandbox.client("lambda", SECURITY.id).invoke(
        FunctionName=function, Payload=json.dumps({"do": do, **event}).encode()
    )
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_the_caller_receives_the_handlers_result(sandbox: Sandbox, function: str) -> None:
    result, error = invoke(sandbox, function, "echo", say="hello")

    assert (result, error) == ({"said": "hello", "left": True}, None)


def test_the_caller_receives_the_handlers_exception(sandbox: Sandbox, function: str) -> None:
    result, error = invoke(sandbox, function, "fail")

    assert error == "Unhandled"
    assert (result["errorType"], result["errorMessage"]) == ("KeyError", "'no such thing'")


def test_after_a_crash_the_next_invocation_works(sandbox: Sandbox, function: str) -> None:
    crashed, error = invoke(sandbox, function, "crash")
    result, _ = invoke(sandbox, function, "echo", say="again")

    assert (crashed["errorType"], error) == ("Runtime.ExitError", "Unhandled")
    assert result["said"] == "again"


def test_after_a_timeout_the_next_invocation_works(sandbox: Sandbox) -> None:
    short = create_function(sandbox, SECURITY.id, SOURCE, timeout_seconds=1)

    late, error = invoke(sandbox, short, "sleep")
    result, _ = invoke(sandbox, short, "echo", say="again")

    assert (late["errorType"], error) == ("Sandbox.Timedout", "Unhandled")
    assert late["errorMessage"] == "Task timed out after 1.00 seconds"
    assert result["said"] == "again"


def test_a_function_can_import_boto3_and_its_zip_only(sandbox: Sandbox, function: str) -> None:
    theirs = ["boto3", "botocore", "function", "json"]
    ours = ["moto", "sigma", "yaml", "pytest", "sandbox", "detections", "functions"]

    found, _ = invoke(sandbox, function, "find", names=[*theirs, *ours])

    assert found == theirs


def test_a_function_has_its_configured_environment_only(
    sandbox: Sandbox, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_OF_OURS", "value")
    sandbox.services.functions.recycle()

    environment, _ = invoke(sandbox, function, "environment")

    assert environment["ONE_OF_ITS_OWN"] == "value"
    assert "ONE_OF_OURS" not in environment
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert environment["arn"].endswith(f":{SECURITY.id}:function:{function}")


def test_a_function_has_the_credentials_of_its_role(sandbox: Sandbox, function: str) -> None:
    arn, _ = invoke(sandbox, function, "whoami")

    role = sandbox.client("lambda", SECURITY.id).get_function_configuration(FunctionName=function)
    name = role["Role"].rsplit("/", 1)[1]
    assert arn == f"arn:aws:sts::{SECURITY.id}:assumed-role/{name}/{function}"


def test_a_function_with_a_role_that_lambda_cannot_assume_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as refused:
        create_function(sandbox, SECURITY.id, SOURCE, principal=service("events"))

    assert code_of(refused.value) == "InvalidParameterValueException"
    assert "cannot be assumed by Lambda" in message_of(refused.value)


def test_a_new_role_of_a_function_is_checked_too(sandbox: Sandbox, function: str) -> None:
    functions = sandbox.client("lambda", SECURITY.id)
    closed = create_role(sandbox, SECURITY.id, service("events"))

    with pytest.raises(ClientError) as refused:
        functions.update_function_configuration(FunctionName=function, Role=closed)

    assert "cannot be assumed by Lambda" in message_of(refused.value)
    configured = functions.get_function_configuration(FunctionName=function)
    assert configured["Role"] != closed


def test_a_role_that_lambda_can_no_longer_assume_is_refused(sandbox: Sandbox) -> None:
    closed = create_function(sandbox, SECURITY.id, SOURCE)
    configured = sandbox.client("lambda", SECURITY.id).get_function_configuration(
        FunctionName=closed
    )
    sandbox.client("iam", SECURITY.id).update_assume_role_policy(
        RoleName=configured["Role"].rpartition("/")[2],
        PolicyDocument=trusting(service("events")),
    )

    with pytest.raises(ClientError) as refused:
        invoke(sandbox, closed, "echo", say="hello")

    assert code_of(refused.value) == "InvalidParameterValueException"
    assert "cannot be assumed by Lambda" in message_of(refused.value)


def test_printed_lines_arrive_in_the_log_group(sandbox: Sandbox) -> None:
    talkative = create_function(sandbox, SECURITY.id, SOURCE, WRITE_LOG)

    invoke(sandbox, talkative, "show")

    assert log_lines(sandbox, SECURITY.id, talkative) == ["a line", "another line"]


def test_printed_lines_are_lost_without_permission_to_write_them(sandbox: Sandbox) -> None:
    muted = create_function(sandbox, SECURITY.id, SOURCE)

    _, error = invoke(sandbox, muted, "show")

    assert error is None
    assert log_lines(sandbox, SECURITY.id, muted) == []


def test_an_asynchronous_event_that_fails_three_times_is_dropped(sandbox: Sandbox) -> None:
    failing = create_function(sandbox, SECURITY.id, SOURCE, WRITE_LOG)
    before = len(sandbox.services.functions.dropped)
    payload = json.dumps({"do": "fail", "by": failing}).encode()

    sandbox.client("lambda", SECURITY.id).invoke(
        FunctionName=failing, InvocationType="Event", Payload=payload
    )
    sandbox.settle()

    lines = log_lines(sandbox, SECURITY.id, failing)
    assert lines.count("failing") == 3
    assert sandbox.services.functions.dropped[before:] == [payload]


def test_an_asynchronous_event_that_succeeds_is_not_retried(sandbox: Sandbox) -> None:
    working = create_function(sandbox, SECURITY.id, SOURCE, WRITE_LOG)
    before = len(sandbox.services.functions.dropped)

    sandbox.client("lambda", SECURITY.id).invoke(
        FunctionName=working, InvocationType="Event", Payload=b'{"do": "show"}'
    )
    sandbox.settle()

    assert log_lines(sandbox, SECURITY.id, working).count("a line") == 1
    assert len(sandbox.services.functions.dropped) == before


def test_the_next_invocation_runs_updated_code(sandbox: Sandbox) -> None:
    changed = create_function(sandbox, SECURITY.id, SOURCE)
    invoke(sandbox, changed, "echo", say="hello")

    sandbox.client("lambda", SECURITY.id).update_function_code(
        FunctionName=changed, ZipFile=zipped("def handler(event, context):\n    return 'new'")
    )

    assert invoke(sandbox, changed, "echo")[0] == "new"


def test_code_that_cannot_be_imported_fails(sandbox: Sandbox) -> None:
    broken = create_function(sandbox, SECURITY.id, "import moto")

    result, error = invoke(sandbox, broken, "echo")

    assert error == "Unhandled"
    assert result["errorType"] in {"Runtime.ImportModuleError", "Runtime.ExitError"}


def test_invocations_share_a_process_until_it_is_recycled(sandbox: Sandbox, function: str) -> None:
    first, second = (invoke(sandbox, function, "show")[0] for _ in range(2))
    sandbox.services.functions.recycle()
    third, _ = invoke(sandbox, function, "show")

    assert first == second
    assert third != first


def test_a_stopped_process_leaves_no_files(process: FunctionProcess) -> None:
    result = process.invoke(b'{"do": "show"}')
    folder = json.loads(process.invoke(b'{"do": "environment"}').payload)["HOME"]
    was_there = Path(folder).exists()

    process.stop()

    assert was_there
    assert not Path(folder).exists()
    assert not process.is_alive
    with pytest.raises(ProcessLookupError):
        os.kill(int(result.payload), 0)


def test_an_invocation_of_an_ended_process_fails(process: FunctionProcess) -> None:
    process.stop()

    result = process.invoke(b'{"do": "echo", "say": "hello"}')

    assert result.error
    assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"


def test_concurrent_invocations_run_in_separate_processes(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each invocation waits for the maximum number of concurrent invocations."""
    source = """
import os, time
from pathlib import Path

def handler(event, context):
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < event["at_once"]:
        time.sleep(0.01)
"""
    name = create_function(sandbox, SECURITY.id, source)
    payload = json.dumps({"folder": str(tmp_path), "at_once": MAX_CONCURRENCY}).encode()
    for _ in range(MAX_CONCURRENCY * 2):
        sandbox.client("lambda", SECURITY.id).invoke(
            FunctionName=name, InvocationType="Event", Payload=payload
        )
    sandbox.settle()

    assert len(list(tmp_path.iterdir())) == MAX_CONCURRENCY


def test_an_idle_process_is_reused(sandbox: Sandbox, function: str) -> None:
    processes = {invoke(sandbox, function, "show")[0] for _ in range(3)}

    assert len(processes) == 1


def test_printed_lines_can_be_read_when_the_sandbox_has_settled(sandbox: Sandbox) -> None:
    name = create_function(sandbox, SECURITY.id, SOURCE, WRITE_LOG)
    logs = sandbox.client("logs", SECURITY.id)
    expected = []
    for _ in range(5):
        expected += ["a line", "another line"]
        invoke(sandbox, name, "show")
        sandbox.settle()
        group = f"/aws/lambda/{name}"
        (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]

        assert [event["message"] for event in events] == expected


def test_the_last_line_of_a_killed_process_is_logged(sandbox: Sandbox) -> None:
    source = """
import os, signal

def handler(event, context):
    os.write(1, b"last words")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    name = create_function(sandbox, SECURITY.id, source, WRITE_LOG)
    sandbox.client("lambda", SECURITY.id).invoke(FunctionName=name)

    assert log_lines(sandbox, SECURITY.id, name) == ["last words"]


def test_the_next_invocation_has_the_updated_environment(sandbox: Sandbox) -> None:
    name = create_function(sandbox, SECURITY.id, SOURCE, environment={"KIND": "first"})
    before, _ = invoke(sandbox, name, "environment")
    sandbox.client("lambda", SECURITY.id).update_function_configuration(
        FunctionName=name, Environment={"Variables": {"KIND": "second"}}
    )
    after, _ = invoke(sandbox, name, "environment")

    assert (before["KIND"], after["KIND"]) == ("first", "second")

"""The function as it is deployed: the unpacked zip, run where the repository cannot be imported."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import functions.finding_importer
from functions.finding_importer.environment import Environment
from functions.finding_importer.handler import assemble
from functions.finding_importer.rules import Ruleset
from modules.function_package import build_zip
from tests.unit.importer_doubles import ENTRY, logs_event, record

SOURCE = Path(functions.finding_importer.__file__).parent
ENVIRONMENT = {
    "MEMBER_ROLE_NAME": "rootwatch-member",
    "HIGH_PRIORITY_TOPIC_ARN": "arn:aws:sns:eu-central-1:999988887777:high",
    "LOW_PRIORITY_TOPIC_ARN": "arn:aws:sns:eu-central-1:999988887777:low",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
INVOKE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from finding_importer.handler import handler
print(json.dumps([handler(json.loads(event), None) for event in sys.argv[2:]]))
"""


def invoke(
    task_root: Path, environment: Mapping[str, str], *events: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    detections = {"detections.json": json.dumps([ENTRY]).encode()}
    built = build_zip(SOURCE, "finding_importer", detections, task_root / "importer.zip")
    with ZipFile(built) as archive:
        archive.extractall(task_root)
    return subprocess.run(  # noqa: S603  # This interpreter, on files of this test.
        [sys.executable, "-I", "-c", INVOKE, str(task_root), *map(json.dumps, events)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_deployed_function_counts_what_it_handled(tmp_path: Path) -> None:
    ordinary = logs_event(record(eventName="CheckMfa"), record(userIdentity={"type": "IAMUser"}))
    control = logs_event(message_type="CONTROL_MESSAGE")

    done = invoke(tmp_path, ENVIRONMENT, ordinary, control)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"records": 2, "findings": 0, "failures": 0},
        {"records": 0, "findings": 0, "failures": 0},
    ]
    assert [json.loads(line)["step"] for line in done.stderr.splitlines()] == [
        "delivery handled",
        "delivery handled",
    ]


def test_each_priority_has_the_topic_that_the_environment_names() -> None:
    importer = assemble(Environment.parse(ENVIRONMENT), Ruleset.of([]))

    assert {priority: topic.topic_arn for priority, topic in importer.topics.items()} == {
        "high": ENVIRONMENT["HIGH_PRIORITY_TOPIC_ARN"],
        "low": ENVIRONMENT["LOW_PRIORITY_TOPIC_ARN"],
    }


@pytest.mark.parametrize("name", ["MEMBER_ROLE_NAME", "LOW_PRIORITY_TOPIC_ARN", "AWS_REGION"])
def test_an_invocation_without_a_variable_fails_and_names_it(tmp_path: Path, name: str) -> None:
    incomplete = {key: value for key, value in ENVIRONMENT.items() if key != name}

    done = invoke(tmp_path, incomplete, logs_event(message_type="CONTROL_MESSAGE"))

    assert done.returncode != 0
    assert f"EnvironmentVariableError: environment variable {name}:" in done.stderr


def test_an_unreadable_message_fails_the_invocation(tmp_path: Path) -> None:
    done = invoke(tmp_path, ENVIRONMENT, logs_event(record(eventName="CheckMfa"), "not json"))

    assert done.returncode != 0
    assert "ImportFailedError: 1 failed: log event 1: the message is not JSON" in done.stderr

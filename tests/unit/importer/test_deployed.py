"""The function as it is deployed: the unpacked zip, run where the repository cannot be imported."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from modules.function_package import build_zip, dependencies
from tests.unit.importer.doubles import ENTRY, SOURCE, logs_event, record
from tests.unit.importer.test_environment import VARIABLES

ENVIRONMENT = {**VARIABLES, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
INVOKE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from finding_importer.handler import handler
class Context:
    def get_remaining_time_in_millis(self):
        return 120_000
print(json.dumps([handler(json.loads(event), Context()) for event in sys.argv[2:]]))
files = {name: str(getattr(module, "__file__", None)) for name, module in sys.modules.items()}
print(json.dumps([name for name, file in files.items() if "site-packages" in file]))
"""
# boto3 and what that needs, https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html; and
# certifi, which botocore takes where it is there.
BROUGHT = {"boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    detections = {"detections.json": json.dumps([ENTRY]).encode()}
    built = tmp_path_factory.mktemp("package") / "importer.zip"
    return build_zip(SOURCE, "finding_importer", detections, dependencies(), built)


@pytest.fixture(scope="module")
def task_root(package: Path) -> Path:
    folder = package.with_name("task")
    with ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def invoke(
    task_root: Path, environment: Mapping[str, str], *events: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # This interpreter, on files of this test.
        [sys.executable, "-I", "-c", INVOKE, str(task_root), *map(json.dumps, events)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_counts_what_it_handled_and_logs_it_as_json(task_root: Path) -> None:
    ordinary = logs_event(record(eventName="CheckMfa"), record(userIdentity={"type": "IAMUser"}))
    control = logs_event(message_type="CONTROL_MESSAGE")

    done = invoke(task_root, ENVIRONMENT, ordinary, control)

    assert done.returncode == 0, done.stderr
    *lines, answers, foreign = map(json.loads, done.stdout.splitlines())
    assert answers == [
        {"Records": 2, "DeadLettered": 0, "Requeued": 0},
        {"Records": 0, "DeadLettered": 0, "Requeued": 0},
    ]
    assert [line.get("message") for line in lines] == ["delivery handled", None] * 2
    assert lines[1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Rootwatch"
    assert {name.split(".")[0] for name in foreign} <= BROUGHT


def test_it_fails_without_a_variable_and_names_it(task_root: Path) -> None:
    incomplete = {key: value for key, value in ENVIRONMENT.items() if key != "QUEUE_URL"}

    done = invoke(task_root, incomplete, logs_event(message_type="CONTROL_MESSAGE"))

    assert done.returncode != 0
    assert "EnvironmentVariableError: environment variable QUEUE_URL:" in done.stderr


def test_the_zip_is_pure_python_and_small_and_holds_no_schema(package: Path) -> None:
    with ZipFile(package) as archive:
        others = [name for name in archive.namelist() if not name.endswith(".py")]

    assert others == ["finding_importer/detections.json"]
    assert package.stat().st_size < 3_000_000

"""The deployed zip, unpacked and run without the repository."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from modules.function_package import build_zip, dependencies
from tests.unit.importer.builders import ENTRY, SOURCE, logs_event, record
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
# boto3 and its dependencies, https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html, and
# certifi, which botocore uses if it is installed.
RUNTIME_PACKAGES = {
    "boto3",
    "botocore",
    "certifi",
    "dateutil",
    "jmespath",
    "s3transfer",
    "six",
    "urllib3",
}


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


def test_the_function_logs_and_counts_as_json(task_root: Path) -> None:
    benign = logs_event(record(eventName="CheckMfa"), record(userIdentity={"type": "IAMUser"}))
    control = logs_event(message_type="CONTROL_MESSAGE")

    completed = invoke(task_root, ENVIRONMENT, benign, control)

    assert completed.returncode == 0, completed.stderr
    *lines, responses, packages = map(json.loads, completed.stdout.splitlines())
    assert responses == [
        {"Records": 2, "DeadLettered": 0, "Requeued": 0},
        {"Records": 0, "DeadLettered": 0, "Requeued": 0},
    ]
    assert [line.get("message") for line in lines] == ["delivery processed", None] * 2
    assert lines[1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Rootwatch"
    assert {name.split(".")[0] for name in packages} <= RUNTIME_PACKAGES


def test_a_missing_variable_is_named_in_the_error(task_root: Path) -> None:
    incomplete = {key: value for key, value in ENVIRONMENT.items() if key != "QUEUE_URL"}

    completed = invoke(task_root, incomplete, logs_event(message_type="CONTROL_MESSAGE"))

    assert completed.returncode != 0
    assert "EnvironmentVariableError: QUEUE_URL: got nothing, expected a value" in completed.stderr


def test_the_zip_has_python_modules_and_the_detections_only(package: Path) -> None:
    with ZipFile(package) as archive:
        others = [name for name in archive.namelist() if not name.endswith(".py")]

    assert others == ["finding_importer/detections.json"]
    assert package.stat().st_size < 3_000_000

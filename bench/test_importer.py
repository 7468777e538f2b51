"""Measures the finding importer; `make bench` runs it.

Each group compares within one run: the figure in parentheses after a number is its ratio to the
best of the group. Nothing is asserted about time, since machines differ and are shared.
"""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.records import lines
from detections import catalog, importer
from functions.finding_importer import sources
from functions.finding_importer.rules import Ruleset
from modules.finding_importer import PACKAGE, SOURCE
from modules.function_dependencies import dependencies
from modules.function_package import build_zip

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

RECORDS = 5_000  # of the generator, one in 1,000 of which matches: those are left out
IMPORTS = 12  # processes a round would be noise; one process is one round
ROOT = Path(__file__).parents[1]
UNPACKED_BYTES = 50_000_000

DETECTIONS = [one for one in catalog.load() if "importer" in one.evaluated_by]
DOCUMENT = importer.document(DETECTIONS)


@pytest.fixture(scope="session")
def function(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployed zip, unpacked as Lambda does."""
    folder = tmp_path_factory.mktemp("function")
    extra = {"detections.json": DOCUMENT}
    packed = build_zip(SOURCE, PACKAGE, extra, dependencies(), folder / "function.zip")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "task")
    return folder / "task"


def importing(statement: str, function: Path) -> Callable[[], None]:
    """A fresh process that imports; its start-up alone is in each of them."""
    command = [sys.executable, "-c", statement]
    environment = {"PYTHONPATH": str(function), "AWS_DEFAULT_REGION": "us-east-1"}

    def run() -> None:
        subprocess.run(command, cwd=function, env=environment, check=True)  # noqa: S603  Ours.

    return run


@pytest.mark.benchmark(group="start-up of the function")
@pytest.mark.parametrize("module", ["boto3", f"{PACKAGE}.handler"])
def test_import(module: str, function: Path, benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(importing(f"import {module}", function), rounds=IMPORTS, warmup_rounds=2)


@pytest.fixture(scope="session")
def ruleset() -> Any:
    return Ruleset.load(DOCUMENT)


@pytest.fixture(scope="session")
def ordinary(ruleset: Any) -> dict[str, Any]:
    """A subscription's delivery in which nothing matches."""
    texts = [line.decode() for line in lines(RECORDS)]
    return delivery([text for text in texts if not ruleset.matching(json.loads(text))])


def delivery(messages: list[str]) -> dict[str, Any]:
    log_events = [
        {"id": f"{number:056d}", "timestamp": 1_700_000_000_000, "message": message}
        for number, message in enumerate(messages)
    ]
    payload = {
        "messageType": "DATA_MESSAGE",
        "owner": "333333333333",
        "logGroup": "/rootwatch/organization-trail",
        "logStream": "o-exampleorgid_444444444444_CloudTrail_us-east-1",
        "subscriptionFilters": ["rootwatch-finding-importer"],
        "logEvents": log_events,
    }
    packed = gzip.compress(json.dumps(payload).encode())
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def unpack_and_parse(event: dict[str, Any]) -> int:
    """What nobody can do without: the payload as a document, its messages not looked at."""
    payload = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return len(payload["logEvents"])


def decode_and_match(event: dict[str, Any], ruleset: Any) -> int:
    delivered = list_of_records(event)
    return sum(1 for item in delivered if not ruleset.matching(item.record))


def list_of_records(event: dict[str, Any]) -> Any:
    return (item for item in sources.read(event) if isinstance(item, sources.DeliveredRecord))


@pytest.mark.benchmark(group="a delivery in which nothing matches")
def test_gzip_and_json_loads_alone(ordinary: dict[str, Any], benchmark: BenchmarkFixture) -> None:
    count = benchmark(unpack_and_parse, ordinary)
    benchmark.extra_info["records"] = count


@pytest.mark.benchmark(group="a delivery in which nothing matches")
def test_the_importer_decodes_and_rejects(
    ordinary: dict[str, Any], ruleset: Any, benchmark: BenchmarkFixture
) -> None:
    count = benchmark(decode_and_match, ordinary, ruleset)
    benchmark.extra_info["records"] = count


@pytest.fixture(scope="session")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery of 1 MB that unpacks to 50 MB: the records repeat themselves, as they do not."""
    texts = [line.decode() for line in lines(RECORDS)]
    size, messages = 0, []
    while size < UNPACKED_BYTES:
        messages.append(texts[len(messages) % 12])
        size += len(json.dumps(messages[-1])) + 130
    path = tmp_path_factory.mktemp("delivery") / "event.json"
    path.write_text(json.dumps(delivery(messages)))
    return path


@pytest.mark.parametrize("job", ["nothing", "gzip and json.loads", "the importer"])
def test_peak_memory_of_one_megabyte_that_unpacks_to_fifty(
    job: str, largest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a process of its own, whose largest resident set counts."""
    command = [sys.executable, "-m", "bench.peak_memory", job, str(largest)]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  Ours.
    with capsys.disabled():
        print(f"\n{largest.stat().st_size:,} bytes packed; {job}: {run.stdout.strip()}")  # noqa: T201

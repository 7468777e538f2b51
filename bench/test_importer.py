"""Benchmarks of the finding importer. `make bench` runs them.

The figure in parentheses after a number is its ratio to the best of its group. No benchmark
asserts a time, because machines differ.
"""

import base64
import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.peak_memory import matched_nothing, unpack_and_parse
from bench.records import lines
from compiler import catalog
from compiler import predicate as importer
from functions.finding_importer.environment import FunctionEnvironment
from functions.finding_importer.handler import create_function
from functions.finding_importer.matching.rules import Ruleset
from modules.finding_importer import PACKAGE, SOURCE
from modules.function_package import build_zip, dependencies
from sandbox.cloudtrail import sign_ins

RECORDS = 5_000  # of the generator; the few that match are removed
IMPORTS = 12  # each in a process of its own
ACCOUNTS = 500
ROOT = Path(__file__).parents[1]
UNPACKED_BYTES = 42_000_000  # of messages, which are 50 MB in their payload
DISTINCT = 12

DETECTIONS = [one for one in catalog.load() if "importer" in one.evaluated_by]
DOCUMENT = importer.document(DETECTIONS)


@pytest.fixture(scope="session")
def function(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked deployment package."""
    folder = tmp_path_factory.mktemp("function")
    extra = {"detections.json": DOCUMENT}
    packed = build_zip(SOURCE, PACKAGE, extra, dependencies(), folder / "function.zip")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "task")
    return folder / "task"


def importing(statement: str, function: Path) -> Callable[[], None]:
    """Return a function that runs the statement in a new process."""
    command = [sys.executable, "-c", statement]
    environment = {"PYTHONPATH": str(function), "AWS_DEFAULT_REGION": "us-east-1"}

    def run() -> None:
        subprocess.run(command, cwd=function, env=environment, check=True)  # noqa: S603  # No user input.

    return run


@pytest.mark.benchmark(group="start-up of the function")
@pytest.mark.parametrize("module", ["boto3", f"{PACKAGE}.handler"])
def test_import(module: str, function: Path, benchmark: BenchmarkFixture) -> None:
    start = importing(f"import {module}", function)
    benchmark.pedantic(start, rounds=IMPORTS, warmup_rounds=2)  # type: ignore[no-untyped-call]  # Untyped.


@pytest.fixture(scope="session")
def ruleset() -> Any:
    return Ruleset.load(DOCUMENT)


@pytest.fixture(scope="session")
def benign(ruleset: Any) -> dict[str, Any]:
    """A delivery of the subscription filter in which no record matches."""
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


@pytest.mark.benchmark(group="a delivery without matches")
def test_gzip_and_json_loads_alone(benign: dict[str, Any], benchmark: BenchmarkFixture) -> None:
    count = benchmark(unpack_and_parse, benign)
    benchmark.extra_info["records"] = count


@pytest.mark.benchmark(group="a delivery without matches")
def test_the_importer_unpacks_and_matches(
    benign: dict[str, Any], ruleset: Any, benchmark: BenchmarkFixture
) -> None:
    count = benchmark(matched_nothing, benign, ruleset)
    benchmark.extra_info["records"] = count


@pytest.fixture(scope="session")
def organization() -> Iterator[dict[str, Any]]:
    """In a separate process, so that it does not share a core with the importer."""
    command = [sys.executable, "-m", "bench.organization", str(ACCOUNTS)]
    with subprocess.Popen(  # noqa: S603  # No user input.
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101  a pipe was asked for
        yield json.loads(process.stdout.readline())
        process.communicate()


class LongInvocation:
    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def one_sign_in_each(
    accounts: list[str],
) -> tuple[tuple[dict[str, Any], LongInvocation], dict[str, Any]]:
    """Return the arguments of a delivery with one sign-in in each account."""
    records = (sign_ins.root_without_mfa(account) for account in accounts)
    return (delivery([json.dumps(record) for record in records]), LongInvocation()), {}


@pytest.mark.benchmark(group=f"one sign-in in each of {ACCOUNTS} accounts")
@pytest.mark.parametrize("concurrency", [1, 8])
def test_findings_across_accounts(
    concurrency: int,
    organization: dict[str, Any],
    ruleset: Any,
    monkeypatch: pytest.MonkeyPatch,
    benchmark: BenchmarkFixture,
) -> None:
    """The first round assumes every role."""
    variables = {**organization["environment"], "MAX_CONCURRENT_ACCOUNTS": str(concurrency)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    function = create_function(FunctionEnvironment.parse(variables), ruleset)
    accounts = organization["accounts"]
    counts = benchmark.pedantic(  # type: ignore[no-untyped-call]  # Untyped.
        function.handle, setup=lambda: one_sign_in_each(accounts), rounds=3
    )
    if benchmark.stats is not None:  # None with --benchmark-disable
        rate = round(ACCOUNTS / benchmark.stats["min"], 1)
        benchmark.extra_info["findings a second"] = rate
    if counts["FindingsImported"] != ACCOUNTS:
        raise AssertionError(counts)


@pytest.fixture(scope="session")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery of nearly 1 MB that unpacks to 50 MB, because its records are similar."""
    texts, random = [line.decode() for line in lines(DISTINCT)], Random(1)  # noqa: S311  The same.
    messages: list[str] = []
    while sum(map(len, messages[:DISTINCT])) * len(messages) / DISTINCT < UNPACKED_BYTES:
        endpoint = f',"vpcEndpointId":"vpce-{random.getrandbits(48):012x}"}}'
        messages.append(texts[len(messages) % DISTINCT][:-1] + endpoint)
    path = tmp_path_factory.mktemp("delivery") / "event.json"
    path.write_text(json.dumps(delivery(messages)))
    return path


@pytest.mark.parametrize("job", ["nothing", "gzip and json.loads", "the importer"])
def test_peak_memory_of_one_megabyte_that_unpacks_to_fifty(
    job: str, largest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The maximum resident set of a separate process."""
    command = [sys.executable, "-m", "bench.peak_memory", job, str(largest)]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # No user input.
    with capsys.disabled():
        print(f"\n{largest.stat().st_size:,} bytes packed; {job}: {run.stdout.strip()}")  # noqa: T201

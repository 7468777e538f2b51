"""The function's handler: every source, and what remains of a delivery."""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from functions.finding_importer.aws import ClientFactory, ClientTimeouts, Credentials
from functions.finding_importer.environment import FunctionEnvironment
from functions.finding_importer.errors import QueueError
from functions.finding_importer.handler import create_function
from functions.finding_importer.matching.rules import Ruleset
from modules.function_package import build_zip, dependencies
from tests.unit.importer.builders import (
    ENTRY,
    OWNER,
    SECURITY,
    SOURCE,
    detection,
    event_bridge_event,
    id_of,
    logs_event,
    queue_event,
    record,
    sign_in,
)
from tests.unit.importer.fake_cloud import HIGH, LOW, FakeCloud, job
from tests.unit.importer.fakes import client_error
from tests.unit.importer.test_environment import VARIABLES

E = id_of(OWNER)
OTHER = "444455556666"
UNAVAILABLE = client_error("ServiceUnavailable", "Operation", 503)
FAILED_INVOCATION = {"requestPayload": logs_event(sign_in())}


def failures(response: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


@pytest.mark.parametrize(
    "event", [logs_event(sign_in()), event_bridge_event(sign_in()), FAILED_INVOCATION]
)
def test_every_source_can_invoke_the_function_or_send_to_its_queue(event: Any) -> None:
    direct, queued = FakeCloud(), FakeCloud()

    counts = direct.invoke(event)
    response = queued.invoke(queue_event(json.dumps(event)))

    assert direct.active_findings() == queued.active_findings() == {OWNER: [E]}
    assert counts["Records"] == counts["FindingsImported"] == counts["NotificationsPublished"] == 1
    assert response == {"batchItemFailures": []}
    assert direct.queued == queued.queued == direct.dead_letters == queued.dead_letters == []


def test_both_paths_together_result_in_one_finding_and_one_notification() -> None:
    cloud = FakeCloud()

    cloud.invoke(queue_event(json.dumps(event_bridge_event(sign_in()))))
    cloud.invoke(logs_event(sign_in()))
    cloud.invoke(queue_event(*[json.dumps(event_bridge_event(sign_in()))] * 3))

    assert cloud.active_findings() == {OWNER: [E]}
    assert len(cloud.sns.published) == 1


class TestRemainingWork:
    def test_it_becomes_jobs_and_dead_letters(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = UNAVAILABLE

        counts = cloud.invoke(logs_event(sign_in(), "not json", sign_in(OTHER)))

        assert [sent.body for sent in cloud.queued] == [job().body()]
        assert [json.loads(sent.body)["content"] for sent in cloud.dead_letters] == ["not json"]
        assert str(cloud.dead_letters[0].reason).startswith(
            "log event 1: record: got invalid JSON ("
        )
        assert (counts["Requeued"], counts["DeadLettered"]) == (1, 1)

    def test_a_job_imports_the_finding_later_without_another_notification(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.next = [UNAVAILABLE, UNAVAILABLE]

        cloud.invoke(logs_event(sign_in()))
        cloud.drain_queue()
        assert (cloud.active_findings(), len(cloud.queued)) == ({}, 1)
        cloud.drain_queue()

        assert cloud.active_findings() == {OWNER: [E]}
        assert cloud.queued == cloud.dead_letters == []
        assert len(cloud.sns.published) == 1

    @pytest.mark.parametrize(("unavailable", "queued"), [("queue", 0), ("dead", 1)])
    def test_an_unavailable_queue_raises_an_error_and_dead_letters_come_last(
        self, unavailable: str, queued: int
    ) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = UNAVAILABLE
        cloud.sqs.errors.next = [UNAVAILABLE if unavailable == "queue" else None, UNAVAILABLE]

        with pytest.raises(QueueError, match=f"/{unavailable} rejected 1 messages"):
            cloud.invoke(logs_event(sign_in(), "not json"))

        assert (len(cloud.queued), len(cloud.dead_letters)) == (queued, 0)

    def test_a_retry_by_lambda_is_idempotent(self) -> None:
        cloud = FakeCloud()
        cloud.sqs.errors.next = [UNAVAILABLE]
        event = logs_event(sign_in(), "not json")
        with pytest.raises(QueueError):
            cloud.invoke(event)

        cloud.invoke(event)

        assert cloud.active_findings() == {OWNER: [E]}
        assert (len(cloud.sns.published), len(cloud.dead_letters)) == (1, 1)

    def test_an_event_of_no_source_is_a_dead_letter(self) -> None:
        cloud = FakeCloud()

        cloud.invoke({"Records": [{"eventSource": "aws:s3"}]})

        [dead_letter] = cloud.dead_letters
        assert json.loads(json.loads(dead_letter.body)["content"])["Records"]


class TestQueueBatch:
    def test_a_failed_job_stays_in_the_queue_with_a_delay(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = UNAVAILABLE

        event = queue_event(job(account=OTHER).body(), job().body(), receive_count=4)
        response = cloud.invoke(event)

        assert failures(response) == ["message-1"]
        assert cloud.sqs.hidden == {"handle-1": 240}
        assert cloud.queued == cloud.dead_letters == []

    def test_a_failed_job_stays_in_the_queue_if_the_delay_fails(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = UNAVAILABLE
        cloud.sqs.errors.default = client_error("MessageNotInflight")

        assert failures(cloud.invoke(queue_event(job().body(), "x"))) == ["message-0", "message-1"]

    def test_remaining_work_of_an_event_becomes_a_job_and_the_message_is_deleted(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = UNAVAILABLE

        response = cloud.invoke(queue_event(json.dumps(event_bridge_event(sign_in()))))

        assert failures(response) == []
        assert [sent.body for sent in cloud.queued] == [job().body()]

    def test_a_message_stays_if_the_queues_reject_its_remaining_work(self) -> None:
        cloud = FakeCloud()
        cloud.sqs.rejects = lambda body: "bad" in body

        response = cloud.invoke(queue_event("bad", "unreadable", job().body()))

        assert failures(response) == ["message-0"]
        assert [json.loads(dead_letter.body)["content"] for dead_letter in cloud.dead_letters] == [
            "unreadable"
        ]

    def test_an_invalid_finding_is_a_dead_letter_that_can_be_redriven_unchanged(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).rejected[E] = "InvalidInput"

        assert failures(cloud.invoke(queue_event(job().body()))) == []
        [dead_letter] = cloud.dead_letters
        cloud.hub(OWNER).rejected.clear()
        assert failures(cloud.invoke(queue_event(dead_letter.body))) == []

        assert cloud.active_findings() == {OWNER: [E]}
        assert len(cloud.sns.published) == 1

    def test_a_redriven_dead_letter_is_read_again(self) -> None:
        cloud = FakeCloud([detection(name="other")])
        cloud.invoke(queue_event(job().body()))
        [dead_letter] = cloud.dead_letters
        assert str(dead_letter.reason).startswith(
            "detection: got 'root_console_login_without_mfa', expected"
        )

        deployed = FakeCloud()
        deployed.invoke(queue_event(dead_letter.body))

        assert deployed.active_findings() == {OWNER: [E]}

    def test_a_redriven_part_is_the_same_dead_letter_again(self) -> None:
        first, second = FakeCloud(), FakeCloud()
        text = "".join(map(chr, random.Random(0).choices(range(0x20, 0xD7FF), k=150_000)))  # noqa: S311
        first.invoke(logs_event(text))
        assert len(first.dead_letters) > 1

        for dead_letter in first.dead_letters:
            second.invoke(queue_event(dead_letter.body))

        assert second.dead_letters == first.dead_letters

    def test_an_event_with_a_fallback_finding_leaves_only_the_queued_job(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).enabled = False
        cloud.sns.errors.next = [UNAVAILABLE]

        response = cloud.invoke(queue_event(json.dumps(event_bridge_event(sign_in()))))

        assert failures(response) == []
        assert [sent.body for sent in cloud.queued] == [job(has_fallback=True).body()]
        assert cloud.dead_letters == []

    def test_a_fallback_finding_moves_to_the_owning_account(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).enabled = False

        cloud.invoke(logs_event(sign_in()))
        cloud.drain_queue()
        assert cloud.active_findings() == {SECURITY: [E]}
        cloud.hub(OWNER).enabled = True
        cloud.drain_queue()

        assert cloud.active_findings() == {OWNER: [E]}
        assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}
        assert cloud.queued == cloud.dead_letters == []
        assert len(cloud.sns.published) == 1


def test_the_function_has_the_configuration_of_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timeouts_of: dict[str, ClientTimeouts | None] = {}

    def client(_: ClientFactory, service: str, timeouts: ClientTimeouts | None = None) -> str:
        timeouts_of[service] = timeouts
        return service

    monkeypatch.setattr(ClientFactory, "client", client)
    topics = {"HIGH_PRIORITY_TOPIC_ARN": HIGH, "LOW_PRIORITY_TOPIC_ARN": LOW}

    function = create_function(FunctionEnvironment.parse({**VARIABLES, **topics}), Ruleset.of([]))

    reporter = function.reporter
    assert {name: topic.topic_arn for name, topic in reporter.topics.items()} == {
        "high": HIGH,
        "low": LOW,
    }
    assert function.queues.queue_url == VARIABLES["QUEUE_URL"]
    assert function.queues.dead_letter_queue_url == VARIABLES["DEAD_LETTER_QUEUE_URL"]
    assert (function.max_concurrent_accounts, function.reserved_seconds) == (8, 45.0)
    assert timeouts_of == {
        "sqs": None,
        "sts": None,
        "sns": None,
        "dynamodb": ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=2),
        "organizations": ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=1),
    }


def test_a_client_is_created_once_for_the_same_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    created = []

    def client(_: ClientFactory, service: str, **others: Any) -> str:
        created.append((service, others.get("credentials")))
        return service

    monkeypatch.setattr(ClientFactory, "client", client)
    hub_of = create_function(FunctionEnvironment.parse(VARIABLES), Ruleset.of([])).reporter.hub_of
    keys = Credentials("key", "secret", "token", datetime(2025, 1, 1, tzinfo=UTC))

    assert hub_of(keys) is hub_of(replace(keys))
    assert hub_of(None) is hub_of(None)
    assert [keys for service, keys in created if service == "securityhub"] == [keys, None]


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

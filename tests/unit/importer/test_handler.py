"""The function's entry: each source through the whole of it, and what stays where it came from."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.finding_importer.aws import Connections, Credentials, Patience
from functions.finding_importer.environment import Environment
from functions.finding_importer.errors import QueueError
from functions.finding_importer.handler import assemble
from functions.finding_importer.matching.rules import Ruleset
from tests.unit.importer.cloud import HIGH, LOW, Cloud, job
from tests.unit.importer.doubles import (
    OWNER,
    SECURITY,
    detection,
    event_bridge_event,
    id_of,
    logs_event,
    queue_event,
    sign_in,
)
from tests.unit.importer.fakes import client_error
from tests.unit.importer.test_environment import VARIABLES

E = id_of(OWNER)
OTHER = "444455556666"
DOWN = client_error("ServiceUnavailable", "Operation", 503)
FAILED = {"requestPayload": logs_event(sign_in())}


def failures(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("event", [logs_event(sign_in()), event_bridge_event(sign_in()), FAILED])
def test_each_source_may_invoke_the_function_or_come_by_its_queue(event: Any) -> None:
    direct, queued = Cloud(), Cloud()

    counts = direct.invoke(event)
    answer = queued.invoke(queue_event(json.dumps(event)))

    assert direct.active() == queued.active() == {OWNER: [E]}
    assert (counts["Records"], counts["FindingsImported"], counts["NotificationNow"]) == (1, 1, 1)
    assert answer == {"batchItemFailures": []}
    assert direct.queued == queued.queued == direct.dead == queued.dead == []


def test_both_paths_together_add_one_finding_and_one_notification() -> None:
    cloud = Cloud()

    cloud.invoke(queue_event(json.dumps(event_bridge_event(sign_in()))))
    cloud.invoke(logs_event(sign_in()))
    cloud.invoke(queue_event(*[json.dumps(event_bridge_event(sign_in()))] * 3))

    assert cloud.active() == {OWNER: [E]}
    assert len(cloud.sns.published) == 1


class TestWhatIsLeftOfAnEvent:
    def test_it_becomes_jobs_and_dead_letters(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = DOWN

        counts = cloud.invoke(logs_event(sign_in(), "not json", sign_in(OTHER)))

        assert [sent.body for sent in cloud.queued] == [job().body()]
        assert [json.loads(sent.body)["content"] for sent in cloud.dead] == ["not json"]
        assert str(cloud.dead[0].reason).startswith("log event 1: expected JSON: ")
        assert (counts["Requeued"], counts["DeadLettered"]) == (1, 1)

    def test_the_job_imports_the_finding_later_and_tells_nobody_again(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.next = [DOWN, DOWN]

        cloud.invoke(logs_event(sign_in()))
        cloud.work_off()
        assert (cloud.active(), len(cloud.queued)) == ({}, 1)
        cloud.work_off()

        assert cloud.active() == {OWNER: [E]}
        assert cloud.queued == cloud.dead == []
        assert len(cloud.sns.published) == 1

    @pytest.mark.parametrize(("bad", "queued"), [("queue", 0), ("dead", 1)])
    def test_where_a_queue_is_down_it_is_an_error_and_letters_come_last(
        self, bad: str, queued: int
    ) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = DOWN
        cloud.sqs.faults.next = [DOWN if bad == "queue" else None, DOWN]

        with pytest.raises(QueueError, match=f"/{bad} did not take 1 messages"):
            cloud.invoke(logs_event(sign_in(), "not json"))

        assert (len(cloud.queued), len(cloud.dead)) == (queued, 0)

    def test_the_error_makes_lambda_repeat_the_event_which_then_adds_nothing(self) -> None:
        cloud = Cloud()
        cloud.sqs.faults.next = [DOWN]
        event = logs_event(sign_in(), "not json")
        with pytest.raises(QueueError):
            cloud.invoke(event)

        cloud.invoke(event)

        assert cloud.active() == {OWNER: [E]}
        assert (len(cloud.sns.published), len(cloud.dead)) == (1, 1)

    def test_an_event_of_no_source_is_a_dead_letter(self) -> None:
        cloud = Cloud()

        cloud.invoke({"Records": [{"eventSource": "aws:s3"}]})

        [letter] = cloud.dead
        assert json.loads(json.loads(letter.body)["content"])["Records"]


class TestBatches:
    def test_a_job_that_is_not_done_stays_and_is_postponed(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = DOWN

        event = queue_event(job(account=OTHER).body(), job().body(), receive_count=4)
        answer = cloud.invoke(event)

        assert failures(answer) == ["message-1"]
        assert cloud.sqs.hidden == {"handle-1": 240}
        assert cloud.queued == cloud.dead == []

    def test_a_job_that_cannot_be_postponed_stays_all_the_same(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = DOWN
        cloud.sqs.faults.always = client_error("MessageNotInflight")

        assert failures(cloud.invoke(queue_event(job().body(), "x"))) == ["message-0", "message-1"]

    def test_what_is_left_of_an_event_becomes_a_job_and_its_message_goes(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = DOWN

        answer = cloud.invoke(queue_event(json.dumps(event_bridge_event(sign_in()))))

        assert failures(answer) == []
        assert [sent.body for sent in cloud.queued] == [job().body()]

    def test_a_message_whose_rest_no_queue_takes_stays_and_others_go(self) -> None:
        cloud = Cloud()
        cloud.sqs.refuses = lambda body: "bad" in body

        answer = cloud.invoke(queue_event("bad", "unreadable", job().body()))

        assert failures(answer) == ["message-0"]
        assert [json.loads(letter.body)["content"] for letter in cloud.dead] == ["unreadable"]

    def test_an_invalid_finding_is_a_dead_letter_that_can_be_put_back_as_it_is(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).refused[E] = "InvalidInput"

        assert failures(cloud.invoke(queue_event(job().body()))) == []
        [letter] = cloud.dead
        cloud.hub(OWNER).refused.clear()
        assert failures(cloud.invoke(queue_event(letter.body))) == []

        assert cloud.active() == {OWNER: [E]}
        assert len(cloud.sns.published) == 1

    def test_a_dead_letter_that_is_put_back_is_read_again(self) -> None:
        cloud = Cloud([detection(name="other")])
        cloud.invoke(queue_event(job().body()))
        [letter] = cloud.dead
        assert str(letter.reason).startswith("detection: expected one that is deployed, found 'r")

        repaired = Cloud()
        repaired.invoke(queue_event(letter.body))

        assert repaired.active() == {OWNER: [E]}

    def test_a_part_of_a_dead_letter_that_is_put_back_stays_as_it_is(self) -> None:
        first, second = Cloud(), Cloud()
        text = "".join(map(chr, random.Random(0).choices(range(0x20, 0xD7FF), k=150_000)))  # noqa: S311
        first.invoke(logs_event(text))
        assert len(first.dead) > 1

        for letter in first.dead:
            second.invoke(queue_event(letter.body))

        assert second.dead == first.dead

    def test_the_stand_ins_life_ends_in_the_owning_account(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).enabled = False

        cloud.invoke(logs_event(sign_in()))
        cloud.work_off()
        assert cloud.active() == {SECURITY: [E]}
        cloud.hub(OWNER).enabled = True
        cloud.work_off()

        assert cloud.active() == {OWNER: [E]}
        assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}
        assert cloud.queued == cloud.dead == []
        assert len(cloud.sns.published) == 1


def test_the_function_is_assembled_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patiences: dict[str, Patience | None] = {}

    def client(_: Connections, service: str, patience: Patience | None = None) -> str:
        patiences[service] = patience
        return service

    monkeypatch.setattr(Connections, "client", client)
    topics = {"HIGH_PRIORITY_TOPIC_ARN": HIGH, "LOW_PRIORITY_TOPIC_ARN": LOW}

    function = assemble(Environment.parse({**VARIABLES, **topics}), Ruleset.of([]))

    reporter = function.importer.reporter
    assert {name: topic.topic_arn for name, topic in reporter.topics.items()} == {
        "high": HIGH,
        "low": LOW,
    }
    assert function.queues.queue_url == VARIABLES["QUEUE_URL"]
    assert function.queues.dead_letter_queue_url == VARIABLES["DEAD_LETTER_QUEUE_URL"]
    assert (function.importer.accounts_at_once, function.importer.reserved_seconds) == (8, 45.0)
    assert patiences == {
        "sqs": None,
        "sts": None,
        "sns": None,
        "dynamodb": Patience(connect_seconds=1, read_seconds=2, attempts=2),
        "organizations": Patience(connect_seconds=1, read_seconds=2, attempts=1),
    }


def test_a_hubs_client_is_made_once_for_the_same_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    def client(_: Connections, service: str, **others: Any) -> str:
        made.append((service, others.get("credentials")))
        return service

    monkeypatch.setattr(Connections, "client", client)
    hub_of = assemble(Environment.parse(VARIABLES), Ruleset.of([])).importer.reporter.hub_of
    keys = Credentials("key", "secret", "token", datetime(2025, 1, 1, tzinfo=UTC))

    assert hub_of(keys) is hub_of(replace(keys))
    assert hub_of(None) is hub_of(None)
    assert [keys for service, keys in made if service == "securityhub"] == [keys, None]

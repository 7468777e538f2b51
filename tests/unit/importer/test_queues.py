"""The importer's queue and its dead letters: what is sent is taken or told, and tried later."""

import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.delivery.dead_letter import DeadLetter
from functions.finding_importer.delivery.queues import QueueMessage, Queues, delay_seconds, messages
from functions.finding_importer.errors import QueueError
from functions.finding_importer.sources.job import Job
from tests.unit.importer.cloud import DEAD_LETTERS, QUEUE
from tests.unit.importer.doubles import finding, logs_event, queue_event, record
from tests.unit.importer.events import JSON
from tests.unit.importer.fakes import FakeSqs, client_error


def queues(sqs: Any) -> Queues:
    return Queues(sqs, QUEUE, DEAD_LETTERS)


def jobs(count: int) -> list[Job]:
    return [Job(finding({"eventID": str(number)})) for number in range(count)]


def letters(*lengths: int) -> list[DeadLetter]:
    return [DeadLetter("x" * length, "why") for length in lengths]


def message(receive_count: int) -> QueueMessage:
    return QueueMessage("m", "handle", receive_count, "{}")


class TestSending:
    def test_jobs_go_to_the_queue_and_come_back_after_a_while(self) -> None:
        sqs = FakeSqs()
        [job] = jobs(1)

        queues(sqs).try_again([job.with_stand_in()])

        [sent] = sqs.sent["queue"]
        assert json.loads(sent.body)["stand_in"] is True
        assert sent.delay_seconds == 30

    def test_letters_go_to_the_dead_letters_with_their_reason(self) -> None:
        sqs = FakeSqs()

        queues(sqs).put_aside([DeadLetter("body", "why")])

        [sent] = sqs.sent["dead"]
        assert (sent.body, sent.reason) == ("body", "why")

    def test_nothing_to_send_calls_nothing(self) -> None:
        sqs = FakeSqs()
        sqs.faults.always = client_error("AccessDenied")

        queues(sqs).try_again([])
        queues(sqs).put_aside([])

    @pytest.mark.parametrize(
        ("lengths", "calls"),
        [
            ([1] * 10, [10]),
            ([1] * 11, [10, 1]),
            ([200_000] * 3, [1, 1, 1]),
            ([100_000, 100_000, 100_000], [2, 1]),
            ([1, 200_000, 1, 200_000, 1], [3, 2]),
        ],
    )
    def test_a_call_holds_ten_messages_and_256_kib(
        self, lengths: list[int], calls: list[int]
    ) -> None:
        sqs = FakeSqs()

        queues(sqs).put_aside(letters(*lengths))

        assert sqs.calls == calls
        assert [len(sent.body) for sent in sqs.sent["dead"]] == lengths

    @given(st.lists(st.integers(1, 200_000), max_size=25))
    def test_no_message_is_lost_or_doubled_and_no_call_too_large(self, lengths: list[int]) -> None:
        sqs = FakeSqs()

        queues(sqs).put_aside(letters(*lengths))

        assert [len(sent.body) for sent in sqs.sent.get("dead", [])] == lengths

    @pytest.mark.parametrize("position", range(12))
    def test_a_message_that_is_not_taken_is_an_error_after_all_others_are_sent(
        self, position: int
    ) -> None:
        sqs = FakeSqs(refuses=lambda body: f'"eventID": "{position}"' in body)

        with pytest.raises(QueueError, match="did not take 1 messages: InternalError: refused"):
            queues(sqs).try_again(jobs(12))

        assert len(sqs.sent["queue"]) == 11

    def test_a_call_that_fails_is_an_error_after_the_other_calls(self) -> None:
        sqs = FakeSqs()
        sqs.faults.next = [ReadTimeoutError(endpoint_url="https://sqs"), None]

        with pytest.raises(QueueError, match=f"{QUEUE} did not take 10 messages: Read timeout"):
            queues(sqs).try_again(jobs(12))

        assert len(sqs.sent["queue"]) == 2

    @pytest.mark.parametrize("answer", [{}, {"Successful": [{"Id": "0"}]}])
    def test_a_message_that_the_answer_does_not_name_was_not_taken(self, answer: Any) -> None:
        class Proxy(FakeSqs):
            def send_message_batch(self, **_: Any) -> dict[str, Any]:
                return {"ResponseMetadata": {"HTTPStatusCode": 200}, **answer}

        with pytest.raises(QueueError, match="the answer does not name the message"):
            queues(Proxy()).try_again(jobs(2))


class TestPostponing:
    def test_the_delay_doubles_from_half_a_minute_to_nearly_twelve_hours(self) -> None:
        delays = [delay_seconds(count) for count in range(1, 19)]

        assert delays[:4] == [30, 60, 120, 240]
        assert delays == sorted(delays)
        assert all(later <= 2 * delay for delay, later in pairwise(delays))
        assert delays[-1] == 11.75 * 3600

    @pytest.mark.parametrize("receive_count", [0, 1, 2, 18, 10**9])
    def test_sqs_takes_each_delay_though_the_message_has_been_in_hand(
        self, receive_count: int
    ) -> None:
        sqs = FakeSqs(in_hand_seconds=720)

        queues(sqs).postpone(message(receive_count))

        assert sqs.hidden == {"handle": delay_seconds(receive_count)}

    def test_a_message_that_cannot_be_postponed_is_an_error(self) -> None:
        sqs = FakeSqs()
        sqs.faults.always = client_error("MessageNotInflight", "ChangeMessageVisibility")

        with pytest.raises(QueueError, match="MessageNotInflight"):
            queues(sqs).postpone(message(1))


class TestBatches:
    def test_a_batch_holds_messages(self) -> None:
        assert messages(queue_event("a", "b", receive_count=3)) == [
            QueueMessage("message-0", "handle-0", 3, "a"),
            QueueMessage("message-1", "handle-1", 3, "b"),
        ]

    @pytest.mark.parametrize(
        "event", [None, {}, [], {"Records": []}, {"Records": {}}, logs_event(record())]
    )
    def test_other_events_are_no_batch(self, event: Any) -> None:
        assert messages(event) is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("eventSource", "aws:s3"),
            ("messageId", None),
            ("receiptHandle", 1),
            ("body", None),
            ("body", {}),
            ("attributes", {}),
            ("attributes", {"ApproximateReceiveCount": 1}),
            ("attributes", {"ApproximateReceiveCount": "-1"}),
            ("attributes", {"ApproximateReceiveCount": "²"}),
        ],
    )
    def test_a_batch_with_anything_else_in_it_is_none(self, name: str, value: Any) -> None:
        event = queue_event("a", "b")
        event["Records"][1][name] = value

        assert messages(event) is None

    @given(JSON)
    def test_any_event_is_a_batch_or_none(self, event: Any) -> None:
        assert messages(event) is None
        assert messages({"Records": [event]}) is None

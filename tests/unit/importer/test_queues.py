"""Sending messages to the importer's queue and to its dead-letter queue."""

import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.delivery.queues import MessageQueues, delay_seconds
from functions.finding_importer.errors import QueueError
from functions.finding_importer.sources.messages import DeadLetterMessage, Job, QueueMessage
from tests.unit.importer.builders import finding
from tests.unit.importer.fake_cloud import DEAD_LETTER_QUEUE, QUEUE
from tests.unit.importer.fakes import FakeSqs, client_error


def queues(sqs: Any) -> MessageQueues:
    return MessageQueues(sqs, QUEUE, DEAD_LETTER_QUEUE)


def jobs(count: int) -> list[Job]:
    return [Job(finding({"eventID": str(number)})) for number in range(count)]


def dead_letters(*lengths: int) -> list[DeadLetterMessage]:
    return [DeadLetterMessage("x" * length, "why") for length in lengths]


def message(receive_count: int) -> QueueMessage:
    return QueueMessage("m", "handle", receive_count, "{}")


class TestSending:
    def test_jobs_are_requeued_with_a_delay(self) -> None:
        sqs = FakeSqs()
        [job] = jobs(1)

        queues(sqs).requeue([job.with_fallback()])

        [sent] = sqs.sent["queue"]
        assert json.loads(sent.body)["hasFallback"] is True
        assert sent.delay_seconds == 30

    def test_dead_letters_have_their_reason_as_an_attribute(self) -> None:
        sqs = FakeSqs()

        queues(sqs).dead_letter([DeadLetterMessage("body", "why")])

        [sent] = sqs.sent["dead"]
        assert (sent.body, sent.reason) == ("body", "why")

    def test_no_messages_need_no_call(self) -> None:
        sqs = FakeSqs()
        sqs.errors.default = client_error("AccessDenied")

        queues(sqs).requeue([])
        queues(sqs).dead_letter([])

    def test_a_call_has_at_most_ten_messages_and_256_kib(self) -> None:
        for lengths, calls in (
            ([1] * 10, [10]),
            ([1] * 11, [10, 1]),
            ([200_000] * 3, [1, 1, 1]),
            ([100_000, 100_000, 100_000], [2, 1]),
            ([1, 200_000, 1, 200_000, 1], [3, 2]),
        ):
            sqs = FakeSqs()

            queues(sqs).dead_letter(dead_letters(*lengths))

            assert sqs.calls == calls
            assert [len(sent.body) for sent in sqs.sent["dead"]] == lengths

    @given(st.lists(st.integers(1, 200_000), max_size=25))
    def test_every_message_is_sent_once_in_calls_within_the_limits(
        self, lengths: list[int]
    ) -> None:
        sqs = FakeSqs()

        queues(sqs).dead_letter(dead_letters(*lengths))

        assert [len(sent.body) for sent in sqs.sent.get("dead", [])] == lengths

    def test_a_rejected_message_raises_an_error_after_all_others_were_sent(self) -> None:
        for position in range(12):
            text = f'"eventID": "{position}"'
            sqs = FakeSqs(rejects=lambda body, text=text: text in body)  # type: ignore[misc]  # Bound.

            with pytest.raises(QueueError, match="rejected 1 messages: InternalError: rejected"):
                queues(sqs).requeue(jobs(12))

            assert len(sqs.sent["queue"]) == 11

    def test_a_failed_call_raises_an_error_after_the_other_calls(self) -> None:
        sqs = FakeSqs()
        sqs.errors.next = [ReadTimeoutError(endpoint_url="https://sqs"), None]

        with pytest.raises(QueueError, match=f"{QUEUE} rejected 10 messages: Read timeout"):
            queues(sqs).requeue(jobs(12))

        assert len(sqs.sent["queue"]) == 2

    @pytest.mark.parametrize("response", [{}, {"Successful": [{"Id": "0"}]}])
    def test_a_message_that_the_response_does_not_list_is_rejected(self, response: Any) -> None:
        class Proxy(FakeSqs):
            def send_message_batch(self, **_: Any) -> dict[str, Any]:
                return {"ResponseMetadata": {"HTTPStatusCode": 200}, **response}

        with pytest.raises(QueueError, match="the response does not list the message"):
            queues(Proxy()).requeue(jobs(2))


class TestDelay:
    def test_it_doubles_from_half_a_minute_to_nearly_12_hours(self) -> None:
        delays = [delay_seconds(count) for count in range(1, 19)]

        assert delays[:4] == [30, 60, 120, 240]
        assert delays == sorted(delays)
        assert all(later <= 2 * delay for delay, later in pairwise(delays))
        assert delays[-1] == 11.75 * 3600

    def test_sqs_accepts_every_delay_after_the_visibility_timeout_has_passed(self) -> None:
        for receive_count in (0, 1, 2, 18, 10**9):
            sqs = FakeSqs(elapsed_seconds=720)

            queues(sqs).delay(message(receive_count))

            assert sqs.hidden == {"handle": delay_seconds(receive_count)}

    def test_a_failed_call_raises_an_error(self) -> None:
        sqs = FakeSqs()
        sqs.errors.default = client_error("MessageNotInflight", "ChangeMessageVisibility")

        with pytest.raises(QueueError, match="MessageNotInflight"):
            queues(sqs).delay(message(1))

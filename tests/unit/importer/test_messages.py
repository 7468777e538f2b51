"""Messages of the importer's queue and of its dead-letter queue."""

import json
import random
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.delivery.queues import MessageQueues, delay_seconds
from functions.finding_importer.errors import InvalidJobError, QueueError
from functions.finding_importer.findings.finding import build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from functions.finding_importer.sources.messages import (
    DeadLetterMessage,
    Job,
    QueueMessage,
    content_of,
    queue_messages,
    reason_of,
    unreadable_content,
)
from tests.unit.importer.builders import (
    ANY_VALUES,
    JSON,
    RECORDS,
    SCOPE,
    detection,
    finding,
    logs_event,
    queue_event,
    record,
)
from tests.unit.importer.fake_cloud import DEAD_LETTER_QUEUE, QUEUE
from tests.unit.importer.fakes import FakeSqs, client_error

DETECTIONS = {one.name: one for one in (detection(), detection(name="other"))}
MESSAGE = json.loads(Job(finding()).body())
RANDOM = random.Random(0)  # noqa: S311  # Not a secret.


class TestQueueMessages:
    def test_a_batch_has_messages(self) -> None:
        assert queue_messages(queue_event("a", "b", receive_count=3)) == [
            QueueMessage("message-0", "handle-0", 3, "a"),
            QueueMessage("message-1", "handle-1", 3, "b"),
        ]

    def test_other_events_are_not_a_batch(self) -> None:
        others: list[Any] = [None, {}, [], {"Records": []}, {"Records": {}}, logs_event(record())]
        for event in others:
            assert queue_messages(event) is None

    def test_an_event_with_one_invalid_message_is_not_a_batch(self) -> None:
        for name, value in (
            ("eventSource", "aws:s3"),
            ("messageId", None),
            ("receiptHandle", 1),
            ("body", None),
            ("body", {}),
            ("attributes", {}),
            ("attributes", {"ApproximateReceiveCount": 1}),
            ("attributes", {"ApproximateReceiveCount": "-1"}),
            ("attributes", {"ApproximateReceiveCount": "²"}),
        ):
            event = queue_event("a", "b")
            event["Records"][1][name] = value

            assert queue_messages(event) is None

    @given(JSON)
    def test_arbitrary_events_are_not_a_batch(self, event: Any) -> None:
        assert queue_messages(event) is None
        assert queue_messages({"Records": [event]}) is None


def parse(message: Any) -> Job:
    return Job.parse(message, DETECTIONS, SCOPE)


class TestJob:
    @given(RECORDS, st.sampled_from(sorted(DETECTIONS)), st.booleans())
    def test_its_body_is_ascii_that_the_queue_accepts_and_parses_to_the_same_job(
        self,
        drawn: dict[str, Any],
        name: str,
        has_fallback: bool,  # noqa: FBT001  # Drawn by position.
    ) -> None:
        job = Job(build(CloudTrailEvent.parse(drawn), DETECTIONS[name], SCOPE), has_fallback)
        body = job.body()
        FakeSqs().send_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "0", "MessageBody": body}])

        assert parse(json.loads(body)) == job
        assert body.isascii()

    def test_its_body_has_the_documented_keys(self) -> None:
        message = json.loads(Job(finding()).body())

        assert message == {
            "rootwatchMessageType": "FindingJob",
            "detection": "root_console_login_without_mfa",
            "record": finding().event.as_record(),
            "hasFallback": False,
        }

    def test_with_fallback_changes_nothing_else(self) -> None:
        job = Job(finding())

        assert job.with_fallback() == Job(job.finding, has_fallback=True)
        assert job.with_fallback().with_fallback() == job.with_fallback()
        assert not job.has_fallback

    def test_an_incomplete_job_is_invalid(self) -> None:
        keys = "job: got rootwatchMessageType, detection, record, hasFallback, expected detection, "
        for changes, message in (
            ({"detection": None}, keys),
            ({"record": "x"}, keys),
            ({"hasFallback": 1}, keys),
            ({"detection": "x"}, "detection: got 'x', expected the name of a deployed detection"),
            ({"record": {}}, "record.eventID: got nothing, expected a string of 1 to 128"),
            (
                {"record": {**MESSAGE["record"], "eventTime": 1}},
                "record.eventTime: got 1, expected",
            ),
        ):
            with pytest.raises(InvalidJobError) as caught:
                parse({**MESSAGE, **changes})

            assert str(caught.value).startswith(message)

    @given(st.dictionaries(st.sampled_from(sorted(MESSAGE)), ANY_VALUES, min_size=1))
    def test_arbitrary_values_parse_or_are_invalid(self, changes: dict[str, Any]) -> None:
        with suppress(InvalidJobError):
            assert parse({**MESSAGE, **changes}).finding.id


def incompressible(characters: int) -> str:
    return "".join(map(chr, RANDOM.choices(range(0x20, 0xD7FF), k=characters)))


def send(message: DeadLetterMessage) -> None:
    """Send the message to the fake, which has the limits of SQS."""
    attribute = {"reason": {"DataType": "String", "StringValue": message.reason}}
    entry = {"Id": "0", "MessageBody": message.body, "MessageAttributes": attribute}
    FakeSqs().send_message_batch(QueueUrl=DEAD_LETTER_QUEUE, Entries=[entry])


class TestUnreadableContent:
    @given(
        st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[]))
    )
    def test_the_queue_accepts_arbitrary_content_which_can_be_restored(
        self, content: str, reason: str
    ) -> None:
        [message] = unreadable_content(content, reason)
        send(message)

        assert content_of(json.loads(message.body)) == content

    def test_its_body_has_the_documented_keys(self) -> None:
        [message] = unreadable_content("not json", "two\nlines")

        assert json.loads(message.body) == {
            "rootwatchMessageType": "UnreadableContent",
            "reason": "two lines",
            "content": "not json",
        }

    def test_long_content_is_compressed(self) -> None:
        for content in (
            "x" * 199_000,
            "x" * 5_000_000,
            "\x00" * 100_000,
            "\ud800" * 100_000,
            incompressible(50_000),
        ):
            [message] = unreadable_content(content, "\U0001f600" * 2_000)
            send(message)

            assert len(message.body) <= 200_100
            assert content_of(json.loads(message.body)) == content

    def test_content_that_exceeds_a_message_is_split_into_numbered_parts(self) -> None:
        messages = unreadable_content(incompressible(150_000), "why")
        parts = [json.loads(message.body) for message in messages]
        for message in messages:
            send(message)

        assert [(part["part"], part["parts"]) for part in parts] == [(1, 3), (2, 3), (3, 3)]
        assert [content_of(part) for part in parts] == [None] * 3
        joined = {"gzipBase64": "".join(part["gzipBase64"] for part in parts)}
        assert len(content_of(joined | {"part": 1, "parts": 1}) or "") == 150_000
        assert {reason_of(part) for part in parts} == {"why"}

    def test_incomplete_or_damaged_content_is_none(self) -> None:
        for message in (
            {},
            {"content": None},
            {"gzipBase64": None, "part": 1, "parts": 1},
            {"gzipBase64": "x", "part": 1, "parts": 2},
            {"gzipBase64": "***", "part": 1, "parts": 1},
            {"gzipBase64": "YQ==", "part": 1, "parts": 1},
            {"gzipBase64": "H4sI", "part": 1, "parts": 1},
        ):
            assert content_of(message) is None

    def test_a_message_without_a_reason_is_incomplete(self) -> None:
        incomplete = "got incomplete content, expected all parts"

        assert reason_of({}) == reason_of({"reason": ""}) == incomplete


class TestDeadLetterMessage:
    def test_a_blank_reason_is_replaced(self) -> None:
        for reason in ("", "\n", "\u200b"):
            assert DeadLetterMessage.of("body", reason).reason == "no reason"

    def test_its_reason_is_one_line_of_limited_length(self) -> None:
        assert DeadLetterMessage.of("body", "two\nlines").reason == "two lines"
        assert len(DeadLetterMessage.of("body", "x" * 9_999).reason) == 1_000

    def test_its_body_is_unchanged(self) -> None:
        assert DeadLetterMessage.of("body", "why").body == "body"


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
        class IncompleteSqs(FakeSqs):
            def send_message_batch(self, **_: Any) -> dict[str, Any]:
                return {"ResponseMetadata": {"HTTPStatusCode": 200}, **response}

        with pytest.raises(QueueError, match="the response does not list the message"):
            queues(IncompleteSqs()).requeue(jobs(2))


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

"""From the ways in to CloudTrail records, jobs, and what is neither."""

import gzip
import json
from typing import Any

import pytest

from functions.finding_importer.delivery import dead_letter
from functions.finding_importer.sources.job import Job
from functions.finding_importer.sources.sources import (
    Delivered,
    DeliveredJob,
    DeliveredRecord,
    Unreadable,
    read,
    read_message,
)
from tests.unit.importer.doubles import (
    encoded,
    event_bridge_event,
    finding,
    logs_event,
    packed,
    payload,
    record,
)

ONE, TWO = record(eventID="a"), record(eventID="b")
BODY = Job(finding()).body()


def records(delivered: list[Delivered]) -> list[tuple[int, Any]]:
    return [(one.position, one.record) for one in delivered if isinstance(one, DeliveredRecord)]


def unreadable(delivered: list[Delivered]) -> list[Unreadable]:
    return [one for one in delivered if isinstance(one, Unreadable)]


def put_back(content: str) -> list[Delivered]:
    [letter] = dead_letter.unreadable(content, "why")
    return list(read_message(letter.body))


class TestSubscription:
    def test_each_log_event_is_a_record_with_its_position(self) -> None:
        assert records(list(read(logs_event(ONE, TWO)))) == [(0, ONE), (1, TWO)]

    def test_a_control_message_holds_nothing(self) -> None:
        control = logs_event("CWL CONTROL MESSAGE", message_type="CONTROL_MESSAGE")

        assert list(read(control)) == []

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            ("not json", "expected JSON: "),
            ("", "expected JSON: "),
            ("[" * 200_000, "expected JSON: "),
            ("9" * 5_000, "expected JSON: "),
            ("[]", "expected a JSON object"),
            ("null", "expected a JSON object"),
            ('"text"', "expected a JSON object"),
        ],
        ids=range(7),
    )
    def test_an_unreadable_message_is_kept_and_stops_no_other(
        self, message: str, reason: str
    ) -> None:
        delivered = list(read(logs_event(ONE, message, TWO)))

        assert records(delivered) == [(0, ONE), (2, TWO)]
        [bad] = unreadable(delivered)
        assert (bad.position, bad.content) == (1, message)
        assert bad.reason.startswith(reason)

    @pytest.mark.parametrize("log_event", [{}, {"message": None}, "text", None, ["message"]])
    def test_a_log_event_without_a_message_is_kept(self, log_event: Any) -> None:
        unpacked = {"messageType": "DATA_MESSAGE", "logEvents": [log_event, {"message": "{}"}]}

        first, second = read(encoded(json.dumps(unpacked).encode()))

        assert first == Unreadable(
            reason="expected a log event with a message",
            content=json.dumps(log_event),
            position=0,
        )
        assert second == DeliveredRecord(1, {})

    @pytest.mark.parametrize(
        "event",
        [
            {"awslogs": {"data": "***"}},
            {"awslogs": {"data": "umlaut ä"}},
            packed(b"not gzip"),
            packed(gzip.compress(b"{}" * 99)[:12]),
            encoded(b"not json"),
            encoded(b"\xff\xfe\xff"),
            encoded(b"[]"),
            encoded(b"{}"),
            encoded(b"[" * 200_000),
            encoded(b'{"messageType": "DATA_MESSAGE"}'),
            encoded(b'{"messageType": "DATA_MESSAGE", "logEvents": {}}'),
            encoded(b'{"messageType": "OTHER", "logEvents": []}'),
        ],
        ids=range(12),
    )
    def test_an_unreadable_payload_is_kept_as_it_came(self, event: Any) -> None:
        [bad] = read(event)

        assert isinstance(bad, Unreadable)
        assert bad.reason.startswith("awslogs.data: expected ")
        assert (bad.content, bad.position) == (json.dumps(event), None)

    def test_the_whole_log_events_of_a_broken_payload_are_read_and_it_is_kept(self) -> None:
        text = payload(ONE, TWO)
        broken = encoded(text[: text.index(r"\"eventID\": \"b\"")].encode())

        delivered = list(read(broken))

        assert records(delivered) == [(0, ONE)]
        assert [bad.content for bad in unreadable(delivered)] == [json.dumps(broken)]

    def test_a_truncated_stream_is_read_as_far_as_it_goes(self) -> None:
        whole = gzip.compress(payload(*[record(eventID=str(n)) for n in range(200)]).encode())
        truncated = packed(whole[: len(whole) // 2])

        delivered = list(read(truncated))

        assert 50 < len(records(delivered)) < 200
        assert [bad.content for bad in unreadable(delivered)] == [json.dumps(truncated)]


class TestOtherWaysIn:
    def test_an_event_of_event_bridge_holds_one_record(self) -> None:
        assert records(list(read(event_bridge_event(ONE)))) == [(0, ONE)]

    def test_the_event_of_a_failed_invocation_is_read_again(self) -> None:
        failed = {"requestContext": {}, "requestPayload": logs_event(ONE, "x")}

        delivered = list(read(failed))

        assert records(delivered) == [(0, ONE)]
        assert [bad.content for bad in unreadable(delivered)] == ["x"]

    @pytest.mark.parametrize(
        "event",
        [
            None,
            [],
            "text",
            {},
            {"Records": []},
            {"awslogs": None},
            {"awslogs": {"data": 1}},
            event_bridge_event(None),
            event_bridge_event([ONE]),
            {"requestPayload": None},
            {"requestPayload": {"requestPayload": logs_event(ONE)}},
            {"rootwatch": None},
            {"rootwatch": "other"},
            {"rootwatch": "unreadable"},
        ],
    )
    def test_an_event_of_no_way_in_is_kept_whole(self, event: Any) -> None:
        [bad] = read(event)

        assert isinstance(bad, Unreadable)
        assert "expected" in bad.reason
        assert bad.content == json.dumps(event)

    def test_what_json_has_no_word_for_is_kept_as_text(self) -> None:
        [bad] = read({"at": {1, 2}})

        assert isinstance(bad, Unreadable)
        assert bad.content == '{"at": "{1, 2}"}'


class TestMessagesOfTheQueue:
    @pytest.mark.parametrize("event", [logs_event(ONE), event_bridge_event(ONE)])
    def test_a_message_may_be_an_event_of_each_way_in(self, event: Any) -> None:
        assert records(list(read_message(json.dumps(event)))) == [(0, ONE)]

    def test_a_message_may_be_a_job(self) -> None:
        [job] = read_message(BODY)

        assert isinstance(job, DeliveredJob)
        assert json.loads(job.content) == job.message == json.loads(BODY)

    @pytest.mark.parametrize("body", ["", "text", "{", "[" * 200_000], ids=range(4))
    def test_a_message_that_is_no_json_is_kept(self, body: str) -> None:
        [bad] = read_message(body)

        assert isinstance(bad, Unreadable)
        assert bad.content == body


class TestPutBack:
    def test_a_record_is_read_again(self) -> None:
        assert records(put_back(json.dumps(ONE))) == [(0, ONE)]

    def test_a_long_record_that_was_packed_is_read_again(self) -> None:
        long = record(userAgent="x" * 300_000)

        assert records(put_back(json.dumps(long))) == [(0, long)]

    @pytest.mark.parametrize("event", [logs_event(ONE), event_bridge_event(ONE)])
    def test_an_event_is_read_again(self, event: Any) -> None:
        assert records(put_back(json.dumps(event))) == [(0, ONE)]

    def test_a_job_is_a_job_again(self) -> None:
        [job] = put_back(BODY)

        assert isinstance(job, DeliveredJob)

    def test_a_part_of_something_longer_is_kept(self) -> None:
        part = json.dumps({"rootwatch": "unreadable", "packed": "x", "part": 1, "parts": 2})

        [bad] = read_message(part)

        assert isinstance(bad, Unreadable)
        assert bad.content == part

    @pytest.mark.parametrize(
        "content", ["not json", "[]", "{}", '{"message": 5}', '{"Records": []}']
    )
    def test_what_still_is_no_record_is_kept_again(self, content: str) -> None:
        [bad] = put_back(content)

        assert isinstance(bad, Unreadable)
        assert bad.content == content

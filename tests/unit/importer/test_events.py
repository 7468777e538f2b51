"""Parsing the events of all sources into records, jobs and unreadable content."""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.sources.events import (
    UNPACKED_BYTES,
    DeliveredItem,
    DeliveredJob,
    DeliveredRecord,
    UnreadableContent,
    intact_log_events,
    read,
    read_message,
    unpack,
)
from functions.finding_importer.sources.messages import Job, unreadable_content
from tests.unit.importer.builders import (
    encoded,
    event_bridge_event,
    finding,
    logs_event,
    nested,
    packed,
    payload,
    record,
)

ONE, TWO = record(eventID="a"), record(eventID="b")
BODY = Job(finding()).body()


def records(items: Iterable[DeliveredItem]) -> list[tuple[int, Any]]:
    return [(one.position, one.record) for one in items if isinstance(one, DeliveredRecord)]


def contents(items: Iterable[DeliveredItem]) -> list[str]:
    return [one.content for one in items if isinstance(one, UnreadableContent)]


def only_unreadable(items: Iterable[DeliveredItem]) -> UnreadableContent:
    [item] = items
    assert isinstance(item, UnreadableContent)
    return item


def redriven(content: str) -> list[DeliveredItem]:
    [message] = unreadable_content(content, "why")
    return list(read_message(message.body))


class TestSubscriptionFilter:
    def test_every_log_event_is_a_record_with_its_position(self) -> None:
        assert records(read(logs_event(ONE, TWO))) == [(0, ONE), (1, TWO)]

    def test_a_control_message_is_empty(self) -> None:
        control = logs_event("CWL CONTROL MESSAGE", message_type="CONTROL_MESSAGE")

        assert list(read(control)) == []

    def test_an_unreadable_message_is_kept_and_affects_no_other(self) -> None:
        for message, reason in (
            ("not json", "record: got invalid JSON ("),
            ("", "record: got invalid JSON ("),
            ("[" * 200_000, "record: got invalid JSON ("),
            ("9" * 5_000, "record: got invalid JSON ("),
            ("[]", "record: got another JSON value, expected a JSON object"),
            ("null", "record: got another JSON value, expected a JSON object"),
            ('"text"', "record: got another JSON value, expected a JSON object"),
        ):
            items = list(read(logs_event(ONE, message, TWO)))

            assert records(items) == [(0, ONE), (2, TWO)]
            unreadable = only_unreadable(items[1:2])
            assert (unreadable.position, unreadable.content) == (1, message)
            assert unreadable.reason.startswith(reason)

    @pytest.mark.parametrize("log_event", [{}, {"message": None}, "text", None, ["message"]])
    def test_a_log_event_without_a_message_is_unreadable(self, log_event: Any) -> None:
        unpacked = {"messageType": "DATA_MESSAGE", "logEvents": [log_event, {"message": "{}"}]}

        first, second = read(encoded(json.dumps(unpacked).encode()))

        assert first == UnreadableContent(
            reason="message: got no string, expected a log event with a message",
            content=json.dumps(log_event),
            position=0,
        )
        assert second == DeliveredRecord(1, {})

    def test_an_unreadable_payload_is_kept_unchanged(self) -> None:
        for event in (
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
        ):
            unreadable = only_unreadable(read(event))

            assert unreadable.reason.startswith("awslogs.data: got ")
            assert ", expected " in unreadable.reason
            assert (unreadable.content, unreadable.position) == (json.dumps(event), None)

    def test_the_intact_log_events_of_a_damaged_payload_are_read_and_the_payload_is_kept(
        self,
    ) -> None:
        text = payload(ONE, TWO)
        damaged = encoded(text[: text.index(r"\"eventID\": \"b\"")].encode())

        items = list(read(damaged))

        assert records(items) == [(0, ONE)]
        assert contents(items) == [json.dumps(damaged)]

    def test_a_truncated_stream_is_read_partially(self) -> None:
        whole = gzip.compress(payload(*[record(eventID=str(n)) for n in range(200)]).encode())
        truncated = packed(whole[: len(whole) // 2])

        items = list(read(truncated))

        assert 50 < len(records(items)) < 200
        assert contents(items) == [json.dumps(truncated)]


class TestOtherSources:
    def test_an_event_of_event_bridge_has_one_record(self) -> None:
        assert records(read(event_bridge_event(ONE))) == [(0, ONE)]

    def test_the_event_of_a_failed_invocation_is_read_again(self) -> None:
        failed = {"requestContext": {}, "requestPayload": logs_event(ONE, "x")}

        items = list(read(failed))

        assert records(items) == [(0, ONE)]
        assert contents(items) == ["x"]

    def test_an_event_of_no_source_is_unreadable(self) -> None:
        events: list[Any] = [
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
            {"rootwatchMessageType": None},
            {"rootwatchMessageType": "other"},
            {"rootwatchMessageType": "UnreadableContent"},
        ]
        for event in events:
            unreadable = only_unreadable(read(event))

            assert "got " in unreadable.reason
            assert ", expected " in unreadable.reason
            assert unreadable.content == json.dumps(event)

    def test_a_value_that_is_not_json_is_kept_as_text(self) -> None:
        assert only_unreadable(read({"at": {1, 2}})).content == '{"at": "{1, 2}"}'

    def test_a_value_that_is_nested_too_deeply_is_replaced(self) -> None:
        unreadable = only_unreadable(read({"a": nested(100_000)}))

        assert unreadable.content == "(nested too deeply to be kept)"


class TestQueue:
    def test_a_message_can_be_an_event_of_another_source(self) -> None:
        for event in (logs_event(ONE), event_bridge_event(ONE)):
            assert records(read_message(json.dumps(event))) == [(0, ONE)]

    def test_a_message_can_be_a_job(self) -> None:
        [job] = read_message(BODY)

        assert isinstance(job, DeliveredJob)
        assert json.loads(job.content) == job.message == json.loads(BODY)

    def test_a_message_that_is_not_json_is_unreadable(self) -> None:
        for body in ("", "text", "{", "[" * 200_000):
            unreadable = only_unreadable(read_message(body))

            assert unreadable.content == body
            assert unreadable.reason.startswith("body: got invalid JSON (")
            assert unreadable.reason.endswith("), expected a JSON object")


class TestRedrive:
    def test_a_record_is_read_again(self) -> None:
        assert records(redriven(json.dumps(ONE))) == [(0, ONE)]

    def test_a_compressed_record_is_read_again(self) -> None:
        long = record(userAgent="x" * 300_000)

        assert records(redriven(json.dumps(long))) == [(0, long)]

    def test_an_event_is_read_again(self) -> None:
        for event in (logs_event(ONE), event_bridge_event(ONE)):
            assert records(redriven(json.dumps(event))) == [(0, ONE)]

    def test_a_job_is_a_job_again(self) -> None:
        [job] = redriven(BODY)

        assert isinstance(job, DeliveredJob)

    def test_a_part_is_a_dead_letter_again(self) -> None:
        [first, *_] = unreadable_content(incompressible(150_000), "why")

        unreadable = only_unreadable(read_message(first.body))

        assert (unreadable.content, unreadable.reason) == (first.body, "why")
        assert unreadable.is_dead_letter

    @pytest.mark.parametrize(
        "content", ["not json", "[]", "{}", '{"message": 5}', '{"Records": []}']
    )
    def test_other_content_is_unreadable_again(self, content: str) -> None:
        unreadable = only_unreadable(redriven(content))

        assert unreadable.content == content
        assert not unreadable.is_dead_letter


def incompressible(characters: int) -> str:
    return "".join(map(chr, random.Random(0).choices(range(0x20, 0xD7FF), k=characters)))  # noqa: S311


# Incompressible, so that positions in the stream are positions in the text.
TEXT = "".join(random.Random(0).choices("abcdef0123456789", k=4_000))  # noqa: S311  # Not a secret.
PACKED = gzip.compress(TEXT.encode())


def data(stream: bytes) -> str:
    return base64.b64encode(stream).decode()


class TestUnpack:
    def test_a_complete_stream_has_no_problem(self) -> None:
        unpacked = unpack(data(gzip.compress("naïve 日本".encode())))

        assert (unpacked.text, unpacked.problem) == ("naïve 日本", None)

    def test_invalid_base64_is_empty(self) -> None:
        for invalid in ("***", "umlaut ä", "YQ", "Y Q=="):
            unpacked = unpack(invalid)

            assert unpacked.text == ""
            assert str(unpacked.problem).startswith("awslogs.data: got invalid base64 (")

    def test_a_decompression_bomb_is_limited(self) -> None:
        unpacked = unpack(data(gzip.compress(b"x" * 1_000_000)), limit=1_000)

        assert unpacked.text == "x" * 1_000
        assert unpacked.problem == (
            "awslogs.data: got more than 1000 bytes unpacked, expected at most 1000"
        )

    def test_the_limit_exceeds_what_aws_delivers_and_fits_into_the_functions_memory(self) -> None:
        assert 50 * 2**20 < UNPACKED_BYTES < 100 * 2**20

    def test_a_character_beyond_the_limit_is_removed(self) -> None:
        assert unpack(data(gzip.compress("ää".encode())), limit=3).text == "ä"

    def test_a_truncated_stream_is_unpacked_up_to_its_end(self) -> None:
        unpacked = unpack(data(PACKED[: len(PACKED) // 2]))

        assert TEXT.startswith(unpacked.text)
        assert len(unpacked.text) > 1_900
        assert unpacked.problem == (
            "awslogs.data: got a truncated gzip stream, expected a complete one"
        )

    def test_a_damaged_stream_is_unpacked_nearly_up_to_the_damage(self) -> None:
        damaged = PACKED[:1_500] + bytes(500) + PACKED[2_000:]

        unpacked = unpack(data(damaged))

        assert TEXT.startswith(unpacked.text[:2_500])
        assert "expected" in str(unpacked.problem)

    def test_an_invalid_checksum_loses_only_the_end(self) -> None:
        unpacked = unpack(data(PACKED[:-8] + bytes(8)))

        assert TEXT.startswith(unpacked.text)
        assert len(unpacked.text) > 3_700
        assert str(unpacked.problem).startswith("awslogs.data: got invalid gzip (")

    def test_a_damaged_stream_loses_at_most_64_bytes_before_the_damage(self) -> None:
        for length in range(3_800, 4_000, 7):
            stream = gzip.compress(TEXT[:length].encode())
            intact = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(stream[: -8 - 64]).decode()

            unpacked = unpack(data(stream[:-8] + bytes(8)))

            assert TEXT[:length].startswith(unpacked.text)
            assert unpacked.text.startswith(intact)

    def test_data_after_the_stream_is_a_problem(self) -> None:
        unpacked = unpack(data(PACKED + PACKED))

        assert unpacked.text == TEXT
        assert unpacked.problem == (
            "awslogs.data: got data after the gzip stream, expected one stream"
        )

    def test_invalid_utf_8_is_replaced(self) -> None:
        unpacked = unpack(data(gzip.compress(b'{"a": "\xff"}')))

        assert unpacked.text == '{"a": "\ufffd"}'
        assert unpacked.problem == "awslogs.data: got invalid UTF-8, expected UTF-8"

    @given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda end: PACKED[:99] + end))
    def test_arbitrary_bytes_are_a_problem_and_respect_the_limit(self, stream: bytes) -> None:
        unpacked = unpack(data(stream), limit=100)

        assert unpacked.problem is not None
        assert len(unpacked.text) <= 100


LOG_EVENTS = [{"message": "a"}, {"message": "]}"}, {"message": "c"}]
HEAD = '{"messageType": "DATA_MESSAGE", "logEvents" : [\n '
TEXTS = [json.dumps(log_event) for log_event in LOG_EVENTS]
PAYLOAD = f"{HEAD}{', '.join(TEXTS)}]}}"


class TestIntactLogEvents:
    def test_log_events_are_read_up_to_the_first_damaged_one(self) -> None:
        cases: list[tuple[str, list[Any]]] = [
            (PAYLOAD, LOG_EVENTS),
            (PAYLOAD[:-1], LOG_EVENTS),
            (PAYLOAD[: PAYLOAD.index('"c"')], LOG_EVENTS[:2]),
            (PAYLOAD[: PAYLOAD.index('"]}"') + 1], LOG_EVENTS[:1]),
            (PAYLOAD[: PAYLOAD.index('"a"')], []),
            (PAYLOAD.replace('"]}"', "]}"), LOG_EVENTS[:1]),
            (PAYLOAD.replace("},", "} "), LOG_EVENTS[:1]),
            ('{"logEvents": []}', []),
            ('{"logEvents": [1, null]', [1, None]),
            ('{"logEvents": [' + "[" * 200_000, []),
            ('{"logEvents": ', []),
            ('{"logEvents": 1}', []),
            ('{"x": [9], "logEvents": [1]', [1]),
            ('{"other": true, "messages": [{"message": "a"}]', []),
            ('[{"message": "a"}]', []),
            ("", []),
        ]
        for text, expected in cases:
            assert list(intact_log_events(text)) == expected

    def test_every_truncated_payload_has_its_intact_log_events(self) -> None:
        ends = [len(HEAD + ", ".join(TEXTS[:count])) for count in (1, 2, 3)]
        for end in range(len(PAYLOAD) + 1):
            count = sum(one <= end for one in ends)

            assert list(intact_log_events(PAYLOAD[:end])) == LOG_EVENTS[:count]

"""Unpacking what a subscription sends, within bounds, and reading it as far as it is whole."""

import base64
import gzip
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.sources.payload import UNPACKED_BYTES, unpack, whole_log_events

# What does not compress has its compressed bytes where its text is.
TEXT = "".join(random.Random(0).choices("abcdef0123456789", k=4_000))  # noqa: S311  # No secret.
PACKED = gzip.compress(TEXT.encode())


def data(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def test_a_whole_stream_is_unpacked_without_a_problem() -> None:
    unpacked = unpack(data(gzip.compress("naïve 日本".encode())))

    assert (unpacked.text, unpacked.problem) == ("naïve 日本", None)


@pytest.mark.parametrize("broken", ["***", "umlaut ä", "YQ", "Y Q=="])
def test_what_is_no_base64_gives_nothing(broken: str) -> None:
    unpacked = unpack(broken)

    assert unpacked.text == ""
    assert str(unpacked.problem).startswith("expected base64: ")


def test_a_bomb_is_unpacked_up_to_the_limit_only() -> None:
    unpacked = unpack(data(gzip.compress(b"x" * 1_000_000)), limit=1_000)

    assert unpacked.text == "x" * 1_000
    assert unpacked.problem == "expected at most 1000 bytes unpacked, found more"


def test_the_limit_is_far_above_what_aws_delivers_and_below_the_functions_memory() -> None:
    assert 50 * 2**20 < UNPACKED_BYTES < 100 * 2**20


def test_a_character_that_the_limit_cuts_is_left_out() -> None:
    assert unpack(data(gzip.compress("ää".encode())), limit=3).text == "ä"


def test_a_truncated_stream_is_unpacked_as_far_as_it_goes() -> None:
    unpacked = unpack(data(PACKED[: len(PACKED) // 2]))

    assert TEXT.startswith(unpacked.text)
    assert len(unpacked.text) > 1_900
    assert unpacked.problem == "expected the end of the gzip stream, found that it is cut off"


def test_a_stream_that_breaks_is_unpacked_to_nearly_where_it_breaks() -> None:
    broken = PACKED[:1_500] + bytes(500) + PACKED[2_000:]

    unpacked = unpack(data(broken))

    assert TEXT.startswith(unpacked.text[:2_500])
    assert "expected" in str(unpacked.problem)


def test_a_wrong_checksum_loses_the_end_only() -> None:
    unpacked = unpack(data(PACKED[:-8] + bytes(8)))

    assert TEXT.startswith(unpacked.text)
    assert len(unpacked.text) > 3_700
    assert str(unpacked.problem).startswith("expected gzip: ")


def test_what_comes_after_the_stream_is_a_problem() -> None:
    unpacked = unpack(data(PACKED + PACKED))

    assert unpacked.text == TEXT
    assert unpacked.problem == "expected one gzip stream, found something after it"


def test_bytes_that_are_no_utf_8_are_replaced_and_told() -> None:
    unpacked = unpack(data(gzip.compress(b'{"a": "\xff"}')))

    assert unpacked.text == '{"a": "\ufffd"}'
    assert unpacked.problem == "expected UTF-8"


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: PACKED[:99] + tail))
def test_any_bytes_give_a_text_or_a_problem_within_the_limit(packed: bytes) -> None:
    unpacked = unpack(data(packed), limit=100)

    assert unpacked.problem is not None
    assert len(unpacked.text) <= 100


LOG_EVENTS = [{"message": "a"}, {"message": "]}"}, {"message": "c"}]
HEAD = '{"messageType": "DATA_MESSAGE", "logEvents" : [\n '
WHOLE = [json.dumps(log_event) for log_event in LOG_EVENTS]
PAYLOAD = f"{HEAD}{', '.join(WHOLE)}]}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
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
        ('[{"message": "a"}]', []),
        ("", []),
    ],
    ids=range(13),
)
def test_log_events_are_read_until_one_is_not_whole(text: str, expected: list[Any]) -> None:
    assert list(whole_log_events(text)) == expected


@given(st.integers(0, len(PAYLOAD)))
def test_wherever_a_payload_ends_the_log_events_that_are_whole_are_read(end: int) -> None:
    ends = [len(HEAD + ", ".join(WHOLE[:count])) for count in (1, 2, 3)]

    assert list(whole_log_events(PAYLOAD[:end])) == LOG_EVENTS[: sum(e <= end for e in ends)]

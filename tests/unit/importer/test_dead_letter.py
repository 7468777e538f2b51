"""What a person has to look at, as messages that a queue takes and that can be put back."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.delivery.dead_letter import (
    content_of,
    dead_letter,
    reason_of,
    unreadable,
)
from tests.unit.importer.cloud import DEAD_LETTERS
from tests.unit.importer.fakes import FakeSqs

RANDOM = random.Random(0)  # noqa: S311  # No secret.


def incompressible(characters: int) -> str:
    return "".join(map(chr, RANDOM.choices(range(0x20, 0xD7FF), k=characters)))


def send(body: str, reason: str) -> None:
    """The queue's fake takes what SQS takes."""
    attribute = {"reason": {"DataType": "String", "StringValue": reason}}
    entry = {"Id": "0", "MessageBody": body, "MessageAttributes": attribute}
    FakeSqs().send_message_batch(QueueUrl=DEAD_LETTERS, Entries=[entry])


@given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
def test_whatever_is_kept_the_queue_takes_and_it_comes_back(content: str, reason: str) -> None:
    [letter] = unreadable(content, reason)
    send(letter.body, letter.reason)

    assert content_of(json.loads(letter.body)) == content


@pytest.mark.parametrize(
    "content",
    ["x" * 199_000, "x" * 5_000_000, "\x00" * 100_000, "\ud800" * 100_000, incompressible(50_000)],
    ids=range(5),
)
def test_what_is_long_is_packed_and_comes_back(content: str) -> None:
    [letter] = unreadable(content, "\U0001f600" * 2_000)
    send(letter.body, letter.reason)

    assert len(letter.body) <= 200_100
    assert content_of(json.loads(letter.body)) == content


def test_what_is_too_long_even_so_comes_in_parts_that_say_so() -> None:
    letters = unreadable(incompressible(150_000), "why")
    parts = [json.loads(letter.body) for letter in letters]
    for letter in letters:
        send(letter.body, letter.reason)

    assert [(part["part"], part["parts"]) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert [content_of(part) for part in parts] == [None] * 3
    whole = {"packed": "".join(part["packed"] for part in parts), "part": 1, "parts": 1}
    assert len(content_of(whole) or "") == 150_000
    assert {reason_of(part) for part in parts} == {"why"}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"content": None},
        {"packed": None, "part": 1, "parts": 1},
        {"packed": "x", "part": 1, "parts": 2},
        {"packed": "***", "part": 1, "parts": 1},
        {"packed": "YQ==", "part": 1, "parts": 1},
        {"packed": "H4sI", "part": 1, "parts": 1},
    ],
)
def test_what_is_not_all_of_it_has_no_content(message: Any) -> None:
    assert content_of(message) is None


@pytest.mark.parametrize("reason", ["", "\n", "\u200b"])
def test_there_is_always_a_reason(reason: str) -> None:
    assert dead_letter("body", reason).reason == "no reason"


def test_a_reason_is_one_line_of_limited_length() -> None:
    assert dead_letter("body", "two\nlines").reason == "two lines"
    assert len(dead_letter("body", "x" * 9_999).reason) == 1_000


def test_a_message_of_the_queue_is_put_aside_as_it_is() -> None:
    assert dead_letter("body", "why").body == "body"


def test_what_does_not_say_why_it_was_put_aside_is_incomplete() -> None:
    assert reason_of({}) == reason_of({"reason": ""}) == "expected the whole of what was put aside"

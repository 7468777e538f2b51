"""Reads the next JSON value of an input, or why it is invalid, in bounded memory."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from operations.records.input import Window
from operations.records.json_text import NotJsonError, end_of_brackets, end_of_value, parse

MAX_VALUE_BYTES = 16 * 1024 * 1024  # a CloudTrail record has at most 256 KB
_FIRST_ATTEMPT_BYTES = 16 * 1024  # nearly all records are shorter
_AHEAD_BYTES = 1024 * 1024  # searched for the closing bracket of an invalid value
_KEPT_BYTES = 1024  # in which a restart can begin before the next chunk


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In place of a value that could not be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive values of the input; some can be Unreadable.

    `where` gives the place in the input of the value with this index, for error messages.
    """

    values: Sequence[Any]
    where: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Restart:
    """Where reading continues after an invalid value, if not where its brackets close.

    The pattern ends where a new value seems to begin. An element of an array also ends at a comma.
    """

    pattern: re.Pattern[bytes]
    in_array: bool


def next_value(window: Window, restart: Restart) -> Any:
    """Read the value at the window's position; Unreadable if it is invalid."""
    try:
        text = window.peek(_length(window))
    except NotJsonError as error:
        return Unreadable(error.reason + _skip(window, restart))
    window.skip_to(window.position + len(text))
    try:
        return parse(text)
    except NotJsonError as error:
        return Unreadable(error.reason)


def _length(window: Window) -> int:
    """Of the value at the position, all of which is in memory then. Raises NotJsonError.

    Each attempt reads twice as much as the one before, so that all attempts together cost at most
    twice the last one.
    """
    size = _FIRST_ATTEMPT_BYTES
    while True:
        attempt = window.peek(size)
        end = end_of_value(attempt, whole=window.ended and len(attempt) == window.rest)
        if end is not None:
            return end
        if len(attempt) >= MAX_VALUE_BYTES:
            raise NotJsonError(f"longer than {MAX_VALUE_BYTES // 1024**2} MiB")
        size = min(2 * len(attempt), MAX_VALUE_BYTES)
        window.fill(size)


def _skip(window: Window, restart: Restart) -> str:
    """Skip the invalid value. Returns the end of the error message."""
    while True:
        text, position = window.text, window.position
        found = restart.pattern.search(text, position + 1)
        ahead = min(found.end() if found else len(text), position + _AHEAD_BYTES)
        end = _end_of_brackets(text[position:ahead], restart)
        if end is not None:
            window.skip_to(position + end)
            return ""
        if found:
            window.skip_to(found.end())
            return f"; reading continues at byte {window.offset}" if restart.in_array else ""
        if window.rest >= _AHEAD_BYTES:
            return _skip_far(window, restart)
        if not window.more():
            return _skip_all(window)


def _end_of_brackets(text: bytes, restart: Restart) -> int | None:
    return end_of_brackets(text) if restart.in_array or text[:1] in {b"{", b"["} else None


def _skip_far(window: Window, restart: Restart) -> str:
    """As `_skip`, if the brackets do not close: bytes that were searched are dropped."""
    while True:
        window.skip_to(len(window.text) - _KEPT_BYTES)
        if not window.more():
            return _skip_all(window)
        if found := restart.pattern.search(window.text, window.position):
            window.skip_to(found.end())
            return f"; reading continues at byte {window.offset}"


def _skip_all(window: Window) -> str:
    window.skip_to(len(window.text))
    return "; nothing after it could be read"

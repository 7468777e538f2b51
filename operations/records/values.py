"""The next JSON value of an input, or what is wrong with it, in bounded memory."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from operations.records.json_text import NotJsonError, end_of_brackets, end_of_value, parse
from operations.records.window import Window

MOST_VALUE_BYTES = 16 * 1024 * 1024  # CloudTrail's records have 256 KB at most
_FIRST_TRY_BYTES = 16 * 1024  # nearly all records are shorter
_AHEAD_BYTES = 1024 * 1024  # where a value with a mistake is looked at for its closing bracket
_KEPT_BYTES = 1024  # where a restart may have begun before the next chunk


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that could not be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Values as they follow each other in the input, Unreadable ones included.

    `where` tells people where in the input the value with an index of this batch stands.
    """

    values: Sequence[Any]
    where: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Restart:
    """Where reading goes on after a value with a mistake: where its brackets close, or before it.

    The pattern, of bytes, ends where a new value seems to begin. Elements of an array end at a
    comma, too.
    """

    pattern: re.Pattern[bytes]
    in_array: bool


def next_value(window: Window, restart: Restart) -> Any:
    """Take the value at the window's position; Unreadable where it is none."""
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
    """Of the value at the position, which then is at hand as a whole; NotJsonError if it is none.

    What is at hand is tried first, then twice as much each time, so that all tries together cost
    no more than two of the last.
    """
    size = _FIRST_TRY_BYTES
    while True:
        tried = window.peek(size)
        end = end_of_value(tried, whole=window.ended and len(tried) == window.rest)
        if end is not None:
            return end
        if len(tried) >= MOST_VALUE_BYTES:
            raise NotJsonError(f"longer than {MOST_VALUE_BYTES // 1024**2} MiB")
        size = min(2 * len(tried), MOST_VALUE_BYTES)
        window.fill(size)


def _skip(window: Window, restart: Restart) -> str:
    """Go on after the value with a mistake; the answer is what else people have to know of it."""
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
            return f"; reading goes on at byte {window.offset}" if restart.in_array else ""
        if window.rest >= _AHEAD_BYTES:
            return _skip_far(window, restart)
        if not window.more():
            return _skip_all(window)


def _end_of_brackets(text: bytes, restart: Restart) -> int | None:
    return end_of_brackets(text) if restart.in_array or text[:1] in {b"{", b"["} else None


def _skip_far(window: Window, restart: Restart) -> str:
    """As `_skip`, where brackets do not close: what was searched in vain need not stay at hand."""
    while True:
        window.skip_to(len(window.text) - _KEPT_BYTES)
        if not window.more():
            return _skip_all(window)
        if found := restart.pattern.search(window.text, window.position):
            window.skip_to(found.end())
            return f"; reading goes on at byte {window.offset}"


def _skip_all(window: Window) -> str:
    window.skip_to(len(window.text))
    return "; nothing after it could be read"

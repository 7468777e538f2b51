"""Reads any number of JSON values from bytes, in constant memory.

The input is a sequence of JSON values with or without white space between them: JSON lines,
pretty-printed values, or concatenated files. An array is read as its elements, and so is the array
of an object `{"Records": [...]}`.

After an invalid value, reading continues where the value's brackets close. If they do not close, or
a new value seems to begin earlier, it continues there: at the next line that begins with another
character than white space, } or ]; in an array at the next object with the same first key as the
array's first object.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from operations.records.input import CHUNK_BYTES, Window
from operations.records.json_text import (
    NotJsonError,
    end_of_brackets,
    end_of_value,
    parse,
    starts_of_elements,
)

MAX_VALUE_BYTES = 16 * 1024 * 1024  # a CloudTrail record has at most 256 KB
_FIRST_ATTEMPT_BYTES = 16 * 1024  # nearly all records are shorter
_AHEAD_BYTES = 1024 * 1024  # searched for the closing bracket of an invalid value
_KEPT_BYTES = 1024  # in which a restart can begin before the next chunk

_ARRAY = re.compile(rb'\[|\{\s*"Records"\s*:\s*\[')
_OPENING = b'{"Records":['
_OPENING_BYTES = 128  # with white space
_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]*"')
_USUAL_FIRST_KEY = b'{"eventVersion"'


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


_NEXT_VALUE = Restart(re.compile(rb"\n(?=[^\s}\]])"), in_array=False)
_NEXT_LINE = Restart(re.compile(rb"\n"), in_array=False)


class RecordStream:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.window = Window(chunks)

    def batches(self) -> Iterator[Batch]:
        """In the order of the input. If it cannot be read further, `window.failure` says why."""
        while self._at_value():
            if array := _ARRAY.match(self.window.text, self.window.position):
                yield from self._array(array[0])
            else:
                yield self._lines() or self._value()

    def _at_value(self) -> bool:
        """Read until the kind of the next value is known. False at the end of the input."""
        window = self.window
        while window.skip_space():
            start = b"".join(window.peek(_OPENING_BYTES).split())
            if start == _OPENING or not _OPENING.startswith(start) or not window.more():
                return True
        return False

    def _array(self, opening: bytes) -> Iterator[Batch]:
        window, in_object = self.window, opening.startswith(b"{")
        window.skip_to(window.position + len(opening))
        array = _ArrayReader(window, "Records" if in_object else "")
        yield from array.batches()
        if in_object and array.closed:
            if window.skip_space() and window.peek(1) == b"}":
                window.skip_to(window.position + 1)
            else:
                missing = Unreadable("expected } after the array Records")
                yield Batch([missing], partial(_line, window.line))

    def _lines(self) -> Batch | None:
        """The complete lines in memory that are one object each; None if the first is not."""
        window = self.window
        if window.rest < CHUNK_BYTES and window.text.find(b"\n", window.position) < 0:
            window.more()  # the line is incomplete
        values = []
        text, position = window.text, window.position
        while (end := text.find(b"\n", position)) >= 0:
            try:
                value = orjson.loads(text[position:end])
            except orjson.JSONDecodeError:
                break
            if type(value) is not dict or "Records" in value:
                break
            values.append(value)
            position = end + 1
        if not values:
            return None
        batch = Batch(values, partial(_line, window.line))
        window.skip_to(position)
        return batch

    def _value(self) -> Batch:
        first, window = self.window.line, self.window
        opens = window.peek(1) in {b"{", b"["}
        value = _next_value(window, _NEXT_VALUE if opens else _NEXT_LINE)
        return Batch([value], partial(_line, first))


def _line(first: int, index: int) -> str:
    return f"line {first + index}"


class _ArrayReader:
    """The elements of a JSON array of any length, in constant memory.

    It parses a chunk at once: a text that parses as a sequence of elements, and is followed by a
    comma, ends where an element ends, since JSON is read from left to right. So it guesses such an
    end. If the guess does not parse, the elements are read one by one, which only takes longer.
    """

    def __init__(self, window: Window, name: str) -> None:
        """The window is after the opening bracket; the name is for error messages."""
        self._window = window
        self._name = name
        self._index = 0
        self.closed = False
        self._guess_from = 0  # the offset in the input before which guesses failed
        window.fill(CHUNK_BYTES)
        start = _FIRST_KEY.search(window.text, window.position)
        self._start = start[0] if start else _USUAL_FIRST_KEY
        key = re.escape(self._start[1:].lstrip())
        self._restart = Restart(re.compile(rb"(?=\{\s*%b)" % key), in_array=True)

    def batches(self) -> Iterator[Batch]:
        """All elements. The window is after the closing bracket then."""
        window, separated, lost = self._window, True, False
        while window.skip_space():
            match window.peek(1):
                case b"]":
                    if self._index and separated:
                        yield self._error("expected a value after the comma")
                    window.skip_to(window.position + 1)
                    self.closed = True
                    return
                case b"," if not separated:
                    window.skip_to(window.position + 1)
                    separated = True
                    continue
                case b"{" if not separated and not lost:
                    yield self._error("expected a comma before it")
            batch = self._elements() or self._element()
            yield batch
            separated, lost = False, isinstance(batch.values[-1], Unreadable)
        if not lost:
            yield self._error("the array is not closed")

    def _elements(self) -> Batch | None:
        """As many as are completely in memory; None if the guess fails."""
        window = self._window
        window.fill(CHUNK_BYTES)
        text, position = window.text, window.position
        comma = text.rfind(b",", position, max(text.rfind(self._start), position))
        if comma < 0 or window.offset < self._guess_from:
            return None
        elements = text[position:comma]
        try:
            values = orjson.loads(b"[%b]" % elements)
        except orjson.JSONDecodeError:
            self._guess_from = window.offset + len(elements)
            return None
        if not values:  # a comma in place of a value
            return None
        batch = Batch(values, _Places(self._name, self._index, window.offset, elements))
        window.skip_to(comma)
        self._index += len(values)
        return batch

    def _element(self) -> Batch:
        place = self._place()
        value = _next_value(self._window, self._restart)
        self._index += 1
        return Batch([value], lambda _: place)

    def _error(self, reason: str) -> Batch:
        place = self._place()
        return Batch([Unreadable(reason)], lambda _: place)

    def _place(self) -> str:
        return _place(self._name, self._index, self._window.offset)


class _Places:
    """The places of the elements of a chunk, computed at the first use."""

    def __init__(self, name: str, index: int, offset: int, elements: bytes) -> None:
        self._name, self._index, self._offset = name, index, offset
        self._elements = elements
        self._starts: list[int] | None = None

    def __call__(self, index: int) -> str:
        if self._starts is None:
            self._starts = starts_of_elements(self._elements)
        return _place(self._name, self._index + index, self._offset + self._starts[index])


def _place(name: str, index: int, offset: int) -> str:
    return f"{name}[{index}], byte {offset}"


def _next_value(window: Window, restart: Restart) -> Any:
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

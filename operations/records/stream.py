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
from collections.abc import Iterator
from functools import partial

import orjson

from operations.records.input import CHUNK_BYTES, Window
from operations.records.json_text import starts_of_elements
from operations.records.values import Batch, Restart, Unreadable, next_value

_ARRAY = re.compile(rb'\[|\{\s*"Records"\s*:\s*\[')
_OPENING = b'{"Records":['
_OPENING_BYTES = 128  # with white space
_NEXT_VALUE = Restart(re.compile(rb"\n(?=[^\s}\]])"), in_array=False)
_NEXT_LINE = Restart(re.compile(rb"\n"), in_array=False)
_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]*"')
_USUAL_FIRST_KEY = b'{"eventVersion"'


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
        value = next_value(window, _NEXT_VALUE if opens else _NEXT_LINE)
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
        value = next_value(self._window, self._restart)
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

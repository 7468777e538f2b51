"""The elements of a JSON array of any length, in constant memory.

Elements are parsed by the chunk: a text that parses as a sequence of elements and is followed by a
comma ends where an element ends, since JSON is read from left to right. So any guess at such an end
that parses is right; one that does not costs time only, and the elements are read one by one.
"""

import re
from collections.abc import Iterator

import orjson

from operations.records.input import CHUNK_BYTES
from operations.records.json_text import starts_of_elements
from operations.records.values import Batch, Restart, Unreadable, next_value
from operations.records.window import Window

_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]*"')
_USUAL_FIRST_KEY = b'{"eventVersion"'


class ArrayReader:
    def __init__(self, window: Window, name: str) -> None:
        """The window stands after the opening bracket; the name is for people."""
        self._window = window
        self._name = name
        self._index = 0
        self.closed = False
        self._guess_from = 0  # offset in the input before which guessing has failed
        window.fill(CHUNK_BYTES)
        start = _FIRST_KEY.search(window.text, window.position)
        self._start = start[0] if start else _USUAL_FIRST_KEY
        key = re.escape(self._start[1:].lstrip())
        self._restart = Restart(re.compile(rb"(?=\{\s*%b)" % key), in_array=True)

    def batches(self) -> Iterator[Batch]:
        """Everything up to the closing bracket, which is passed."""
        window, separated, lost = self._window, True, False
        while window.skip_space():
            match window.peek(1):
                case b"]":
                    if self._index and separated:
                        yield self._complaint("a comma, but no value after it")
                    window.skip_to(window.position + 1)
                    self.closed = True
                    return
                case b"," if not separated:
                    window.skip_to(window.position + 1)
                    separated = True
                    continue
                case b"{" if not separated and not lost:
                    yield self._complaint("no comma before it")
            batch = self._elements() or self._element()
            yield batch
            separated, lost = False, isinstance(batch.values[-1], Unreadable)
        if not lost:
            yield self._complaint("the array has no end")

    def _elements(self) -> Batch | None:
        """As many as are surely at hand as a whole; None where guessing does not help."""
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
        if not values:  # a comma where a value should be
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

    def _complaint(self, reason: str) -> Batch:
        place = self._place()
        return Batch([Unreadable(reason)], lambda _: place)

    def _place(self) -> str:
        return _place(self._name, self._index, self._window.offset)


class _Places:
    """Where the elements of a chunk stand, found out for all of them when first asked for."""

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

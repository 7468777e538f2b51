r"""From bytes to JSON values: values and elements of arrays of any number, in constant memory.

The input is a sequence of JSON values with or without white space between them: so JSON lines,
pretty-printed values, and files written one after the other. An array, and the array of an object
`{"Records": […]}`, stands for its elements.

After a value with a mistake reading goes on where the value's brackets close. If a new value seems
to begin before, or they do not close, it goes on there: at the next line that begins with something
other than white space, } or ]; in an array at the next object with the same first key as the
array's first.
"""

import re
from collections.abc import Iterator
from functools import partial

import orjson

from operations.records.array import ArrayReader
from operations.records.input import CHUNK_BYTES
from operations.records.values import Batch, Restart, Unreadable, next_value
from operations.records.window import Window

_ARRAY = re.compile(rb'\[|\{\s*"Records"\s*:\s*\[')
_OPENING = b'{"Records":['
_OPENING_BYTES = 128  # with white space
_NEXT_VALUE = Restart(re.compile(rb"\n(?=[^\s}\]])"), in_array=False)
_NEXT_LINE = Restart(re.compile(rb"\n"), in_array=False)


class RecordStream:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.window = Window(chunks)

    def batches(self) -> Iterator[Batch]:
        """All of the input, in its order; where the window has a failure, all before that."""
        while self._at_value():
            if array := _ARRAY.match(self.window.text, self.window.position):
                yield from self._array(array[0])
            else:
                yield self._lines() or self._value()

    def _at_value(self) -> bool:
        """Read on until it can be told what begins here; False at the input's end."""
        window = self.window
        while window.skip_space():
            start = b"".join(window.peek(_OPENING_BYTES).split())
            if start == _OPENING or not _OPENING.startswith(start) or not window.more():
                return True
        return False

    def _array(self, opening: bytes) -> Iterator[Batch]:
        window, in_object = self.window, opening.startswith(b"{")
        window.skip_to(window.position + len(opening))
        array = ArrayReader(window, "Records" if in_object else "")
        yield from array.batches()
        if in_object and array.closed:
            if window.skip_space() and window.peek(1) == b"}":
                window.skip_to(window.position + 1)
            else:
                missing = Unreadable("no } after the array Records")
                yield Batch([missing], partial(_line, window.line))

    def _lines(self) -> Batch | None:
        """The lines at hand that are one object each; None where the first is not."""
        window = self.window
        if window.rest < CHUNK_BYTES and window.text.find(b"\n", window.position) < 0:
            window.more()  # what is at hand ends within the line
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

"""A bounded part of the input that moves on over it."""

import re
from collections.abc import Iterator

from operations.records.input import InputError

_SPACE = re.compile(rb"[ \t\r\n]*")  # JSON's


class Window:
    """`text` is what is at hand, read up to `position`; to read on drops what is before it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.text = b""
        self.position = 0
        self.line = 1  # of the position
        self.ended = False  # nothing follows the text
        self.failure: InputError | None = None  # why it ended before the input's end
        self._dropped = 0

    @property
    def offset(self) -> int:
        """Of the position in the input, in bytes."""
        return self._dropped + self.position

    @property
    def rest(self) -> int:
        """How many bytes from the position on are at hand."""
        return len(self.text) - self.position

    def peek(self, size: int) -> bytes:
        return self.text[self.position : self.position + size]

    def skip_to(self, position: int) -> None:
        self.line += self.text.count(b"\n", self.position, position)
        self.position = position

    def skip_space(self) -> bool:
        """False where the input ends with it."""
        while True:
            space = _SPACE.match(self.text, self.position)
            self.skip_to(space.end() if space else self.position)
            if self.rest:
                return True
            if not self.more():
                return False

    def fill(self, size: int) -> bool:
        """Have so many bytes at hand, or all that there are; False where nothing came.

        Reading changes `text` and `position`.
        """
        read: list[bytes] = []
        missing = size - self.rest
        while missing > 0 and (chunk := self._chunk()):
            read.append(chunk)
            missing -= len(chunk)
        if read:
            self._dropped += self.position
            self.text = b"".join([self.text[self.position :], *read])
            self.position = 0
        return bool(read)

    def more(self) -> bool:
        return self.fill(self.rest + 1)

    def _chunk(self) -> bytes:
        """Empty at the input's end."""
        try:
            chunk = next(self._chunks, b"")
        except InputError as error:
            self.failure, chunk = error, b""
        self.ended = not chunk
        return chunk

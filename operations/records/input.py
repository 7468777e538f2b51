"""The bytes of a file or of standard input, decompressed, and the part of them in memory."""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator

CHUNK_BYTES = 131_072
_GZIP = b"\x1f\x8b"
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPACE = re.compile(rb"[ \t\r\n]*")  # JSON's white space


class InputError(Exception):
    """The input cannot be read, or not further."""


def chunks(stream: io.BufferedReader) -> Iterator[bytes]:
    """Raises InputError after the last chunk that could be read."""
    try:
        start = stream.peek(len(codecs.BOM_UTF8))
        if start.startswith(_OTHER_ENCODINGS):
            raise InputError("got UTF-16, expected UTF-8")
        if start.startswith(_GZIP):
            with gzip.GzipFile(fileobj=stream) as decompressed:
                yield from _chunks(decompressed)
        else:
            yield from _chunks(stream)
    except EOFError as error:
        raise InputError("the gzip stream is truncated") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"the gzip stream is corrupt: {error}") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error


def _chunks(stream: gzip.GzipFile | io.BufferedReader) -> Iterator[bytes]:
    """What is available, without waiting for more: records of a pipe are read as they arrive."""
    first = True
    while chunk := stream.read1(CHUNK_BYTES):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = False


class Window:
    """The part of the input in memory: `text`, of which the bytes before `position` are read.

    Reading more of the input drops the bytes before `position`.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.text = b""
        self.position = 0
        self.line = 1  # of the position
        self.ended = False  # nothing follows the text
        self.failure: InputError | None = None  # why it ended before the end of the input
        self._dropped = 0

    @property
    def offset(self) -> int:
        """Of the position in the input, in bytes."""
        return self._dropped + self.position

    @property
    def rest(self) -> int:
        """The number of bytes in memory from the position on."""
        return len(self.text) - self.position

    def peek(self, size: int) -> bytes:
        return self.text[self.position : self.position + size]

    def skip_to(self, position: int) -> None:
        self.line += self.text.count(b"\n", self.position, position)
        self.position = position

    def skip_space(self) -> bool:
        """False at the end of the input."""
        while True:
            space = _SPACE.match(self.text, self.position)
            self.skip_to(space.end() if space else self.position)
            if self.rest:
                return True
            if not self.more():
                return False

    def fill(self, size: int) -> bool:
        """Read until `size` bytes are in memory, or all of the input. False if nothing was read.

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
        """Empty at the end of the input."""
        try:
            chunk = next(self._chunks, b"")
        except InputError as error:
            self.failure, chunk = error, b""
        self.ended = not chunk
        return chunk

"""Bytes of a file or of standard input, in chunks, unpacked where they are gzip."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator

CHUNK_BYTES = 131_072
_GZIP = b"\x1f\x8b"
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InputError(Exception):
    """The input cannot be read, or not from here on."""


def chunks(stream: io.BufferedReader) -> Iterator[bytes]:
    """Raises InputError, after all that could be read."""
    try:
        start = stream.peek(len(codecs.BOM_UTF8))
        if start.startswith(_OTHER_ENCODINGS):
            raise InputError("UTF-16, where UTF-8 is needed")
        if start.startswith(_GZIP):
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield from _chunks(unpacked)
        else:
            yield from _chunks(stream)
    except EOFError as error:
        raise InputError("the gzip stream is cut off: it has no end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"the gzip stream is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error


def _chunks(stream: gzip.GzipFile | io.BufferedReader) -> Iterator[bytes]:
    """What there is, without waiting for more, so that a pipe's records are told as they come."""
    first = True
    while chunk := stream.read1(CHUNK_BYTES):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = False

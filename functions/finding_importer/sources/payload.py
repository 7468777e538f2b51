"""A subscription filter's payload, unpacked within bounds, and read as far as it is whole."""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

UNPACKED_BYTES = 64 * 2**20  # a payload of 1 MB is some 20 MB of records
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 2**6  # bytes; as much is lost before the place where a stream is broken
_LOG_EVENTS = '"logEvents"'


@dataclass(frozen=True, slots=True)
class Unpacked:
    text: str
    problem: str | None = None  # why the text is not all of it


def unpack(data: str, limit: int = UNPACKED_BYTES) -> Unpacked:
    """From base64 and gzip to text, of at most so many bytes."""
    try:
        packed = base64.b64decode(data, validate=True)
    except ValueError as error:
        return Unpacked("", f"expected base64: {error}")
    try:
        return _unpack_at_once(packed, limit)
    except (zlib.error, UnicodeDecodeError):
        return _unpack_what_goes(packed, limit)


def _unpack_at_once(packed: bytes, limit: int) -> Unpacked:
    stream = zlib.decompressobj(_GZIP)
    unpacked = stream.decompress(packed, limit)
    if problem := _problem(stream, limit):
        return Unpacked(unpacked.decode(errors="ignore"), problem)
    return Unpacked(unpacked.decode())


def _problem(stream: Any, limit: int) -> str | None:
    if stream.unconsumed_tail:
        return f"expected at most {limit} bytes unpacked, found more"
    if not stream.eof:
        return "expected the end of the gzip stream, found that it is cut off"
    if stream.unused_data:
        return "expected one gzip stream, found something after it"
    return None


def _unpack_what_goes(packed: bytes, limit: int) -> Unpacked:
    stream, parts, left = zlib.decompressobj(_GZIP), [], limit
    problem = "expected UTF-8"
    try:
        for start in range(0, len(packed), _CHUNK):
            parts.append(stream.decompress(packed[start : start + _CHUNK], left))
            left -= len(parts[-1])
            if left <= 0:
                break
    except zlib.error as error:
        problem = f"expected gzip: {error}"
    return Unpacked(b"".join(parts).decode(errors="replace"), problem)


def whole_log_events(text: str) -> Iterator[Any]:
    """The log events of a payload whose end is missing or broken, as far as they are whole."""
    decoder = json.JSONDecoder()
    place = text.find("[", text.find(_LOG_EVENTS) + len(_LOG_EVENTS))
    if _LOG_EVENTS not in text or place < 0:
        return
    while (place := _after_blanks(text, place + 1)) < len(text):
        try:
            log_event, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield log_event
        place = _after_blanks(text, place)
        if text[place : place + 1] != ",":
            return


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place

"""JSON as the importer reads it, and where in a text a JSON value ends.

One behaviour for all forms of input: what RFC 8259 allows and UTF-8 encodes, half surrogate pairs
included; the last of repeated keys counts; NaN and Infinity are no JSON. orjson, which is three
times as fast, refuses a few texts that the importer takes: those the standard library reads.
Integers from 2**64 on come as the nearest floating-point number.
"""

import json
import re
from typing import Any, NoReturn

import orjson

# Finds ends: what the value holds is not asked for.
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)
_CUT_CHARACTERS = 16  # where a text is cut off, an error is this near its end, or in a string
_SEPARATOR = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_BRACKETS_AND_COMMAS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


class NotJsonError(Exception):
    """`reason` says what is wrong, and how many bytes after the value's start."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(text: bytes) -> Any:
    """The value that is the whole text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_as_importer(text)


def end_of_value(text: bytes, *, whole: bool) -> int | None:
    """Where the value at the text's start ends; None where only a longer text can tell.

    `whole` says that nothing follows the text. Raises NotJsonError; where it does not, `parse` of
    the value still may, since ends are found without a look at encoding and numbers.
    """
    characters = text.decode("utf-8", "surrogateescape")
    try:
        _, end = _SCANNER.raw_decode(characters)
    except json.JSONDecodeError as error:
        if whole or not _cut_off(error):
            raise _not_json(error) from error
        return None
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    if end == len(characters) and not whole and text[:1] not in b"{[":
        return None  # a number may go on
    return len(characters[:end].encode("utf-8", "surrogateescape"))


def starts_of_elements(elements: bytes) -> list[int]:
    """Where each of the elements starts, of which it is known that they are right."""
    characters, position, start = elements.decode(), 0, 0
    starts = []
    while position < len(characters):
        starts.append(start)
        _, end = _SCANNER.raw_decode(characters, position)
        separator = _SEPARATOR.match(characters, end)
        end = separator.end() if separator else end
        start += len(characters[position:end].encode())
        position = end
    return starts


def end_of_brackets(text: bytes) -> int | None:
    """Where a value with a mistake ends, if its brackets are right.

    That is after the bracket that closes its first, or before a comma or a closing bracket of an
    array that is not in any of its own.
    """
    open_brackets: list[bytes] = []
    for token in _BRACKETS_AND_COMMAS.finditer(text):
        match token[0]:
            case b'"':  # a string without an end: what stands in it are no brackets
                return None
            case b"{" | b"[" as bracket:
                open_brackets.append(bracket)
            case b"]" | b"," if not open_brackets:
                return token.start()
            case b"}" | b"]" as bracket if open_brackets:
                if open_brackets.pop() + bracket not in {b"{}", b"[]"}:
                    return None
                if not open_brackets:
                    return token.end()
    return None


def _parse_as_importer(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8, {error.start} bytes in") from error
    except json.JSONDecodeError as error:
        raise _not_json(error) from error
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except ValueError as error:  # more digits than Python turns into a number
        raise NotJsonError("a number of too many digits") from error


def _refuse(constant: str) -> NoReturn:
    raise NotJsonError(f"{constant} is no JSON")


def _not_json(error: json.JSONDecodeError) -> NotJsonError:
    complaint = error.msg.removesuffix(" at").removesuffix(":").removesuffix(" starting")
    place = len(error.doc[: error.pos].encode("utf-8", "surrogateescape"))
    return NotJsonError(f"no JSON: {complaint[:1].lower()}{complaint[1:]}, {place} bytes in")


def _cut_off(error: json.JSONDecodeError) -> bool:
    near_end = error.pos > len(error.doc) - _CUT_CHARACTERS
    return near_end or error.msg.startswith("Unterminated string")

"""JSON as the importer reads it, and where in a text a JSON value ends.

All forms of input are read alike: RFC 8259 in UTF-8, with unpaired surrogates; the last of repeated
keys counts; NaN and Infinity are errors. orjson is three times as fast as the standard library, and
rejects a few texts that the importer accepts: the standard library reads these. orjson reads
integers from 2**64 on as floating-point numbers.
"""

import json
import re
from typing import Any, NoReturn

import orjson

# Finds ends; the value is not used.
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)
_CUT_CHARACTERS = 16  # an error of a truncated text is this near its end, or in a string
_SEPARATOR = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_BRACKETS_AND_COMMAS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


class NotJsonError(Exception):
    """`reason` says what is wrong, and at which byte of the value."""

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
    """The end of the value at the start of the text; None if a longer text is needed to find it.

    `whole` means that nothing follows the text. Raises NotJsonError. `parse` of the value can raise
    it too, since this function ignores the encoding and the size of numbers.
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
        return None  # a number can continue
    return len(characters[:end].encode("utf-8", "surrogateescape"))


def starts_of_elements(elements: bytes) -> list[int]:
    """The start of each element; the elements are valid JSON."""
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
    """The end of an invalid value, if its brackets are balanced.

    It is after the bracket that closes the first one, or before a comma or a closing bracket
    outside of the value's own brackets.
    """
    open_brackets: list[bytes] = []
    for token in _BRACKETS_AND_COMMAS.finditer(text):
        match token[0]:
            case b'"':  # a string that is not closed, with brackets in it
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
        return json.loads(text.decode(), parse_constant=_reject)
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8: byte {error.start} of the value") from error
    except json.JSONDecodeError as error:
        raise _not_json(error) from error
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except ValueError as error:  # more digits than Python converts
        raise NotJsonError("a number with too many digits") from error


def _reject(constant: str) -> NoReturn:
    raise NotJsonError(f"invalid JSON: {constant}")


def _not_json(error: json.JSONDecodeError) -> NotJsonError:
    reason = error.msg.removesuffix(" at").removesuffix(":").removesuffix(" starting")
    place = len(error.doc[: error.pos].encode("utf-8", "surrogateescape"))
    return NotJsonError(
        f"invalid JSON: {reason[:1].lower()}{reason[1:]}, byte {place} of the value"
    )


def _cut_off(error: json.JSONDecodeError) -> bool:
    near_end = error.pos > len(error.doc) - _CUT_CHARACTERS
    return near_end or error.msg.startswith("Unterminated string")

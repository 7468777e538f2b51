"""What a person has to look at, as messages of the dead-letter queue."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..text import line

KIND = "unreadable"
# SQS takes 256 KiB a message from a queue that Terraform makes, reason and all.
_PART_CHARACTERS = 200_000
_REASON_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    body: str
    reason: str


def dead_letter(body: str, reason: str) -> DeadLetter:
    """One that can be put back into the importer's queue as it is."""
    return DeadLetter(body, line(reason, _REASON_LIMIT) or "no reason")


def unreadable(content: str, reason: str) -> list[DeadLetter]:
    """Keep the content; a long one is packed, and one that is too long even so comes in parts."""
    said = line(reason, _REASON_LIMIT)
    plain = json.dumps({"rootwatch": KIND, "reason": said, "content": content})
    if len(plain) <= _PART_CHARACTERS:
        return [dead_letter(plain, reason)]
    packed = base64.b64encode(gzip.compress(_bytes(content))).decode()
    starts = range(0, len(packed), _PART_CHARACTERS)
    return [
        dead_letter(
            json.dumps(
                {
                    "rootwatch": KIND,
                    "reason": said,
                    "part": number,
                    "parts": len(starts),
                    "packed": packed[start : start + _PART_CHARACTERS],
                }
            ),
            reason,
        )
        for number, start in enumerate(starts, start=1)
    ]


def reason_of(message: Mapping[str, Any]) -> str:
    """Why it was put aside, of one that is only a part, or damaged."""
    return str(message.get("reason") or "expected the whole of what was put aside")


def content_of(message: Mapping[str, Any]) -> str | None:
    """The content again; None where the message is not all of it."""
    match message:
        case {"content": str(content)}:
            return content
        case {"packed": str(packed), "part": 1, "parts": 1}:
            return _unpacked(packed)
    return None


def _bytes(content: str) -> bytes:
    return content.encode(errors="surrogatepass")  # JSON may name half a character


def _unpacked(packed: str) -> str | None:
    try:
        packed_bytes = base64.b64decode(packed, validate=True)
        return gzip.decompress(packed_bytes).decode(errors="surrogatepass")
    except (ValueError, OSError, EOFError, zlib.error):
        return None

"""Text that an attacker may have chosen, made into one clean line of limited length."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_ELLIPSIS = "…"


def line(text: str, limit: int) -> str:
    """One line without control, format or unpaired surrogate characters, cut at the limit.

    The limit counts UTF-16 units, the strictest way in which AWS may count characters;
    a character is never cut in two. The result is empty where nothing visible is left.
    """
    printable = text if text.isprintable() else "".join(map(_printable, text))
    cleaned = " ".join(printable.split())
    encoded = cleaned.encode("utf-16-le")  # two bytes a unit
    if len(encoded) <= 2 * limit:
        return cleaned
    kept = encoded[: 2 * (limit - len(_ELLIPSIS))].decode("utf-16-le", errors="ignore")
    return kept.rstrip() + _ELLIPSIS


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category.startswith("C") or category in {"Zl", "Zp"} else character


def as_seen(document: Mapping[str, Any], key: str, limit: int) -> str | None:
    """Tell what the document says under the key, as one line; None where it says nothing.

    Where a string was expected and something else stands, that is told in JSON's terms.
    """
    if key not in document:
        return None
    value = document[key]
    return line(value if isinstance(value, str) else _other_than_text(value), limit) or None


def _other_than_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(object)"
    if isinstance(value, list | tuple):
        return "(array)"
    return json.dumps(value)


def unlinked(text: str) -> str:
    """The same without anything that a mail program makes a link of: addresses, domains, mail."""
    return _BEFORE_DOMAIN.sub("[.]", text.replace("://", "[:]//").replace("@", "[at]"))


_BEFORE_DOMAIN = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_])")  # and its look-alikes


def in_code(text: str) -> str:
    """A line as Markdown's code, in which nothing else of Markdown, and no mention, is read.

    What could end the code, and the brackets of Slack's mentions and links, become look-alikes.
    """
    return f"`{text.translate(_LOOK_ALIKES)}`"


_WEB = re.compile(r"(www)\.", re.IGNORECASE)
_LOOK_ALIKES = str.maketrans("`<>|", "\u00b4\u2039\u203a\u00a6")

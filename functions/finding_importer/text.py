"""Sanitizes text that an attacker may control: one line of limited length, without markup."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_ELLIPSIS = "…"


def clean_line(text: str, limit: int) -> str:
    """Remove control, format and unpaired surrogate characters, and truncate at the limit.

    The limit counts UTF-16 code units, the strictest way in which AWS may count characters.
    Truncation never splits a character. The result is empty if nothing visible remains.
    """
    printable = text if text.isprintable() else "".join(map(_printable, text))
    cleaned = " ".join(printable.split())
    encoded = cleaned.encode("utf-16-le")  # two bytes a code unit
    if len(encoded) <= 2 * limit:
        return cleaned
    kept = encoded[: 2 * (limit - len(_ELLIPSIS))].decode("utf-16-le", errors="ignore")
    return kept.rstrip() + _ELLIPSIS


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category.startswith("C") or category in {"Zl", "Zp"} else character


def text_value(document: Mapping[str, Any], key: str, limit: int) -> str | None:
    """Return the value of the key as one line, or None if it is absent or blank.

    A value that is not a string is shown as JSON; an object or array only by its type.
    """
    if key not in document:
        return None
    value = document[key]
    return clean_line(value if isinstance(value, str) else _as_json(value), limit) or None


def _as_json(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(object)"
    if isinstance(value, list | tuple):
        return "(array)"
    return json.dumps(value)


def defang(text: str) -> str:
    """Rewrite URLs, domains and email addresses so that mail clients do not link them."""
    return _DOMAIN_DOT.sub("[.]", text.replace("://", "[:]//").replace("@", "[at]"))


_DOMAIN_DOT = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_])")  # and Unicode equivalents


def inline_code(text: str) -> str:
    """Format a line as Markdown inline code, in which no other markup and no mention applies.

    Backticks, and the brackets of Slack mentions and links, become similar characters.
    """
    return f"`{text.translate(_SIMILAR)}`"


_SIMILAR = str.maketrans("`<>|", "\u00b4\u2039\u203a\u00a6")

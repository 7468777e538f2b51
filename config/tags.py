"""Tags of the configuration that AWS, or Rootwatch's own tags, do not allow."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from config.document import Document, key_text
from config.errors import Problem
from config.settings import OWN_TAG_PREFIX, PROJECT_TAG

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html: [\p{L}\p{Z}\p{N}_.:/=+\-@]*
# The schema checks the ASCII characters: patterns in Python have no Unicode categories.
_CATEGORIES = ("L", "Z", "N")
_ALLOWED = "only letters, digits, spaces or _.:/=+-@"
_WITHOUT_CASE = "because AWS compares tag keys without case"


def tag_problems(document: Document) -> Iterator[Problem]:
    """At most one for each tag. Tags of a wrong type are a problem of the schema."""
    tags = document.data.get("tags")
    if not isinstance(tags, dict):
        return
    for key, value in tags.items():
        about_key = _problem_of_key(key, tags)
        if about_key:
            yield _problem(
                document, key, f"the key {json.dumps(key, ensure_ascii=False)}", about_key
            )
        elif isinstance(value, str) and not _is_allowed(value):
            yield _problem(document, key, document.source(("tags", key)), _ALLOWED)


def _problem(document: Document, key: str, value: str, expected: str) -> Problem:
    path = ("tags", key)
    return Problem(key=key_text(path), line=document.line(path), value=value, expected=expected)


def _problem_of_key(key: str, tags: Mapping[str, Any]) -> str | None:
    """What is expected instead."""
    lower = key.casefold()
    if lower == PROJECT_TAG:
        return f"another key than {PROJECT_TAG}, which Rootwatch adds itself, {_WITHOUT_CASE}"
    if lower.startswith(OWN_TAG_PREFIX):
        return f"a key without the prefix {OWN_TAG_PREFIX}, which only Rootwatch uses"
    same = [other for other in tags if other.casefold() == lower]
    if same[0] != key:
        return f"only one of the keys {same[0]} and {key}, {_WITHOUT_CASE}"
    return None if _is_allowed(key) else _ALLOWED


def _is_allowed(text: str) -> bool:
    """ASCII characters are those of the schema."""
    return all(one.isascii() or unicodedata.category(one)[0] in _CATEGORIES for one in text)

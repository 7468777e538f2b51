"""What JSON Schema has no word for: right values that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.document import key_text
from config.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.document import Document, KeyPath


def disagreements(document: Document) -> Iterator[Problem]:
    """Values of a wrong type are the schema's to tell of, and agree with everything."""
    for path, allowed in _disagreements(document.data):
        yield Problem(
            key=key_text(path),
            line=document.line(path),
            value=document.source(path),
            allowed=allowed,
        )


def _disagreements(data: Any) -> Iterator[tuple[KeyPath, str]]:
    management = _account(data, "management")
    if management and management == _account(data, "security") and _is_managed(data):
        yield (
            ("security_hub", "managed"),
            "false where the security account is the management account, to which nothing can be "
            "delegated",
        )
    excluded = _value(data, "organization", "excluded_accounts")
    for index, account in enumerate(excluded if isinstance(excluded, list) else ()):
        if management and account == management:
            yield (
                ("organization", "excluded_accounts", index),
                "another account than the management account, which no stack set reaches: "
                "it always gets its member access by itself",
            )
    home = _value(data, "home_region")
    linked = _value(data, "security_hub", "linked_regions")
    for index, region in enumerate(linked if isinstance(linked, list) else ()):
        if isinstance(home, str) and region == home:
            yield (
                ("security_hub", "linked_regions", index),
                "another region than the home region, which is seen there anyway",
            )


def _is_managed(data: Any) -> bool:
    return _value(data, "security_hub", "managed") is True


def _account(data: Any, part: str) -> str | None:
    number = _value(data, "accounts", part)
    return number if isinstance(number, str) and number.isdecimal() else None


def _value(data: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data

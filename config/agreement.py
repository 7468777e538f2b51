"""What JSON Schema has no word for: right values that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.document import key_text
from config.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.document import Document, KeyPath

_NOT_TO_ITSELF = (
    "false where the security account is the management account, to which nothing can be delegated"
)
_NOT_MANAGEMENT = (
    "another account than the management account, which no stack set reaches: it always gets its"
    " member access by itself"
)
_ROOT_ALONE = "a root alone, which holds every organizational unit, or a list of units"
_NOT_HOME = "another region than the home region, whose findings are seen there anyway"


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
        yield ("security_hub", "managed"), _NOT_TO_ITSELF
    if _has_root_beside_others(_value(data, "organization", "targets")):
        yield ("organization", "targets"), _ROOT_ALONE
    for path in _places(data, management, "organization", "excluded_accounts"):
        yield path, _NOT_MANAGEMENT
    for path in _places(data, _value(data, "home_region"), "security_hub", "linked_regions"):
        yield path, _NOT_HOME


def _places(data: Any, unwanted: Any, *path: str) -> Iterator[KeyPath]:
    """Where in the list at the path the unwanted text stands."""
    listed = _value(data, *path)
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(unwanted, str) and one == unwanted:
            yield (*path, index)


def _has_root_beside_others(targets: Any) -> bool:
    """One that stands twice is the schema's to tell of."""
    ids = {one for one in targets if isinstance(one, str)} if isinstance(targets, list) else set()
    return len(ids) > 1 and any(one.startswith("r-") for one in ids)


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

"""What JSON Schema has no word for: right values that do not go together."""

from collections.abc import Iterator
from typing import Any

from config.document import Document, KeyPath, key_text
from config.errors import Problem

_NOT_TO_ITSELF = (
    "false where the security account is the management account, to which nothing can be delegated"
)
_NOT_MANAGEMENT = (
    "another account than the management account, which no stack set reaches: it always gets its"
    " member access by itself"
)
_ROOT_ALONE = "a root alone, which holds every organizational unit, or a list of units"
_NOT_HOME = "another region than the home region, whose findings are seen there anyway"
_ON_BY_DEFAULT = (
    "a region that is on by default in every account, like us-east-1 or eu-central-1, since"
    " Security Hub gathers findings in no other; or security_hub.managed: false"
)
# Those of the partition aws from before March 20, 2019: every later one is off until asked for.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
_DEFAULT_REGIONS = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


def disagreements(document: Document) -> Iterator[Problem]:
    """Values of a wrong type are the schema's to tell of, and agree with everything.

    Values that are wrong in themselves may be told here again.
    """
    for path, allowed in _disagreements(document.data):
        yield Problem(
            key=key_text(path),
            line=document.line(path),
            value=document.source(path),
            allowed=allowed,
        )


def _disagreements(data: Any) -> Iterator[tuple[KeyPath, str]]:
    management = _account(data, "management")
    if _is_managed(data) and _is_off_by_default(data):
        yield ("home_region",), _ON_BY_DEFAULT
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


def _is_off_by_default(data: Any) -> bool:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation-enable.html"""
    home = _value(data, "home_region")
    is_of_aws = _value(data, "partition") in (None, "aws")
    return isinstance(home, str) and is_of_aws and home not in _DEFAULT_REGIONS


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

"""Validation of a configuration document: the JSON Schema, and keys that depend on each other."""

import difflib
import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from config.document import Document, KeyPath, key_text
from config.errors import Problem
from config.tags import tag_problems

_SIMILARITY = 0.7  # the least ratio of an unknown key to the key that the message suggests
_STANDARD = Draft202012Validator.VALIDATORS
_UNMANAGED = (
    "false, because the security account is the management account, which cannot be the delegated"
    " administrator"
)
_NOT_MANAGEMENT = (
    "another account than the management account, which is no target of a stack set and always gets"
    " its own stack"
)
_ROOT_ALONE = "a root alone, which contains all organizational units, or a list of units"
_NOT_HOME = "another Region than the home Region, whose findings need no aggregation"
_ENABLED_BY_DEFAULT = (
    "a Region that is enabled by default in every account, for example us-east-1 or eu-central-1,"
    " because Security Hub aggregates findings in no other; or security_hub.managed: false"
)
# Regions of the partition aws from before March 20, 2019. Later ones are disabled by default.
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


def problems(document: Document) -> tuple[Problem, ...]:
    """All problems in the order of the file, at most one for each value and for each name."""
    found: dict[tuple[KeyPath, bool], Problem] = {}
    for error in _Validator(schema()).iter_errors(document.data):
        place = (tuple(error.absolute_path), _is_about_name(error))
        found.setdefault(place, _problem(document, error))
    invalid = {problem.key for problem in found.values()}
    dependent = [*_conflicts(document), *tag_problems(document)]
    conflicting = (problem for problem in dependent if problem.key not in invalid)
    everything = [*document.repeated_keys(), *found.values(), *conflicting]
    return tuple(sorted(everything, key=lambda problem: problem.line))


def with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """A copy of valid data with the schema's defaults for missing keys."""
    filled = deepcopy(data)
    _Filler(schema()).validate(filled)
    return filled


@cache
def schema() -> dict[str, Any]:
    text = Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _problem(document: Document, error: ValidationError) -> Problem:
    path = tuple(error.absolute_path)
    value = None if error.validator == "required" else document.source(path)
    expected = _expected(error) + _quotes_hint(error, value)
    if error.validator == "additionalProperties":
        value = "an unknown key"
    elif _is_about_name(error):
        value = f"the key {json.dumps(path[-1])}"
    return Problem(key=key_text(path), line=document.line(path), value=value, expected=expected)


def _is_about_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _expected(error: ValidationError) -> str:
    part: Any = error.schema  # that the value violates; in this schema never true or false
    if error.validator == "additionalProperties":
        known = list(part["properties"])
        text = part.get("expected") or f"one of {_listed(known)}"
        return text + _suggestion(error, known)
    return _described(part)


def _described(part: dict[str, Any]) -> str:
    """What the schema accepts: in its own words or, where those say enough, by its keywords."""
    match part:
        case {"expected": str(text)}:
            return text
        case {"enum": list(values)}:
            return f"one of {_listed(values)}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"an integer from {low} to {high}"
        case {"$ref": reference}:
            return _described(schema()["$defs"][reference.removeprefix("#/$defs/")])
    keys = list(part["properties"])
    return f"a mapping with the {'key' if len(keys) == 1 else 'keys'} {_listed(keys)}"


def _listed(values: list[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _suggestion(error: ValidationError, known: list[str]) -> str:
    match difflib.get_close_matches(str(error.absolute_path[-1]), known, n=1, cutoff=_SIMILARITY):
        case [nearest]:
            return f"; did you mean {nearest}?"
    return ""


def _quotes_hint(error: ValidationError, source: str | None) -> str:
    wanted: Any = error.validator_value
    if error.validator == "type" and wanted == "string":
        is_scalar = isinstance(error.instance, bool | int | float)
        return f'; write it in quotes: "{source}"' if is_scalar else ""
    wants_number = wanted == "integer" or (error.validator == "enum" and isinstance(wanted[0], int))
    is_quoted_number = isinstance(error.instance, str) and error.instance.isdecimal()
    return "; write it without quotes" if wants_number and is_quoted_number else ""


def _conflicts(document: Document) -> Iterator[Problem]:
    """Values that do not fit other values. Those of a wrong type fit everything."""
    for path, expected in _conflicting_values(document.data):
        yield Problem(
            key=key_text(path),
            line=document.line(path),
            value=document.source(path),
            expected=expected,
        )


def _conflicting_values(data: Any) -> Iterator[tuple[KeyPath, str]]:
    management, home = _value(data, "accounts", "management"), _value(data, "home_region")
    is_managed = _value(data, "security_hub", "managed") is True
    if is_managed and _is_disabled_by_default(home, _value(data, "partition")):
        yield ("home_region",), _ENABLED_BY_DEFAULT
    is_account = isinstance(management, str) and management.isdecimal()
    if is_managed and is_account and management == _value(data, "accounts", "security"):
        yield ("security_hub", "managed"), _UNMANAGED
    if _has_root_and_others(_value(data, "organization", "targets")):
        yield ("organization", "targets"), _ROOT_ALONE
    for path in _indexes(data, management, "organization", "excluded_accounts"):
        yield path, _NOT_MANAGEMENT
    for path in _indexes(data, home, "security_hub", "linked_regions"):
        yield path, _NOT_HOME


def _indexes(data: Any, unwanted: Any, *path: str) -> Iterator[KeyPath]:
    """The paths of the unwanted text in the list at `path`."""
    values = _value(data, *path)
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(unwanted, str) and value == unwanted:
            yield (*path, index)


def _has_root_and_others(targets: Any) -> bool:
    """The schema refuses repeated IDs."""
    ids = {one for one in targets if isinstance(one, str)} if isinstance(targets, list) else set()
    return len(ids) > 1 and any(one.startswith("r-") for one in ids)


def _is_disabled_by_default(region: Any, partition: Any) -> bool:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation-enable.html"""
    is_aws = partition in (None, "aws")
    return is_aws and isinstance(region, str) and region not in _DEFAULT_REGIONS


def _value(data: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def _whole_pattern(
    validator: Any, pattern: str, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """In ECMAScript `$` matches only the end; in Python also before a trailing newline."""
    if isinstance(instance, str) and instance.endswith("\n"):
        yield ValidationError("ends with a newline")
    yield from _STANDARD["pattern"](validator, pattern, instance, schema)


def _required(
    _validator: Any, names: list[str], instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As in the standard, with each error at the missing key and with the schema of that key."""
    for name in names:
        if isinstance(instance, dict) and name not in instance:
            yield ValidationError("missing", path=[name], schema=schema["properties"][name])


def _additional_properties(
    validator: Any, others: Any, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As in the standard, with one error for each unknown key, at that key."""
    if others is not False:
        yield from _STANDARD["additionalProperties"](validator, others, instance, schema)
    elif isinstance(instance, dict):
        unknown = [key for key in instance if key not in schema["properties"]]
        yield from (ValidationError("unknown key", path=[key]) for key in unknown)


def _property_names(
    validator: Any, names: dict[str, Any], instance: Any, _schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As in the standard, with each error at its key."""
    for key in instance if isinstance(instance, dict) else ():
        yield from validator.descend(key, names, path=key)


def _filled_properties(
    validator: Any, properties: dict[str, Any], instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    for key, subschema in properties.items():
        if "default" in subschema:
            instance.setdefault(key, deepcopy(subschema["default"]))
    yield from _STANDARD["properties"](validator, properties, instance, schema)


_extend: Any = extend  # its stub is untyped
_Validator = _extend(
    Draft202012Validator,
    {
        "pattern": _whole_pattern,
        "required": _required,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
    },
)
_Filler = _extend(_Validator, {"properties": _filled_properties})

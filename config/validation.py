"""The JSON Schema applied: every problem in words, and the defaults filled in."""

import difflib
import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from config.agreement import disagreements
from config.document import Document, KeyPath, key_text
from config.errors import Problem

_ALIKE = 0.7  # from which ratio of common letters an unknown key counts as a misspelled one
_STANDARD = Draft202012Validator.VALIDATORS


def problems(document: Document) -> tuple[Problem, ...]:
    """Everything that is wrong, in the order of the file; one problem a value, one a key's name."""
    found: dict[tuple[KeyPath, bool], Problem] = {}
    for error in _Checker(schema()).iter_errors(document.data):
        place = (tuple(error.absolute_path), _is_about_the_name(error))
        found.setdefault(place, _problem(document, error))
    wrong = {problem.key for problem in found.values()}
    disagreeing = (problem for problem in disagreements(document) if problem.key not in wrong)
    told = [*document.repeated_keys(), *found.values(), *disagreeing]
    return tuple(sorted(told, key=lambda problem: problem.line))


def with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """A copy with the schema's defaults in place of absent keys; the data must be valid."""
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
    allowed = _allowed(error) + _quotes_hint(error, value)
    if _is_about_the_name(error):
        value = f"the key {json.dumps(path[-1])}"
    return Problem(key=key_text(path), line=document.line(path), value=value, allowed=allowed)


def _is_about_the_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _allowed(error: ValidationError) -> str:
    """The violated schema's description, with the values or keys that it lists."""
    match error.validator:
        case "enum":
            return f"{_description(error)}: one of {_listed(error.validator_value)}"
        case "additionalProperties":
            known = list(_violated(error)["properties"])
            return f"only {_keys(known)} ({_description(error)}){_nearest(error, known)}"
        case "type" | "required" if "properties" in _violated(error):
            known = list(_violated(error)["properties"])
            return f"{_description(error)}: a mapping with {_keys(known)}"
    return _description(error)


def _description(error: ValidationError) -> str:
    text: str = _violated(error)["description"]
    return text


def _violated(error: ValidationError) -> dict[str, Any]:
    """The part of the schema that the value violates; never a bare true or false in this schema."""
    return cast("dict[str, Any]", error.schema)


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values)


def _keys(names: list[str]) -> str:
    return f"the key{'s' if len(names) > 1 else ''} {_listed(names)}"


def _nearest(error: ValidationError, known: list[str]) -> str:
    match difflib.get_close_matches(str(error.absolute_path[-1]), known, n=1, cutoff=_ALIKE):
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


def _whole_pattern(
    validator: Any, pattern: str, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """ECMAScript's `$` is the very end; Python's also stands before a last newline."""
    if isinstance(instance, str) and instance.endswith("\n"):
        yield ValidationError("ends with a newline")
    yield from _STANDARD["pattern"](validator, pattern, instance, schema)


def _required(
    _validator: Any, names: list[str], instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As the standard's, but each error stands at the missing key, with that key's schema."""
    for name in names:
        if isinstance(instance, dict) and name not in instance:
            yield ValidationError("missing", path=[name], schema=schema["properties"][name])


def _additional_properties(
    validator: Any, others: Any, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As the standard's, but one error for each unknown key, standing at that key."""
    if others is not False:
        yield from _STANDARD["additionalProperties"](validator, others, instance, schema)
    elif isinstance(instance, dict):
        unknown = [key for key in instance if key not in schema["properties"]]
        yield from (ValidationError("unknown key", path=[key]) for key in unknown)


def _property_names(
    validator: Any, names: dict[str, Any], instance: Any, _schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """As the standard's, but each error stands at its key."""
    for key in instance if isinstance(instance, dict) else ():
        yield from validator.descend(key, names, path=key)


def _filled_properties(
    validator: Any, properties: dict[str, Any], instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    for key, subschema in properties.items():
        if "default" in subschema:
            instance.setdefault(key, deepcopy(subschema["default"]))
    yield from _STANDARD["properties"](validator, properties, instance, schema)


_extend: Any = extend  # Its stub leaves it untyped.
_Checker = _extend(
    Draft202012Validator,
    {
        "pattern": _whole_pattern,
        "required": _required,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
    },
)
_Filler = _extend(_Checker, {"properties": _filled_properties})

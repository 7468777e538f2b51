"""Compiles detections to detections.json, which the finding importer contains and evaluates.

`functions/finding_importer/matching/predicate.py` documents and evaluates the predicates.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Leaf,
    Not,
    NumberOperator,
    StringPattern,
    Wildcard,
)
from compiler.detection import Detection

_OPERATORS: dict[NumberOperator, str] = {"=": "eq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def document(detections: Iterable[Detection], runbook_base_url: str | None = None) -> bytes:
    """detections.json, in the order of the detections; the URL is where the catalog is published.

    Without it, the runbooks are paths in the project.
    """
    base = runbook_base_url or "detections"
    entries = [_entry(detection, base) for detection in detections]
    return json.dumps(entries, indent=1, sort_keys=True, allow_nan=False).encode()


def _entry(detection: Detection, runbooks: str) -> dict[str, Any]:
    return {
        "id": detection.id,
        "name": detection.name,
        "title": detection.title,
        "description": detection.description,
        "severity": detection.severity,
        "priority": detection.priority,
        "types": list(detection.types),
        "compliance": [asdict(mapping) for mapping in detection.compliance],
        "next_steps": list(detection.next_steps),
        "runbook": f"{runbooks.rstrip('/')}/{detection.runbook_path}",
        "predicate": predicate(detection.condition),
    }


def predicate(condition: ConditionTree) -> dict[str, Any]:
    match condition:
        case AllOf(parts):
            return {"all": [predicate(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [predicate(part) for part in parts]}
        case Not(inner):
            return {"not": predicate(inner)}
        case _:
            return _leaf(condition)


def _leaf(leaf: Leaf) -> dict[str, Any]:
    match leaf:
        case FieldEquals(field, patterns):
            return _string_leaf(field, patterns)
        case FieldMatchesRegex(field, regex, flags):
            return {"field": field, "regex": [_with_flags("".join(sorted(flags)), regex)]}
        case FieldCompares(field, operator, number):
            return {"field": field, _OPERATORS[operator]: number}
        case FieldIsBoolean(field, value):
            return {"field": field, "is": value}
        case FieldIsNull(field):
            return {"field": field, "null": True}
        case FieldExists(field):
            return {"field": field, "exists": True}


def _string_leaf(field: str, patterns: Iterable[StringPattern]) -> dict[str, Any]:
    """One leaf for each operator that the patterns need."""
    operands: dict[str, list[str]] = {}
    for pattern in patterns:
        operator, operand = _string_comparison(pattern)
        operands.setdefault(operator, []).append(operand)
    leaves = [{"field": field, operator: values} for operator, values in operands.items()]
    return leaves[0] if len(leaves) == 1 else {"any": leaves}


def _string_comparison(pattern: StringPattern) -> tuple[str, str]:
    plain = pattern.plain
    if plain is not None and pattern.cased:
        return "equals", plain
    if plain is not None and plain.isascii():
        return "equals_ignore_case", plain.lower()
    return "regex", _regex(pattern)


def _regex(pattern: StringPattern) -> str:
    r"""A regular expression that matches the whole string, from \A to \Z.

    Each segment between two `*` matches at its first occurrence, without backtracking: hence the
    atomic groups. Backtracking takes time exponential in the number of `*` on a long value with
    many partial matches, which an attacker can choose.
    """
    flags = "s" if pattern.cased else "is"
    first, *others = _segments(pattern)
    if not others:
        return _with_flags(flags, rf"\A{first}\Z")
    *middle, last = others
    found = "".join(f"(?>.*?{segment})" for segment in middle)
    return _with_flags(flags, rf"\A{first}{found}.*{last}\Z")


def _segments(pattern: StringPattern) -> list[str]:
    """The parts before, between and after the `*`, as regular expressions; they may be empty."""
    segments = [""]
    for part in pattern.parts:
        match part:
            case Wildcard.MANY:
                segments.append("")
            case Wildcard.ONE:
                segments[-1] += "."
            case _:
                segments[-1] += re.escape(part)
    return segments


def _with_flags(flags: str, regex: str) -> str:
    return f"(?{flags}){regex}" if flags else regex

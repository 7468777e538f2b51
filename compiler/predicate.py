"""The detections as the JSON document that the finding importer carries and evaluates.

`functions/finding_importer/predicate.py` tells the language of its predicates and evaluates it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from compiler.conditions import (
    AllOf,
    AnyOf,
    Condition,
    FieldCompares,
    FieldExists,
    FieldIs,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatches,
    Leaf,
    Not,
    Order,
    Text,
    Wildcard,
)
from compiler.detection import Detection

_COMPARISONS: dict[Order, str] = {"=": "eq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def document(detections: Iterable[Detection], runbook_base_url: str | None = None) -> bytes:
    """detections.json, in the detections' order; the address is where the catalog is published."""
    base = runbook_base_url or "detections"  # else their paths in the project
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


def predicate(condition: Condition) -> dict[str, Any]:
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
        case FieldIs(field, texts):
            return _string_leaf(field, texts)
        case FieldMatches(field, regex, flags):
            return {"field": field, "regex": [_flagged("".join(sorted(flags)), regex)]}
        case FieldCompares(field, order, number):
            return {"field": field, _COMPARISONS[order]: number}
        case FieldIsBoolean(field, value):
            return {"field": field, "is": value}
        case FieldIsNull(field):
            return {"field": field, "null": True}
        case FieldExists(field):
            return {"field": field, "exists": True}


def _string_leaf(field: str, texts: Iterable[Text]) -> dict[str, Any]:
    """One leaf for each kind of text that there is, in the order of their first texts."""
    operands: dict[str, list[str]] = {}
    for text in texts:
        operator, operand = _comparison(text)
        operands.setdefault(operator, []).append(operand)
    leaves = [{"field": field, operator: values} for operator, values in operands.items()]
    return leaves[0] if len(leaves) == 1 else {"any": leaves}


def _comparison(text: Text) -> tuple[str, str]:
    plain = text.plain
    if plain is not None and text.cased:
        return "equals", plain
    if plain is not None and plain.isascii():
        return "equals_ignore_case", plain.lower()
    return "regex", _whole_text(text)


def _whole_text(text: Text) -> str:
    r"""A regular expression of the whole text, from \A to \Z, whatever characters it holds.

    Each run of characters between two `*` is found where it stands first and is not looked for
    again, which the atomic groups say: else a long value with many half matches, which an attacker
    may send, would take time with the power of the number of `*`.
    """
    flags = "s" if text.cased else "is"
    first, *others = _runs(text)
    if not others:
        return _flagged(flags, rf"\A{first}\Z")
    *middle, last = others
    found = "".join(f"(?>.*?{run})" for run in middle)
    return _flagged(flags, rf"\A{first}{found}.*{last}\Z")


def _runs(text: Text) -> list[str]:
    """What stands before, between and after the `*`, as regular expressions; may be empty."""
    runs = [""]
    for part in text.parts:
        match part:
            case Wildcard.MANY:
                runs.append("")
            case Wildcard.ONE:
                runs[-1] += "."
            case _:
                runs[-1] += re.escape(part)
    return runs


def _flagged(flags: str, regex: str) -> str:
    return f"(?{flags}){regex}" if flags else regex

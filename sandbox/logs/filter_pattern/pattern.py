"""A parsed filter pattern and what it does to a raw log line."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from sandbox.logs.filter_pattern.evaluator import Json, evaluate
from sandbox.logs.filter_pattern.nodes import Expression
from sandbox.logs.filter_pattern.parser import parse_expression


@dataclass(frozen=True, slots=True)
class FilterPattern:
    expression: Expression

    def matches(self, message: str) -> bool:
        """False for a line that is no JSON object."""
        event = _json_object(message)
        return event is not None and evaluate(self.expression, event)

    def __str__(self) -> str:
        return f"{{ {self.expression} }}"


def parse(pattern: str) -> FilterPattern:
    """Raises FilterPatternError."""
    return FilterPattern(parse_expression(pattern))


def _json_object(message: str) -> dict[str, Json] | None:
    try:
        value = json.loads(message, parse_int=Decimal, parse_float=Decimal, parse_constant=_no_json)
    # An exponent beyond Decimal's, and nesting beyond the JSON reader's depth.
    except (ValueError, InvalidOperation, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")

"""The operators of the Condition element.

See "Condition operators" and "Single-valued vs. multivalued context keys" in the IAM User Guide for
missing keys, set operators and several values.
"""

import base64
import binascii
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from sandbox.iam.policy.model import Condition, Operand, Quantifier
from sandbox.iam.policy.patterns import Context, Template, matches, matches_arn, parse_template

type Reader = Callable[[str], Any]
"""Reads a value from text, or raises `ValueError`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`read` parses an operand; None: the operand is text, with variables."""

    read: Reader | None
    holds: Callable[[Any, str, Context], bool]
    wildcards: bool = False


def read_operand(comparison: str, text: str, *, variables: bool) -> Operand:
    """Parse a condition value of a policy, or raise `ValueError`."""
    chosen = COMPARISONS[comparison]
    if chosen.read is None:
        return parse_template(text, variables=variables, wildcards=chosen.wildcards)
    operand: Operand = chosen.read(text)
    return operand


def is_met(condition: Condition, context: Context) -> bool:
    """Whether the context meets the condition. All its variables must have values."""
    values = context.get(condition.key)
    if condition.comparison == "Null":
        return (values is None) in condition.operands
    if values is None:
        return _met_without_key(condition)
    if condition.quantifier is not None:
        # A set operator ignores empty strings.
        values = tuple(value for value in values if value)
    every = condition.quantifier is Quantifier.ALL or (
        condition.quantifier is None and condition.negated
    )
    return (all if every else any)(_accepts(condition, value, context) for value in values)


def missing_variables(condition: Condition, context: Context) -> list[str]:
    templates = [operand for operand in condition.operands if isinstance(operand, Template)]
    return [key for template in templates for key in template.missing_variables(context)]


def _met_without_key(condition: Condition) -> bool:
    if condition.if_exists or condition.quantifier is Quantifier.ALL:
        return True
    return condition.negated and condition.quantifier is None


def _accepts(condition: Condition, value: str, context: Context) -> bool:
    holds = COMPARISONS[condition.comparison].holds
    return any(holds(operand, value, context) for operand in condition.operands) != (
        condition.negated
    )


def _read_number(text: str) -> Decimal:
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError(f"got {text!r}, expected a number")
    return Decimal(text)


def _read_date(text: str) -> datetime:
    """ISO 8601, in UTC where it has no offset, or seconds since 1970."""
    try:
        if re.fullmatch(r"\d+", text, re.ASCII):
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"got {text!r}, expected a date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"got {text!r}, expected true or false")
    return text.lower() == "true"


def _read_binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"got {text!r}, expected Base64") from error


def _typed(read: Reader, holds: Callable[[Any, Any], bool], read_actual: Reader) -> Comparison:
    """`holds` receives the actual and the expected value. An invalid actual value never matches."""

    def compare(expected: Any, value: str, _context: Context) -> bool:
        try:
            actual = read_actual(value)
        except ValueError:
            return False
        return holds(actual, expected)

    return Comparison(read, compare)


def _is_in_network(address: Any, network: Any) -> bool:
    return address in network


def _ordered(prefix: str, read: Reader) -> dict[str, Comparison]:
    orders: dict[str, Callable[[Any, Any], bool]] = {
        "Equals": operator.eq,
        "LessThan": operator.lt,
        "LessThanEquals": operator.le,
        "GreaterThan": operator.gt,
        "GreaterThanEquals": operator.ge,
    }
    return {f"{prefix}{name}": _typed(read, order, read) for name, order in orders.items()}


_ARN = Comparison(None, matches_arn, wildcards=True)

COMPARISONS: dict[str, Comparison] = {
    "StringEquals": Comparison(None, matches),
    "StringEqualsIgnoreCase": Comparison(None, partial(matches, ignore_case=True)),
    "StringLike": Comparison(None, matches, wildcards=True),
    "ArnEquals": _ARN,
    "ArnLike": _ARN,
    **_ordered("Numeric", _read_number),
    **_ordered("Date", _read_date),
    "Bool": _typed(_read_bool, operator.eq, _read_bool),
    "BinaryEquals": _typed(_read_binary, operator.eq, _read_binary),
    "IpAddress": _typed(partial(ip_network, strict=False), _is_in_network, ip_address),
    "Null": _typed(_read_bool, operator.eq, _read_bool),
}

NEGATIONS: dict[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}
"""The positive operator of each negated one."""

"""How many of an organization's CloudTrail records a filter pattern lets through, roughly.

A term lets through one record in 2**bits, and terms are taken as independent. The bits are no
measurements: they put patterns into an order, and nothing but the importer's work depends on it.
"""

import math

from compiler.cloudwatch.expression import Either, Every, Expression, Term

_FIELD_BITS = {
    "eventName": 10.0,
    "userIdentity.type": 8.0,  # rules name Root, who is rare
    "eventSource": 6.0,
    "recipientAccountId": 2.0,
    "awsRegion": 0.5,
}
_BUSY_SOURCES = {f'"{service}.amazonaws.com"' for service in ("ec2", "kms", "s3", "ssm", "sts")}
_BUSY_SOURCE_BITS = 3.0
_PARAMETER_BITS = 9.0  # a resource's name, below requestParameters
_OTHER_TEXT_BITS = 3.0
_NO_TEXT_BITS = 1.0  # a boolean or a number
_BITS_A_CHARACTER = 0.8  # of a text that is known in part


def share(expression: Expression, weight: float = 1.0) -> float:
    """Between 0 and 1; a weight below 1 takes each term as less selective than it is."""
    match expression:
        case Term():
            return float(min(1.0, _alternatives(expression) * 2 ** (-weight * _bits(expression))))
        case Every(parts):
            return math.prod(share(part, weight) for part in parts)
        case Either(parts):
            return min(1.0, sum(share(part, weight) for part in parts))


def _alternatives(term: Term) -> int:
    return term.value.count("|") + 1 if term.is_regex else 1


def _bits(term: Term) -> float:
    if not term.value.startswith(('"', "%")):
        return _NO_TEXT_BITS
    bits = _text_bits(term)
    if term.value.startswith('"*') or term.value.endswith('*"'):
        return min(bits, _BITS_A_CHARACTER * len(term.value.strip('"*')))
    return bits


def _text_bits(term: Term) -> float:
    if term.field == "eventSource" and term.value in _BUSY_SOURCES:
        return _BUSY_SOURCE_BITS
    is_parameter = term.field.startswith("requestParameters.")
    return _FIELD_BITS.get(term.field, _PARAMETER_BITS if is_parameter else _OTHER_TEXT_BITS)

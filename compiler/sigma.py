"""Converts the condition of a Sigma rule, as pySigma parses it, to a condition tree.

https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from itertools import groupby

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaRule
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from compiler.conditions import (
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Not,
    NumberOperator,
    StringPattern,
    Wildcard,
    all_of,
    any_of,
)
from compiler.errors import DetectionError

_WILDCARDS = {
    SpecialChars.WILDCARD_MULTI: Wildcard.MANY,
    SpecialChars.WILDCARD_SINGLE: Wildcard.ONE,
}
_OPERATORS: dict[CompareOperators, NumberOperator] = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
}
_FIELD_NAME = re.compile(r"[^\[\]{}*$\"'\\\x00-\x1f]+")  # one name of a path
_UNSUPPORTED_TYPES: dict[type[SigmaType], str] = {
    SigmaCIDRExpression: "|cidr",
    SigmaCompareExpression: "a part of a timestamp",
    SigmaFieldReference: "|fieldref",
    SigmaTimestampPart: "a part of a timestamp",
}
_KEYWORDS = (
    "keywords without a field search the whole record, which filter patterns do not support: "
    "name the field"
)
_SUPPORTED = (
    "compare with strings, wildcards, regular expressions, numbers, booleans, null or existence"
)


def read_condition(
    detection: str, rule: SigmaRule, placeholders: Mapping[str, str]
) -> ConditionTree:
    """The condition of a rule that has exactly one, with the values of its `%placeholders%`.

    Raises DetectionError, which names the field, for what no target supports: keywords without a
    field, `|cidr`, `|fieldref`, parts of timestamps, unknown placeholders.
    """
    parsed = rule.detection.parsed_condition
    if len(parsed) != 1:
        reason = f"got {len(parsed)} conditions, expected exactly one"
        raise DetectionError(detection, "detection.condition", reason)
    try:
        condition = parsed[0].parse()
    except SigmaError as error:
        raise DetectionError(detection, "detection.condition", str(error)) from error
    except (AttributeError, TypeError) as error:  # pySigma's, for a value that is not a string
        raise DetectionError(detection, "detection.condition", "expected a string") from error
    for part in rule.detection.detections.values():
        _reject_empty_lists(detection, part)
    return _ConditionReader(detection, placeholders).read(condition)


class _ConditionReader:
    def __init__(self, detection: str, placeholders: Mapping[str, str]) -> None:
        self._detection = detection
        self._placeholders = placeholders

    def read(self, node: object) -> ConditionTree:
        match node:
            case ConditionAND():
                return all_of(map(self.read, node.args))
            case ConditionOR():
                return any_of(map(self.read, node.args))
            case ConditionNOT():
                return Not(self.read(node.args[0]))
            case ConditionFieldEqualsValueExpression():
                return self._leaf(self._path(node.field), node.value)
            case ConditionValueExpression():
                raise self._error("detection", f"{node.value}: {_KEYWORDS}")
        raise self._error("detection.condition", f"{type(node).__name__} is not supported")

    def _path(self, field: str) -> str:
        if not all(map(_FIELD_NAME.fullmatch, field.split("."))):
            reason = "expected names of objects joined by dots, such as userIdentity.type"
            raise self._error(field, reason)
        return field

    def _leaf(self, field: str, value: SigmaType) -> ConditionTree:
        match value:
            case SigmaString():
                return FieldEquals(field, (self._string(field, value),))
            case SigmaRegularExpression():
                return self._regex(field, value)
            case SigmaExpansion():
                return any_of(self._leaf(field, one) for one in value.values)
            case SigmaNull():
                return FieldIsNull(field)
            case SigmaExists():
                return FieldExists(field) if value.exists else Not(FieldExists(field))
        return self._scalar(field, value)

    def _scalar(self, field: str, value: SigmaType) -> ConditionTree:
        match value:
            case SigmaBool():
                return FieldIsBoolean(field, value.boolean)
            case SigmaNumber() if type(value) is SigmaNumber:  # its subclass is part of a timestamp
                return FieldCompares(field, "=", value.number)
            case SigmaCompareExpression() if type(value.number) is SigmaNumber:
                number = value.number.number
                if value.op in _OPERATORS:
                    return FieldCompares(field, _OPERATORS[value.op], number)
                return Not(FieldCompares(field, "=", number))
        name = _UNSUPPORTED_TYPES.get(type(value), type(value).__name__)
        raise self._error(field, f"{name} is not supported: {_SUPPORTED}")

    def _string(self, field: str, value: SigmaString) -> StringPattern:
        cased = isinstance(value, SigmaCasedString)
        pattern = StringPattern(tuple(_joined(self._parts(field, value))), cased)
        letters = (letter for literal in pattern.literals for letter in literal)
        foreign = [letter for letter in letters if _has_case_beyond_ascii(letter)]
        if foreign and not cased:
            reason = f"{foreign[0]!r} is ambiguous without case: compare with `|cased`"
            raise self._error(field, reason)
        return pattern

    def _parts(self, field: str, value: SigmaString) -> Iterator[str | Wildcard]:
        for part in value.s:
            match part:
                case Placeholder():
                    yield self._placeholder(field, part.name)
                case SpecialChars():
                    yield _WILDCARDS[part]
                case _:
                    yield part

    def _placeholder(self, field: str, name: str) -> str:
        if name not in self._placeholders:
            known = ", ".join(f"%{known}%" for known in self._placeholders)
            raise self._error(field, f"got placeholder %{name}%, expected one of {known}")
        return self._placeholders[name]

    def _regex(self, field: str, value: SigmaRegularExpression) -> FieldMatchesRegex:
        if value.contains_placeholder():
            raise self._error(field, "placeholders in regular expressions are not supported")
        flags = frozenset(value.sigma_to_re_flag[flag] for flag in value.flags)
        source = str(value.regexp)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)  # such as POSIX's [[:alpha:]]
                re.compile(source, re.ASCII)
        except (re.PatternError, ValueError, OverflowError, FutureWarning) as error:
            reason = f"expected a regular expression in Python's syntax: {error}"
            raise self._error(field, reason) from error
        return FieldMatchesRegex(field, source, flags)

    def _error(self, where: str, reason: str) -> DetectionError:
        return DetectionError(self._detection, where, reason)


def _reject_empty_lists(detection: str, part: SigmaDetection) -> None:
    """To pySigma, a field with an empty list is a comparison with null."""
    for item in part.detection_items:
        if isinstance(item, SigmaDetection):
            _reject_empty_lists(detection, item)
        elif not item.value:
            raise DetectionError(detection, str(item.field), "got an empty list, expected values")


def _has_case_beyond_ascii(letter: str) -> bool:
    return not letter.isascii() and letter.lower() != letter.upper()


def _joined(parts: Iterator[str | Wildcard]) -> Iterator[str | Wildcard]:
    """Joins adjacent strings, and adjacent `*`."""
    for kind, run in groupby(parts, key=lambda part: part if isinstance(part, Wildcard) else str):
        match kind:
            case Wildcard.MANY:
                yield Wildcard.MANY
            case Wildcard.ONE:
                yield from run
            case _:
                yield "".join(part for part in run if isinstance(part, str))

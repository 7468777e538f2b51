"""From a Sigma rule's condition, as pySigma reads it, to the tree of `conditions`.

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
    Condition,
    FieldCompares,
    FieldExists,
    FieldIs,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatches,
    Not,
    Order,
    Text,
    Wildcard,
    all_of,
    any_of,
)
from compiler.errors import DetectionError

_WILDCARDS = {
    SpecialChars.WILDCARD_MULTI: Wildcard.MANY,
    SpecialChars.WILDCARD_SINGLE: Wildcard.ONE,
}
_ORDERS: dict[CompareOperators, Order] = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
}
_STEP = re.compile(r"[^\[\]{}*$\"'\\\x00-\x1f]+")  # one name of a field's path
_MODIFIERS: dict[type[SigmaType], str] = {
    SigmaCIDRExpression: "|cidr",
    SigmaCompareExpression: "a part of a time",
    SigmaFieldReference: "|fieldref",
    SigmaTimestampPart: "a part of a time",
}
_KEYWORDS = (
    "keywords without a field search the whole record, which a filter pattern cannot do: "
    "name the field"
)

_SUPPORTED = (
    "compare with strings, wildcards, regular expressions, numbers, booleans, null or existence"
)


def read_condition(detection: str, rule: SigmaRule, placeholders: Mapping[str, str]) -> Condition:
    """The rule's one condition, its `%placeholders%` filled in.

    Raises DetectionError, which names the field, for what no rendering knows: keywords without a
    field, `|cidr`, `|fieldref`, parts of timestamps, placeholders of other names.
    """
    parsed = rule.detection.parsed_condition
    if len(parsed) != 1:
        raise DetectionError(detection, "detection.condition", "write exactly one condition")
    try:
        condition = parsed[0].parse()
    except SigmaError as error:
        raise DetectionError(detection, "detection.condition", str(error)) from error
    except (AttributeError, TypeError) as error:  # pySigma, of what is no text
        raise DetectionError(detection, "detection.condition", "must be text") from error
    for part in rule.detection.detections.values():
        _refuse_empty_lists(detection, part)
    return _Reader(detection, placeholders).read(condition)


class _Reader:
    def __init__(self, detection: str, placeholders: Mapping[str, str]) -> None:
        self._detection = detection
        self._placeholders = placeholders

    def read(self, node: object) -> Condition:
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
                raise self._refusal("detection", f"{node.value}: {_KEYWORDS}")
        raise self._refusal("detection.condition", f"{type(node).__name__} is not supported")

    def _path(self, field: str) -> str:
        if not all(map(_STEP.fullmatch, field.split("."))):
            reason = (
                "is no path: names joined by dots, through objects only, as in userIdentity.type"
            )
            raise self._refusal(field, reason)
        return field

    def _leaf(self, field: str, value: SigmaType) -> Condition:
        match value:
            case SigmaString():
                return FieldIs(field, (self._text(field, value),))
            case SigmaRegularExpression():
                return self._regex(field, value)
            case SigmaExpansion():
                return any_of(self._leaf(field, one) for one in value.values)
            case SigmaNull():
                return FieldIsNull(field)
            case SigmaExists():
                return FieldExists(field) if value.exists else Not(FieldExists(field))
        return self._scalar(field, value)

    def _scalar(self, field: str, value: SigmaType) -> Condition:
        match value:
            case SigmaBool():
                return FieldIsBoolean(field, value.boolean)
            case SigmaNumber() if type(value) is SigmaNumber:  # its subclass is part of a timestamp
                return FieldCompares(field, "=", value.number)
            case SigmaCompareExpression() if type(value.number) is SigmaNumber:
                number = value.number.number
                if value.op in _ORDERS:
                    return FieldCompares(field, _ORDERS[value.op], number)
                return Not(FieldCompares(field, "=", number))
        name = _MODIFIERS.get(type(value), type(value).__name__)
        raise self._refusal(field, f"{name} is not supported: {_SUPPORTED}")

    def _text(self, field: str, value: SigmaString) -> Text:
        cased = isinstance(value, SigmaCasedString)
        text = Text(tuple(_joined(self._parts(field, value))), cased)
        foreign = [
            letter for part in text.strings for letter in part if _has_case_beyond_ascii(letter)
        ]
        if any("\ud800" <= letter <= "\udfff" for part in text.strings for letter in part):
            raise self._refusal(field, "holds half of a character, which no text can")
        if foreign and not cased:
            reason = f"{foreign[0]!r} has no one meaning without case: write the field as `|cased`"
            raise self._refusal(field, reason)
        return text

    def _parts(self, field: str, value: SigmaString) -> Iterator[str | Wildcard]:
        for part in value.s:
            match part:
                case Placeholder():
                    yield self._filled(field, part.name)
                case SpecialChars():
                    yield _WILDCARDS[part]
                case _:
                    yield part

    def _filled(self, field: str, name: str) -> str:
        if name not in self._placeholders:
            known = ", ".join(f"%{known}%" for known in self._placeholders)
            raise self._refusal(field, f"%{name}% is no placeholder; there are: {known}")
        return self._placeholders[name]

    def _regex(self, field: str, value: SigmaRegularExpression) -> FieldMatches:
        if value.contains_placeholder():
            raise self._refusal(field, "placeholders in regular expressions are not supported")
        flags = frozenset(value.sigma_to_re_flag[flag] for flag in value.flags)
        source = str(value.regexp)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)  # such as POSIX's [[:alpha:]]
                re.compile(source, re.ASCII)
        except (re.PatternError, ValueError, OverflowError, FutureWarning) as error:
            raise self._refusal(field, f"is no regular expression of Python's: {error}") from error
        return FieldMatches(field, source, flags)

    def _refusal(self, where: str, reason: str) -> DetectionError:
        return DetectionError(self._detection, where, reason)


def _refuse_empty_lists(detection: str, part: SigmaDetection) -> None:
    """To pySigma a field with an empty list is one with null."""
    for item in part.detection_items:
        if isinstance(item, SigmaDetection):
            _refuse_empty_lists(detection, item)
        elif not item.value:
            raise DetectionError(detection, str(item.field), "an empty list compares with nothing")


def _has_case_beyond_ascii(letter: str) -> bool:
    return not letter.isascii() and letter.lower() != letter.upper()


def _joined(parts: Iterator[str | Wildcard]) -> Iterator[str | Wildcard]:
    """Neighbouring strings as one; a run of `*` is one `*`."""
    for kind, run in groupby(parts, key=lambda part: part if isinstance(part, Wildcard) else str):
        match kind:
            case Wildcard.MANY:
                yield Wildcard.MANY
            case Wildcard.ONE:
                yield from run
            case _:
                yield "".join(part for part in run if isinstance(part, str))

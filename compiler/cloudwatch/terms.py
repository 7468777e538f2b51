"""The filter pattern expression of a leaf of a rule's condition, and of its negation.

Both are exact for records in which each compared field is absent, null or of a type that the rule
compares it with, and in which each object on the path is absent, null or an object:

- Comparisons, `!=` included, are false for a field that is absent, null or of another type.
  A negation therefore also lists absence, null and the other compared types.
- The documentation does not define `NOT EXISTS` below a parent that is null. A test for absence
  therefore lists each object on the path.
- `= *` tests for presence. The documentation states it for strings and numbers only, so that a test
  for presence also lists both booleans.
"""

import math
import re
from collections.abc import Iterator, Mapping
from string import ascii_letters
from typing import Literal

from compiler.cloudwatch.expression import (
    Conjunction,
    Disjunction,
    PatternExpression,
    PatternOperator,
    PatternTerm,
    conjunction,
    disjunction,
    property_selector,
)
from compiler.cloudwatch.regex import string_regex, translate_regex
from compiler.conditions import (
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Leaf,
    StringPattern,
    Wildcard,
    leaves,
)
from compiler.errors import UnsupportedConditionError

type JsonType = Literal["string", "number", "boolean"]
type Comparing = FieldEquals | FieldMatchesRegex | FieldCompares | FieldIsBoolean

_TYPES: tuple[JsonType, ...] = ("string", "number", "boolean")
_NOT_QUOTABLE = re.compile(r'["\\%\x00-\x1f\x7f]')  # end of quotes, escape, regex, control
_INVERSES: dict[PatternOperator, PatternOperator] = {
    "=": "!=",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}


def compared_types(condition: ConditionTree) -> dict[str, frozenset[JsonType]]:
    """The types that each field is compared with; none for a field only tested for presence."""
    types: dict[str, frozenset[JsonType]] = {}
    for leaf in leaves(condition):
        types[leaf.field] = types.get(leaf.field, frozenset()) | _types(leaf)
    return types


def leaf_expression(leaf: Leaf, types: Mapping[str, frozenset[JsonType]]) -> PatternExpression:
    """True where the leaf is true. Raises UnsupportedConditionError."""
    property_selector(leaf.field)
    match leaf:
        case FieldIsNull(field):
            return disjunction(_absence(field))
        case FieldExists(field):
            return disjunction([*_presence(field, types[field]), PatternTerm(field, "IS", "NULL")])
        case _:
            return comparison(leaf)


def negated_leaf_expression(
    leaf: Leaf, types: Mapping[str, frozenset[JsonType]]
) -> PatternExpression:
    """True where the leaf is false. Raises UnsupportedConditionError."""
    property_selector(leaf.field)
    match leaf:
        case FieldIsNull(field):
            return disjunction(_presence(field, types[field]))
        case FieldExists(field):
            null = PatternTerm(field, "IS", "NULL")
            return disjunction(term for term in _absence(field) if term != null)
        case _:
            others = _of_types(leaf.field, types[leaf.field] - _types(leaf))
            return disjunction([*_absence(leaf.field), *others, *_negated_comparison(leaf)])


def comparison(leaf: Comparing) -> PatternExpression:
    """True only for values of the type that the leaf compares with, whatever the record holds.

    Raises UnsupportedConditionError.
    """
    property_selector(leaf.field)
    match leaf:
        case FieldEquals(field, patterns):
            return disjunction(string_comparison(field, pattern) for pattern in patterns)
        case FieldMatchesRegex(field, regex, flags):
            return PatternTerm(field, "=", f"%{translate_regex(field, regex, flags)}%")
        case FieldCompares(field, operator, number):
            return PatternTerm(field, operator, _number(field, number))
        case FieldIsBoolean(field, value):
            return PatternTerm(field, "IS", str(value).upper())


def string_comparison(field: str, pattern: StringPattern) -> PatternExpression:
    """A regular expression only where quotes are not sufficient.

    Raises UnsupportedConditionError.
    """
    quoted = quoted_value(pattern)
    if quoted is not None:
        return PatternTerm(field, "=", quoted)
    ends = _prefix_and_suffix(field, pattern)
    return PatternTerm(field, "=", f"%{string_regex(field, pattern)}%") if ends is None else ends


def quoted_value(pattern: StringPattern) -> str | None:
    """A quoted `*` is a wildcard as the first or the last character, and literal elsewhere."""
    core = pattern.parts[_starts_open(pattern) : len(pattern.parts) - _ends_open(pattern)]
    if not core:
        return '"*"' if pattern.parts else None
    literal = core[0]
    if len(core) > 1 or isinstance(literal, Wildcard):
        return None
    if _NOT_QUOTABLE.search(literal) or "*" in (literal[0], literal[-1]):
        return None
    if not pattern.cased and any(character in ascii_letters for character in literal):
        return None
    return f'"{"*" * _starts_open(pattern)}{literal}{"*" * _ends_open(pattern)}"'


def _prefix_and_suffix(field: str, pattern: StringPattern) -> PatternExpression | None:
    """`a*z` is `a*` and `*z`, provided that no string can use a character for both."""
    match pattern.parts:
        case (str() as prefix, Wildcard.MANY, str() as suffix) if not _overlap(prefix, suffix):
            start = quoted_value(StringPattern((prefix, Wildcard.MANY), pattern.cased))
            end = quoted_value(StringPattern((Wildcard.MANY, suffix), pattern.cased))
            if start is not None and end is not None:
                return conjunction([PatternTerm(field, "=", start), PatternTerm(field, "=", end)])
    return None


def _overlap(prefix: str, suffix: str) -> bool:
    return any(prefix.endswith(suffix[:length]) for length in range(1, len(suffix) + 1))


def _starts_open(pattern: StringPattern) -> bool:
    return any(part is Wildcard.MANY for part in pattern.parts[:1])


def _ends_open(pattern: StringPattern) -> bool:
    return len(pattern.parts) > 1 and pattern.parts[-1] is Wildcard.MANY


def _number(field: str, number: float) -> str:
    if not math.isfinite(number):
        raise UnsupportedConditionError(field, f"got {number}, expected a finite number")
    return str(number)


def _types(leaf: Leaf) -> frozenset[JsonType]:
    match leaf:
        case FieldEquals() | FieldMatchesRegex():
            return frozenset({"string"})
        case FieldCompares():
            return frozenset({"number"})
        case FieldIsBoolean():
            return frozenset({"boolean"})
        case _:
            return frozenset()


def _negated_comparison(leaf: Comparing) -> Iterator[PatternExpression]:
    """The other values of the compared type; none for a comparison with any string."""
    if isinstance(leaf, FieldEquals) and any(quoted_value(one) == '"*"' for one in leaf.patterns):
        return
    yield _inverted(comparison(leaf))


def _inverted(expression: PatternExpression) -> PatternExpression:
    match expression:
        case Conjunction(parts):
            return disjunction(map(_inverted, parts))
        case Disjunction(parts):
            return conjunction(map(_inverted, parts))
        case PatternTerm(field, "IS", value):
            return PatternTerm(field, "IS", "FALSE" if value == "TRUE" else "TRUE")
        case PatternTerm(field, operator, value):
            return PatternTerm(field, _INVERSES[operator], value)


def _absence(field: str) -> Iterator[PatternTerm]:
    """The field or an object on its path is absent or null."""
    steps = field.split(".")
    for length in range(len(steps), 0, -1):
        yield PatternTerm(".".join(steps[:length]), "NOT EXISTS")
        yield PatternTerm(".".join(steps[:length]), "IS", "NULL")


def _presence(field: str, types: frozenset[JsonType]) -> Iterator[PatternTerm]:
    """The field has a value of the types, or of any type if there are none; null is no value."""
    present = types or frozenset(_TYPES)
    yield from _of_types(field, present | {"number"} if "string" in present else present)


def _of_types(field: str, types: frozenset[JsonType]) -> Iterator[PatternTerm]:
    match "string" in types, "number" in types:
        case True, True:
            yield PatternTerm(field, "=", "*")
        case True, False:
            yield PatternTerm(field, "=", '"*"')
        case False, True:
            yield from (PatternTerm(field, ">=", "0"), PatternTerm(field, "<", "0"))
    if "boolean" in types:
        yield from (PatternTerm(field, "IS", "TRUE"), PatternTerm(field, "IS", "FALSE"))

"""What a leaf of a rule's condition, and its negation, says in a filter pattern.

Exact where each compared field is absent, null or of a type that the rule compares it with, and
each step to it is absent, null or an object. Three things shape what is written:

- `=`, `!=` and their like are false of what is absent, null or of another type, so a negation also
  names absence, null and the other types.
- What `NOT EXISTS` says below a parent that is null is not documented: each step is named.
- `= *` is how presence is said. It fits strings and numbers for certain, so booleans are named.
"""

import math
import re
from collections.abc import Iterator, Mapping
from string import ascii_letters
from typing import Literal

from compiler.cloudwatch.expression import (
    Either,
    Every,
    Expression,
    Operator,
    Term,
    UnsayableError,
    either,
    every,
    selector,
)
from compiler.cloudwatch.regex import python_regex, text_regex
from compiler.conditions import (
    Condition,
    FieldCompares,
    FieldExists,
    FieldIs,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatches,
    Leaf,
    Text,
    Wildcard,
    leaves,
)

type JsonType = Literal["string", "number", "boolean"]

_TYPES: tuple[JsonType, ...] = ("string", "number", "boolean")
_UNQUOTABLE = re.compile(r'["\\%\x00-\x1f\x7f]')  # ends the quotes, escapes, begins a regex
_OPPOSITES: dict[Operator, Operator] = {
    "=": "!=",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}


def compared_types(condition: Condition) -> dict[str, frozenset[JsonType]]:
    """The types that each field is compared with: none for one that is only tested for presence."""
    types: dict[str, frozenset[JsonType]] = {}
    for leaf in leaves(condition):
        types[leaf.field] = types.get(leaf.field, frozenset()) | _types(leaf)
    return types


def holds(leaf: Leaf, types: Mapping[str, frozenset[JsonType]]) -> Expression:
    """Raises UnsayableError."""
    selector(leaf.field)
    match leaf:
        case FieldIsNull(field):
            return either(_absences(field))
        case FieldExists(field):
            return either([*_presence(field, types[field]), Term(field, "IS", "NULL")])
        case _:
            return compares(leaf)


def fails(leaf: Leaf, types: Mapping[str, frozenset[JsonType]]) -> Expression:
    """Raises UnsayableError."""
    selector(leaf.field)
    match leaf:
        case FieldIsNull(field):
            return either(_presence(field, types[field]))
        case FieldExists(field):
            absences = (one for one in _absences(field) if one != Term(field, "IS", "NULL"))
            return either(absences)
        case _:
            others = _of_types(leaf.field, types[leaf.field] - _types(leaf))
            return either([*_absences(leaf.field), *others, *_opposite(leaf)])


def compares(leaf: FieldIs | FieldMatches | FieldCompares | FieldIsBoolean) -> Expression:
    """True of no value but one of the type that the leaf compares with. Raises UnsayableError."""
    selector(leaf.field)
    match leaf:
        case FieldIs(field, texts):
            return either(text_terms(field, text) for text in texts)
        case FieldMatches(field, regex, flags):
            return Term(field, "=", f"%{python_regex(field, regex, flags)}%")
        case FieldCompares(field, order, number):
            return Term(field, order, _number(field, number))
        case FieldIsBoolean(field, value):
            return Term(field, "IS", str(value).upper())


def text_terms(field: str, text: Text) -> Expression:
    """By a regular expression only where quotes cannot say it. Raises UnsayableError."""
    quoted = quoted_text(text)
    if quoted is not None:
        return Term(field, "=", quoted)
    ends = _both_ends(field, text)
    return Term(field, "=", f"%{text_regex(field, text)}%") if ends is None else ends


def quoted_text(text: Text) -> str | None:
    """`*` is a wildcard as the first or the last character, and itself in between."""
    core = text.parts[_begins_open(text) : len(text.parts) - _ends_open(text)]
    if not core:
        return '"*"' if text.parts else None
    words = core[0]
    if len(core) > 1 or isinstance(words, Wildcard):
        return None
    if _UNQUOTABLE.search(words) or "*" in (words[0], words[-1]) or _ignores_case(text, words):
        return None
    return f'"{"*" * _begins_open(text)}{words}{"*" * _ends_open(text)}"'


def _both_ends(field: str, text: Text) -> Expression | None:
    """`a*z` is what begins with a and ends with z, if no end of a is a beginning of z."""
    match text.parts:
        case (str() as first, Wildcard.MANY, str() as last) if not _overlap(first, last):
            begins = quoted_text(Text((first, Wildcard.MANY), text.cased))
            ends = quoted_text(Text((Wildcard.MANY, last), text.cased))
            if begins is not None and ends is not None:
                return every([Term(field, "=", begins), Term(field, "=", ends)])
    return None


def _overlap(first: str, last: str) -> bool:
    return any(first.endswith(last[:length]) for length in range(1, len(last) + 1))


def _begins_open(text: Text) -> bool:
    return any(part is Wildcard.MANY for part in text.parts[:1])


def _ends_open(text: Text) -> bool:
    return len(text.parts) > 1 and text.parts[-1] is Wildcard.MANY


def _ignores_case(text: Text, words: str) -> bool:
    return not text.cased and any(character in ascii_letters for character in words)


def _number(field: str, number: float) -> str:
    if not math.isfinite(number):
        raise UnsayableError(field, f"{number} is no number of JSON's")
    return str(number)


def _types(leaf: Leaf) -> frozenset[JsonType]:
    match leaf:
        case FieldIs() | FieldMatches():
            return frozenset({"string"})
        case FieldCompares():
            return frozenset({"number"})
        case FieldIsBoolean():
            return frozenset({"boolean"})
        case _:
            return frozenset()


def _opposite(
    leaf: FieldIs | FieldMatches | FieldCompares | FieldIsBoolean,
) -> Iterator[Expression]:
    """The other values of the leaf's own type; none beside "any string"."""
    if isinstance(leaf, FieldIs) and any(quoted_text(text) == '"*"' for text in leaf.texts):
        return
    yield _inverted(compares(leaf))


def _inverted(expression: Expression) -> Expression:
    match expression:
        case Every(parts):
            return either(map(_inverted, parts))
        case Either(parts):
            return every(map(_inverted, parts))
        case Term(field, "IS", value):
            return Term(field, "IS", "FALSE" if value == "TRUE" else "TRUE")
        case Term(field, operator, value):
            return Term(field, _OPPOSITES[operator], value)


def _absences(field: str) -> Iterator[Term]:
    steps = field.split(".")
    for length in range(len(steps), 0, -1):
        yield Term(".".join(steps[:length]), "NOT EXISTS")
        yield Term(".".join(steps[:length]), "IS", "NULL")


def _presence(field: str, types: frozenset[JsonType]) -> Iterator[Term]:
    """A value that is not null, of any type where the rule names none."""
    named = types or frozenset(_TYPES)
    yield from _of_types(field, named | {"number"} if "string" in named else named)


def _of_types(field: str, types: frozenset[JsonType]) -> Iterator[Term]:
    match "string" in types, "number" in types:
        case True, True:
            yield Term(field, "=", "*")
        case True, False:
            yield Term(field, "=", '"*"')
        case False, True:
            yield from (Term(field, ">=", "0"), Term(field, "<", "0"))
    if "boolean" in types:
        yield from (Term(field, "IS", "TRUE"), Term(field, "IS", "FALSE"))

"""One filter pattern in front of the finding importer, for all detections that it evaluates.

It holds every record that any of them matches, whatever the types of its fields; the importer
decides. A record too many is work for the importer, so the pattern is as sharp as fits:

1. The union of the conditions without what stands under a negation (ADR 0003) and without tests for
   null and existence, shortened. What no pattern can say is left out; of a text with wildcards in
   the middle its parts are said one by one, without a regular expression.
2. Where that is more than a filter takes (1,024 characters, two regular expressions), wider ones,
   step by step: a step leaves out one part of a conjunction, or says two texts of a field by the
   beginning that they share. Each time it is the step that costs the fewest records for what it
   saves, by estimate; regular expressions beyond two go first. A step that is cheap at first may
   leave no good one for later, so the way is gone several times, with terms weighed as more or
   less selective, and the pattern that is estimated to let through the fewest records is taken.
3. The empty pattern, which every log event matches, where a condition has no part left to say.

A regular expression that fits stays: without it many more records would come, and it costs no more
than one of the five patterns with regular expressions that a log group takes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from os.path import commonprefix

from compiler.cloudwatch.estimate import share
from compiler.cloudwatch.expression import (
    MOST_REGEXES,
    PATTERN_CHARACTERS,
    Either,
    Every,
    Expression,
    Term,
    UnsayableError,
    either,
    every,
    fitting,
    regexes,
    selector,
    spelled,
    written,
)
from compiler.cloudwatch.shortening import shortened
from compiler.cloudwatch.terms import compares, quoted_text, text_terms
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
    Not,
    Text,
    Wildcard,
)
from compiler.detection import Detection

EVERYTHING = ""  # what Terraform's resource takes for it, too
NOTHING = '{ $.eventName IS NULL && $.eventName = "*" }'
_WEIGHTS = (0.6, 0.8, 1.0)


def subscription_pattern(detections: Sequence[Detection]) -> str:
    """At least the records that any of the detections matches."""
    if not detections:
        return NOTHING
    union = _either(_positive(detection.condition, holding=True) for detection in detections)
    return EVERYTHING if union is None else _sharpest(shortened(union))


def _positive(condition: Condition, *, holding: bool) -> Expression | None:
    """What is true at least where the condition holds, or does not; None: nothing is known."""
    match condition:
        case Not(inner):
            return _positive(inner, holding=not holding)
        case AllOf(parts) | AnyOf(parts):
            said = (_positive(part, holding=holding) for part in parts)
            return _every(said) if isinstance(condition, AllOf) is holding else _either(said)
        case FieldIsNull() | FieldExists():
            return None
        case _ if not holding:
            return None
    try:
        return _widened(condition)
    except UnsayableError:
        return None


def _every(said: Iterable[Expression | None]) -> Expression | None:
    parts = [part for part in said if part is not None]
    return every(parts) if parts else None


def _either(said: Iterable[Expression | None]) -> Expression | None:
    parts = list(said)
    known = [part for part in parts if part is not None]
    return either(known) if len(known) == len(parts) else None


def _widened(leaf: FieldIs | FieldMatches | FieldCompares | FieldIsBoolean) -> Expression:
    if isinstance(leaf, FieldIs):
        return either(_widened_text(leaf.field, text) for text in leaf.texts)
    return compares(leaf)


def _widened_text(field: str, text: Text) -> Expression:
    selector(field)
    quoted = [quoted_text(piece) for piece in _pieces(text)]
    said = [Term(field, "=", value) for value in quoted if value is not None]
    if said and len(said) == len(quoted):
        return every(said)
    try:
        return text_terms(field, text)
    except UnsayableError:
        if said:
            return every(said)
        raise


def _pieces(text: Text) -> Iterator[Text]:
    """Each string in it, what stands around it left open."""
    last = len(text.parts) - 1
    for at, part in enumerate(text.parts):
        if not isinstance(part, Wildcard):
            before = () if at == 0 else (Wildcard.MANY,)
            after = () if at == last else (Wildcard.MANY,)
            yield Text((*before, part, *after), text.cased)


@cache
def _sharpest(union: Expression) -> str:
    exact = fitting(union)
    if exact is not None:
        return exact
    wider = [_fitting(union, weight) for weight in _WEIGHTS]
    found = min((one for one in wider if one is not None), key=share, default=None)
    return (found and fitting(found)) or EVERYTHING


def _fitting(union: Expression, weight: float) -> Expression | None:
    while fitting(union) is None:
        step = _cheapest(union, weight)
        if step is None:
            return None
        union = shortened(_replaced(union, step.path, step.after))
    return union


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of the union, found by its indexes from the top, becomes a wider one."""

    path: tuple[int, ...]
    before: Expression
    after: Expression
    cost: float  # the share of all records that comes in addition

    @property
    def characters(self) -> int:
        return len(spelled(self.before)) - len(spelled(self.after))

    @property
    def regexes(self) -> int:
        return len(regexes(self.before)) - len(regexes(self.after))


def _cheapest(union: Expression, weight: float) -> _Step | None:
    """By its cost for each character that is saved, or for each regular expression; none saves."""
    regexes_over = len(regexes(union)) - MOST_REGEXES
    over = (
        regexes_over if regexes_over > 0 else len(written(union, tight=True)) - PATTERN_CHARACTERS
    )
    prices = {}
    for step in _steps(union, weight):
        saved = min(over, step.regexes if regexes_over > 0 else step.characters)
        if saved > 0:
            prices[step] = step.cost / saved
    return min(prices, key=lambda step: prices[step], default=None)


def _steps(
    expression: Expression, weight: float, path: tuple[int, ...] = (), beside: float = 1.0
) -> Iterator[_Step]:
    """`beside` is the share of records that what stands around the expression lets through."""
    match expression:
        case Every(parts):
            for at, part in enumerate(parts):
                others = every(parts[:at] + parts[at + 1 :])
                left = beside * share(others, weight)
                yield _Step(path, expression, others, left * (1 - share(part, weight)))
                yield from _steps(part, weight, (*path, at), left)
        case Either(parts):
            before = share(expression, weight)
            for wider in _with_shared_beginnings(parts):
                yield _Step(path, expression, wider, beside * (share(wider, weight) - before))
            for at, part in enumerate(parts):
                yield from _steps(part, weight, (*path, at), beside)


def _with_shared_beginnings(parts: Sequence[Expression]) -> Iterator[Expression]:
    texts = sorted(
        (part.field, part.value.strip('"').rstrip("*"), at)
        for at, part in enumerate(parts)
        if isinstance(part, Term) and part.operator == "=" and part.value.startswith('"')
    )
    for (field, one, first), (same, other, second) in pairwise(texts):
        beginning = commonprefix([one, other])  # noqa: RUF071  of strings, not of paths
        shared = quoted_text(Text((beginning, Wildcard.MANY))) if beginning else None
        if field == same and shared is not None:
            rest = (part for at, part in enumerate(parts) if at not in {first, second})
            yield either([Term(field, "=", shared), *rest])


def _replaced(expression: Expression, path: tuple[int, ...], part: Expression) -> Expression:
    if not path or isinstance(expression, Term):
        return part
    at, *below = path
    parts = list(expression.parts)
    parts[at] = _replaced(parts[at], tuple(below), part)
    return every(parts) if isinstance(expression, Every) else either(parts)

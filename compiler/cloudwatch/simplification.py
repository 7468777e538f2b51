"""Rewrites a filter pattern into an equivalent one with fewer characters and regexes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from compiler.cloudwatch.expression import (
    Conjunction,
    Disjunction,
    PatternExpression,
    PatternOperator,
    PatternTerm,
    conjunction,
    disjunction,
    format_expression,
)

_VALUE_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")  # true of strings and numbers only


def simplify(expression: PatternExpression) -> PatternExpression:
    """Matches exactly the same records, whatever the types of their fields."""
    before = None
    while before != expression:
        before, expression = expression, _simplify_once(expression)
    return expression


def _simplify_once(expression: PatternExpression) -> PatternExpression:
    match expression:
        case Conjunction(parts):
            possible = _without_contradictions([_simplify_once(part) for part in parts])
            merged = _merge_regexes(possible, "!=")
            return conjunction(_factor_out(Disjunction, _without_implied(merged)))
        case Disjunction(parts):
            merged = _merge_regexes([_simplify_once(part) for part in parts], "=")
            return disjunction(_factor_out(Conjunction, _without_implying(merged)))
        case _:
            return expression


def _without_implied(parts: Sequence[PatternExpression]) -> list[PatternExpression]:
    """The parts of a conjunction: `a && (a || b)` is `a`."""
    kept: list[PatternExpression] = []
    for part in parts:
        if not any(_implies(other, part) for other in kept):
            kept = [other for other in kept if not _implies(part, other)] + [part]
    return kept


def _without_implying(parts: Sequence[PatternExpression]) -> list[PatternExpression]:
    """The parts of a disjunction: `a || a && b` is `a`."""
    kept: list[PatternExpression] = []
    for part in parts:
        if not any(_implies(part, other) for other in kept):
            kept = [other for other in kept if not _implies(other, part)] + [part]
    return kept


def _implies(one: PatternExpression, other: PatternExpression) -> bool:
    """True only if it is certain; False may mean that the rules below do not show it."""
    if one == other:
        return True
    match one, other:
        case PatternTerm(), PatternTerm():
            return _term_implies(one, other)
        case Disjunction(parts), _:
            return all(_implies(part, other) for part in parts)
        case _, Conjunction(parts):
            return all(_implies(one, part) for part in parts)
    return (
        isinstance(other, Disjunction) and any(_implies(one, part) for part in other.parts)
    ) or (isinstance(one, Conjunction) and any(_implies(part, other) for part in one.parts))


def _term_implies(one: PatternTerm, other: PatternTerm) -> bool:
    if one.field != other.field:
        return False
    match one.operator, other.operator:
        case "=", "=":
            return other.value == "*" or _covers(other.value, one.value)
        case "!=", "!=":
            return _covers(one.value, other.value)
    return one.operator in _VALUE_OPERATORS and (other.operator, other.value) == ("=", "*")


def _covers(wide: str, narrow: str) -> bool:
    """Whether one quoted value matches every string that the other one matches."""
    if not wide.startswith('"') or not narrow.startswith('"'):
        return False
    wide, narrow = wide[1:-1], narrow[1:-1]
    match wide.startswith("*"), wide.endswith("*"):
        case True, True:
            return wide[1:-1] in narrow.strip("*")
        case True, False:
            return narrow.endswith(wide[1:]) and not narrow.endswith("*")
        case False, True:
            return narrow.startswith(wide[:-1]) and not narrow.startswith("*")
    return wide == narrow


def _merge_regexes(
    parts: Iterable[PatternExpression], operator: PatternOperator
) -> list[PatternExpression]:
    """`a = %x% || a = %y%` is `a = %x|y%`, and `a != %x% && a != %y%` is `a != %x|y%`."""
    merged: dict[object, PatternExpression] = {}
    for part in parts:
        if isinstance(part, PatternTerm) and part.is_regex and part.operator == operator:
            before = merged.get(part.field)
            start = f"{before.value[:-1]}|" if isinstance(before, PatternTerm) else "%"
            merged[part.field] = PatternTerm(part.field, operator, start + part.value[1:])
        else:
            merged[part] = part
    return list(merged.values())


def _without_contradictions(parts: Sequence[PatternExpression]) -> list[PatternExpression]:
    """Beside `$.a.b = 1`, `$.a NOT EXISTS || $.c = 2` is `$.c = 2`.

    A part of which nothing would remain is kept: the syntax has no constant for false.
    """
    facts = [part for part in parts if isinstance(part, PatternTerm)]
    return [_without_contradicted(part, facts) or part for part in parts]


def _without_contradicted(
    expression: PatternExpression, facts: Sequence[PatternTerm]
) -> PatternExpression | None:
    if isinstance(expression, PatternTerm):
        return None if any(_contradicts(expression, fact) for fact in facts) else expression
    parts = [_without_contradicted(part, facts) for part in expression.parts]
    possible = [part for part in parts if part is not None]
    if isinstance(expression, Conjunction):
        return conjunction(possible) if len(possible) == len(parts) else None
    return disjunction(possible) if possible else None


def _contradicts(absence: PatternTerm, fact: PatternTerm) -> bool:
    """One finds part of the path absent or null, the other finds a value at or below it."""
    if not _is_absence(absence) or fact.operator == "NOT EXISTS":
        return False
    if fact.field == absence.field:
        return not _is_absence(fact) or absence.operator == "NOT EXISTS"
    return fact.field.startswith(f"{absence.field}.")


def _is_absence(term: PatternTerm) -> bool:
    return term.operator == "NOT EXISTS" or term.value == "NULL"


def _factor_out(
    kind: type[Conjunction | Disjunction], parts: Sequence[PatternExpression]
) -> list[PatternExpression]:
    """`a && b || a && c` is `a && (b || c)`, by the factor that saves the most characters.

    `kind` is the type of the parts: Conjunction for the parts of a disjunction, and vice versa.
    """
    shared = Counter(factor for part in parts for factor in _factors(kind, part))
    savings = {
        one: (count - 1) * len(format_expression(one)) for one, count in shared.items() if count > 1
    }
    if not savings:
        return list(parts)
    outer, inner = (conjunction, disjunction) if kind is Conjunction else (disjunction, conjunction)
    factor = max(savings, key=lambda one: savings[one])
    having = [part for part in parts if factor in _factors(kind, part)]
    others = (outer(one for one in _factors(kind, part) if one != factor) for part in having)
    joined = outer([factor, inner(others)])
    rest = [joined if part is having[0] else part for part in parts if part not in having[1:]]
    return _factor_out(kind, rest)


def _factors(
    kind: type[Conjunction | Disjunction], part: PatternExpression
) -> tuple[PatternExpression, ...]:
    return part.parts if isinstance(part, kind) else (part,)

"""The same filter pattern in fewer characters and regular expressions."""

from collections import Counter
from collections.abc import Iterable, Sequence

from compiler.cloudwatch.expression import (
    Either,
    Every,
    Expression,
    Operator,
    Term,
    either,
    every,
    spelled,
)

_VALUES = ("=", "!=", "<", "<=", ">", ">=")  # operators that only a string or a number satisfies


def shortened(expression: Expression) -> Expression:
    """Fits exactly the same records, whatever their types."""
    before = None
    while before != expression:
        before, expression = expression, _once(expression)
    return expression


def _once(expression: Expression) -> Expression:
    match expression:
        case Every(parts):
            possible = _without_contradictions([_once(part) for part in parts])
            return every(_factored(Either, _strongest(_one_regex_a_field(possible, "!="))))
        case Either(parts):
            known = _one_regex_a_field([_once(part) for part in parts], "=")
            return either(_factored(Every, _weakest(known)))
        case _:
            return expression


def _strongest(parts: Sequence[Expression]) -> list[Expression]:
    """`a && (a || b)` is `a`."""
    kept: list[Expression] = []
    for part in dict.fromkeys(parts):
        if not any(_implies(other, part) for other in kept):
            kept = [other for other in kept if not _implies(part, other)] + [part]
    return kept


def _weakest(parts: Sequence[Expression]) -> list[Expression]:
    """`a || a && b` is `a`."""
    kept: list[Expression] = []
    for part in dict.fromkeys(parts):
        if not any(_implies(part, other) for other in kept):
            kept = [other for other in kept if not _implies(other, part)] + [part]
    return kept


def _implies(one: Expression, other: Expression) -> bool:
    """Certainly: False may only mean that it is not seen."""
    if one == other:
        return True
    match one, other:
        case Term(), Term():
            return _term_implies(one, other)
        case Either(parts), _:
            return all(_implies(part, other) for part in parts)
        case _, Every(parts):
            return all(_implies(one, part) for part in parts)
    return (isinstance(other, Either) and any(_implies(one, part) for part in other.parts)) or (
        isinstance(one, Every) and any(_implies(part, other) for part in one.parts)
    )


def _term_implies(one: Term, other: Term) -> bool:
    if one.field != other.field:
        return False
    match one.operator, other.operator:
        case "=", "=":
            return other.value == "*" or _covers(other.value, one.value)
        case "!=", "!=":
            return _covers(one.value, other.value)
    return one.operator in _VALUES and (other.operator, other.value) == ("=", "*")


def _covers(wide: str, narrow: str) -> bool:
    """Every string that fits one quoted value fits the other."""
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


def _one_regex_a_field(parts: Iterable[Expression], operator: Operator) -> list[Expression]:
    """`a = %x% || a = %y%` is `a = %x|y%`, and `a != %x% && a != %y%` is `a != %x|y%`."""
    merged: dict[object, Expression] = {}
    for part in parts:
        if isinstance(part, Term) and part.is_regex and part.operator == operator:
            before = merged.get(part.field)
            known = f"{before.value[:-1]}|" if isinstance(before, Term) else "%"
            merged[part.field] = Term(part.field, operator, known + part.value[1:])
        else:
            merged[part] = part
    return list(merged.values())


def _without_contradictions(parts: Sequence[Expression]) -> list[Expression]:
    """Beside `$.a.b = 1`, `$.a NOT EXISTS || $.c = 2` is `$.c = 2`.

    Where nothing would be left, the part stays: the language has no word for never.
    """
    facts = [part for part in parts if isinstance(part, Term)]
    return [_possible(part, facts) or part for part in parts]


def _possible(expression: Expression, facts: Sequence[Term]) -> Expression | None:
    match expression:
        case Term():
            return None if any(_contradicts(expression, fact) for fact in facts) else expression
        case Every(parts):
            possible = [_possible(part, facts) for part in parts]
            return None if None in possible else every(filter(None, possible))
        case Either(parts):
            left = [part for part in (_possible(part, facts) for part in parts) if part is not None]
            return either(left) if left else None


def _contradicts(absence: Term, fact: Term) -> bool:
    """The one says that a step is absent or null, the other finds something there or below."""
    if not _is_absence(absence) or fact.operator == "NOT EXISTS":
        return False
    if fact.field == absence.field:
        return not _is_absence(fact) or absence.operator == "NOT EXISTS"
    return fact.field.startswith(f"{absence.field}.")


def _is_absence(term: Term) -> bool:
    return term.operator == "NOT EXISTS" or term.value == "NULL"


def _factored(kind: type[Every | Either], parts: Sequence[Expression]) -> list[Expression]:
    """`a && b || a && c` is `a && (b || c)`, by the factor that shortens most.

    Those are parts of an Either, the kind being Every; it is the same the other way round.
    """
    shared = Counter(factor for part in parts for factor in _factors(kind, part))
    gains = {one: (count - 1) * len(spelled(one)) for one, count in shared.items() if count > 1}
    if not gains:
        return list(parts)
    outer, inner = (every, either) if kind is Every else (either, every)
    factor = max(gains, key=lambda one: gains[one])
    having = [part for part in parts if factor in _factors(kind, part)]
    others = (outer(one for one in _factors(kind, part) if one != factor) for part in having)
    joined = outer([factor, inner(others)])
    rest = [joined if part is having[0] else part for part in parts if part not in having[1:]]
    return _factored(kind, rest)


def _factors(kind: type[Every | Either], part: Expression) -> tuple[Expression, ...]:
    return part.parts if isinstance(part, kind) else (part,)

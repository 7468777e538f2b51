"""A condition as alternatives, in each of which every field has one list of tests.

Two tests on one field that must both be true are merged, as no event pattern says them.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce

from compiler.conditions import AllOf, AnyOf, Condition, FieldExists, FieldIsNull, Leaf, Not, leaves
from compiler.detection import Rule
from compiler.errors import DetectionError
from compiler.eventbridge.texts import UnsayableError
from compiler.eventbridge.values import (
    Tests,
    include,
    intersection,
    possible,
    tests_against,
    tests_of,
    union,
)

type Alternative = dict[str, Tests]  # by field; all must be true

COMBINATIONS = 1000  # the most alternatives that EventBridge makes of `$or`
# `exists` and null are tests of leaves, and an object is no leaf: these fields hold objects, or
# arrays of them, where they hold anything.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
OBJECTS = frozenset(
    {
        "additionalEventData",
        "addendum",
        "edgeDeviceDetails",
        "eventContext",
        "insightDetails",
        "requestParameters",
        "resources",
        "responseElements",
        "serviceEventDetails",
        "tlsDetails",
        "userIdentity",
        "userIdentity.onBehalfOf",
        "userIdentity.sessionContext",
        "userIdentity.sessionContext.attributes",
        "userIdentity.sessionContext.sessionIssuer",
        "userIdentity.sessionContext.webIdFederationData",
    }
)


def possible_values(condition: Condition) -> dict[str, Tests]:
    """By field, in the order in which the condition names them."""
    compared: dict[str, list[Leaf]] = {}
    for leaf in leaves(condition):
        compared.setdefault(leaf.field, []).append(leaf)
    return {field: possible(found) for field, found in compared.items()}


def alternatives(detection: Rule) -> list[Alternative]:
    """None where no record can match; one without a field where every record does.

    Raises DetectionError for what cannot be said and for too many of them.
    """
    return _Reader(detection).alternatives(detection.condition, negated=False)


@contextmanager
def refused_for(detection: Rule, field: str) -> Iterator[None]:
    """Says of an UnsayableError what it is about."""
    try:
        yield
    except UnsayableError as error:
        raise DetectionError(detection.name, field, str(error)) from error


class _Reader:
    def __init__(self, detection: Rule) -> None:
        self._detection = detection
        self._possible = possible_values(detection.condition)

    def alternatives(self, condition: Condition, *, negated: bool) -> list[Alternative]:
        match condition:
            case Not(inner):
                return self.alternatives(inner, negated=not negated)
            case AllOf(parts) | AnyOf(parts):
                each = [self.alternatives(part, negated=negated) for part in parts]
                if isinstance(condition, AnyOf) is not negated:
                    return self._simplified(one for listed in each for one in listed)
                return reduce(self._product, each)
            case _:
                return self._leaf(condition, negated=negated)

    def _leaf(self, leaf: Leaf, *, negated: bool) -> list[Alternative]:
        field = leaf.field
        if isinstance(leaf, FieldExists | FieldIsNull) and field in OBJECTS:
            reason = "an event pattern sees whether a scalar is there or null, and this is none"
            raise DetectionError(self._detection.name, field, reason)
        with refused_for(self._detection, field):
            tests = tests_against(leaf) if negated else tests_of(leaf)
            return self._simplified([{field: intersection(tests, self._possible[field])}])

    def _product(
        self, alternatives: Sequence[Alternative], others: Sequence[Alternative]
    ) -> list[Alternative]:
        return self._simplified(
            self._conjunction(one, other) for one in alternatives for other in others
        )

    def _conjunction(self, one: Alternative, other: Alternative) -> Alternative:
        both = {**one, **other}
        for field in one.keys() & other.keys():
            with refused_for(self._detection, field):
                both[field] = intersection(one[field], other[field])
        return both

    def _simplified(self, listed: Iterable[Alternative]) -> list[Alternative]:
        """Those that can be true, and none that another one holds already."""
        merged = _merged([self._telling(one) for one in listed if all(one.values())])
        if len(merged) > COMBINATIONS:
            reason = f"it has {len(merged)} combinations of tests; at most {COMBINATIONS} fit"
            raise DetectionError(self._detection.name, "detection.condition", reason)
        kept: list[Alternative] = []
        for one in map(self._telling, merged):
            if not any(_contains(other, one) for other in kept):
                kept = [other for other in kept if not _contains(one, other)] + [one]
        return kept

    def _telling(self, alternative: Alternative) -> Alternative:
        """Without fields that may hold anything."""
        return {
            field: tests
            for field, tests in alternative.items()
            if not include(tests, self._possible[field])
        }


def _merged(alternatives: Sequence[Alternative]) -> list[Alternative]:
    """Those that differ in one field only are one, with both lists of tests."""
    merged = list(alternatives)
    for field in dict.fromkeys(field for one in alternatives for field in one):
        groups: dict[object, Alternative] = {}
        for one in merged:
            rest = frozenset(without(one, {field}).items())
            key = (field in one, rest)
            if key in groups and field in one:
                tests = union(groups[key][field], one[field])
                groups[key] = {**groups[key], field: tests}
            else:
                groups[key] = one
        merged = list(groups.values())
    return merged


def _contains(wide: Alternative, narrow: Alternative) -> bool:
    return wide.keys() <= narrow.keys() and all(
        include(tests, narrow[field]) for field, tests in wide.items()
    )


def without(alternative: Alternative, fields: Container[str]) -> Alternative:
    return {field: tests for field, tests in alternative.items() if field not in fields}

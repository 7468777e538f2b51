"""Which detections can a record match at all? An index over strings that they cannot do without.

Nearly all records match nothing. Most predicates demand that some field equals one of a few
strings; such a detection is looked at only where a record holds one of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Self

from .cloudtrail import Record
from .fields import LookUp, look_up


@dataclass(frozen=True, slots=True)
class Text:
    """What a field is equal to."""

    path: str
    text: str
    ignore_case: bool  # then the text is in small letters


type Needs = frozenset[Text]  # a record that matches has one of them

# What splits records finest: there are thousands of event names, and root is rare.
_MOST_SELECTIVE = ("eventName", "userIdentity.type")


def needs(node: Any) -> Needs | None:
    """Derive what a compiled predicate's node needs; None where nothing is known.

    An `all` needs what any one child needs: the most selective is taken. An `any` needs what
    its children need, together; a `not` may hold without anything.
    """
    match node:
        case {"all": children}:
            known = [need for child in children if (need := needs(child))]
            return min(known, key=_selectivity, default=None)
        case {"any": children}:
            known = [need for child in children if (need := needs(child))]
            return frozenset().union(*known) if len(known) == len(children) else None
        case {"field": path, "equals": texts}:
            return frozenset(Text(path, text, ignore_case=False) for text in texts)
        case {"field": path, "equals_ignore_case": texts}:
            return frozenset(Text(path, text, ignore_case=True) for text in texts)
    return None


def _selectivity(need: Needs) -> tuple[int, int]:
    """Less is better: the worst of its fields, then the number of texts; ties go to the first."""
    paths = {text.path for text in need}
    ranks = (_MOST_SELECTIVE.index(path) if path in _MOST_SELECTIVE else 2 for path in paths)
    return max(ranks), len(need)


@dataclass(frozen=True, slots=True)
class Index:
    """Numbers of detections, by what they need."""

    always: frozenset[int]  # those of which nothing is known
    by_field: tuple[tuple[LookUp, Mapping[str, frozenset[int]]], ...]

    @classmethod
    def of(cls, needed: Sequence[Needs | None]) -> Self:
        fields: dict[tuple[str, bool], dict[str, frozenset[int]]] = defaultdict(dict)
        for number, need in enumerate(needed):
            for text in sorted(need or (), key=astuple):
                by_text = fields[text.path, text.ignore_case]
                by_text[text.text] = by_text.get(text.text, frozenset()) | {number}
        return cls(
            frozenset(number for number, need in enumerate(needed) if need is None),
            tuple((_look_up(*field), by_text) for field, by_text in fields.items()),
        )

    def candidates(self, record: Record) -> frozenset[int]:
        """All that the record matches, and some that it does not."""
        candidates = self.always
        for value_of, by_text in self.by_field:
            value = value_of(record)
            if type(value) is str and (numbers := by_text.get(value)):
                candidates |= numbers
        return candidates


def _look_up(path: str, ignore_case: bool) -> LookUp:  # noqa: FBT001  # As the key of an index.
    value_of = look_up(path)
    if not ignore_case:
        return value_of

    def in_small_letters(record: Record) -> Any:
        value = value_of(record)
        return value.lower() if type(value) is str else None

    return in_small_letters

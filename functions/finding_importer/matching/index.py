"""An index that selects candidate detections for a record.

Nearly all records match no detection. Most predicates require that a field equals one of a few
strings; such a detection is a candidate only if the record holds one of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Self

from .cloudtrail import FieldReader, Record, field_reader


@dataclass(frozen=True, slots=True)
class RequiredText:
    """A string that a field must equal."""

    path: str
    text: str
    ignore_case: bool  # the text is then in lowercase


type Needs = frozenset[RequiredText]  # a matching record has at least one of them

# There are thousands of event names, and few events of the root user.
_MOST_SELECTIVE = ("eventName", "userIdentity.type")


def needs(node: Any) -> Needs | None:
    """Derive the strings that a predicate node needs, or None if it has no such requirement.

    `all` needs what its most selective child needs. `any` needs the union of its children. `not`
    has no requirement.
    """
    match node:
        case {"all": children}:
            known = [need for child in children if (need := needs(child))]
            return min(known, key=_selectivity, default=None)
        case {"any": children}:
            known = [need for child in children if (need := needs(child))]
            return frozenset().union(*known) if len(known) == len(children) else None
        case {"field": path, "equals": texts}:
            return frozenset(RequiredText(path, text, ignore_case=False) for text in texts)
        case {"field": path, "equals_ignore_case": texts}:
            return frozenset(RequiredText(path, text, ignore_case=True) for text in texts)
    return None


def _selectivity(need: Needs) -> tuple[int, int]:
    """Smaller is more selective: the least selective field, then the number of strings."""
    paths = {text.path for text in need}
    ranks = (_MOST_SELECTIVE.index(path) if path in _MOST_SELECTIVE else 2 for path in paths)
    return max(ranks), len(need)


@dataclass(frozen=True, slots=True)
class DetectionIndex:
    """Indexes of detections by the strings that they need."""

    always: frozenset[int]  # detections without a requirement
    by_field: tuple[tuple[FieldReader, Mapping[str, frozenset[int]]], ...]

    @classmethod
    def of(cls, needed: Sequence[Needs | None]) -> Self:
        fields: dict[tuple[str, bool], dict[str, frozenset[int]]] = defaultdict(dict)
        for position, need in enumerate(needed):
            for text in sorted(need or (), key=astuple):
                by_text = fields[text.path, text.ignore_case]
                by_text[text.text] = by_text.get(text.text, frozenset()) | {position}
        return cls(
            frozenset(position for position, need in enumerate(needed) if need is None),
            tuple((_text_reader(*field), by_text) for field, by_text in fields.items()),
        )

    def candidates(self, record: Record) -> frozenset[int]:
        """Return a superset of the detections that the record matches."""
        candidates = self.always
        for read, by_text in self.by_field:
            value = read(record)
            if type(value) is str and (detections := by_text.get(value)):
                candidates |= detections
        return candidates


def _text_reader(path: str, ignore_case: bool) -> FieldReader:  # noqa: FBT001  # From a key of the index.
    read = field_reader(path)
    if not ignore_case:
        return read

    def read_lowercase(record: Record) -> Any:
        value = read(record)
        return value.lower() if type(value) is str else None

    return read_lowercase

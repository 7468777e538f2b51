"""Which detections does a record match? The detections of detections.json, loaded once."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from ..errors import DetectionsError
from .cloudtrail import Record
from .detection import Detection
from .index import Index, Needs
from .predicate import Predicate


class Rule(Protocol):
    """All that matching asks of a detection."""

    @property
    def matches(self) -> Predicate: ...
    @property
    def needs(self) -> Needs | None: ...


@dataclass(frozen=True, slots=True)
class Ruleset[R: Rule]:
    detections: tuple[R, ...]
    index: Index

    @classmethod
    def of(cls, detections: Sequence[R]) -> Self:
        return cls(tuple(detections), Index.of([detection.needs for detection in detections]))

    @staticmethod
    def load(text: str | bytes) -> "Ruleset[Detection]":
        """Load the text of detections.json; DetectionsError says which entry is wrong and why."""
        try:
            entries = json.loads(text)
        except ValueError as error:
            raise DetectionsError("detections", f"expected JSON: {error}") from error
        if not isinstance(entries, list) or not entries:
            raise DetectionsError("detections", "expected an array of one detection or more")
        detections = [Detection.parse(e, f"detections[{i}]") for i, e in enumerate(entries)]
        name, count = Counter(detection.name for detection in detections).most_common(1)[0]
        if count > 1:
            raise DetectionsError("detections", f"the name {name!r} stands {count} times")
        return Ruleset.of(detections)

    def matching(self, record: Record) -> tuple[R, ...]:
        """In the order of the file."""
        detections = self.detections
        candidates = self.index.candidates(record)
        found = [number for number in candidates if detections[number].matches(record)]
        return tuple(detections[number] for number in sorted(found)) if found else ()

"""Which detections does a record match? The detections of detections.json, loaded once."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from .cloudtrail import Record
from .detection import Detection
from .errors import DetectionsError
from .index import Index


@dataclass(frozen=True, slots=True)
class Ruleset:
    detections: tuple[Detection, ...]
    index: Index

    @classmethod
    def of(cls, detections: Sequence[Detection]) -> Self:
        return cls(tuple(detections), Index.of([detection.needs for detection in detections]))

    @classmethod
    def load(cls, text: str | bytes) -> Self:
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
        return cls.of(detections)

    def matching(self, record: Record) -> tuple[Detection, ...]:
        """In the order of the file."""
        detections = self.detections
        candidates = self.index.candidates(record)
        found = [number for number in candidates if detections[number].matches(record)]
        return tuple(detections[number] for number in sorted(found)) if found else ()

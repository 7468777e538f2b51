"""What is left to do for one finding, as a message of the importer's own queue."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from ..errors import BadJobError, BadRecordError
from ..findings.finding import Finding, HubScope, build
from ..matching.cloudtrail import CloudTrailEvent
from ..matching.detection import Detection

KIND = "finding"


@dataclass(frozen=True, slots=True)
class Job:
    finding: Finding
    # Said before the stand-in is imported, so that it cannot be forgotten; so it may not stand yet.
    stand_in: bool = False

    def with_stand_in(self) -> Self:
        return replace(self, stand_in=True)

    def body(self) -> str:
        """As JSON in ASCII, which SQS takes whatever an attacker wrote into the event."""
        return json.dumps(
            {
                "rootwatch": KIND,
                "detection": self.finding.detection.name,
                "record": self.finding.event.as_record(),
                "stand_in": self.stand_in,
            }
        )

    @classmethod
    def parse(
        cls, message: Mapping[str, Any], detections: Mapping[str, Detection], scope: HubScope
    ) -> Self:
        """BadJobError for a message that `body` did not write, or of a detection that is gone."""
        match message:
            case {"detection": str(name), "record": dict(record), "stand_in": bool(stand_in)}:
                pass
            case _:
                raise BadJobError("expected detection, record and stand_in")
        if name not in detections:
            raise BadJobError(f"detection: expected one that is deployed, found {name!r}")
        try:
            event = CloudTrailEvent.parse(record)
        except BadRecordError as error:
            raise BadJobError(f"record.{error}") from error
        return cls(build(event, detections[name], scope), stand_in)

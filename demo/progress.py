"""What Terraform has done so far, read from its output."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

STEP = re.compile(
    r"(?P<type>\w+)\.\w+ \((?P<path>[^)]+)\): "
    r"(?:(?P<change>Creation|Destruction|Modifications) complete after (?P<duration>\w+)"
    r"|Still (?:creating|destroying|modifying)\.\.\. \[(?P<elapsed>\w+) elapsed\])"
)


@dataclass(frozen=True, slots=True)
class Step:
    type: str  # such as aws_sns_topic
    path: str  # of the construct in its stack
    change: str | None  # Creation, Modifications or Destruction; None while it is in progress
    duration: str | None  # as Terraform prints it
    elapsed: str | None  # so far


@dataclass(slots=True)
class Progress:
    """Counts the completed changes, and passes each step on."""

    on_step: Callable[[Step], None] = lambda _step: None
    done: int = field(default=0)

    def read(self, line: str) -> None:
        match = STEP.search(line)
        if match is None:
            return
        step = Step(**match.groupdict())
        self.done += step.change is not None
        self.on_step(step)

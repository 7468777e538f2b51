"""What Terraform has done so far, read from its output."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

DONE = re.compile(
    r"(?P<type>\w+)\.\w+ \((?P<path>[^)]+)\): "
    r"(?P<change>Creation|Destruction|Modifications) complete after (?P<duration>\w+)"
)


@dataclass(frozen=True, slots=True)
class Step:
    type: str  # as in aws_sns_topic
    path: str  # the construct's place in its stack
    change: str  # Creation, Modifications or Destruction
    duration: str  # as Terraform tells it


@dataclass(slots=True)
class Progress:
    """Tells each resource that is done, and counts them."""

    tell: Callable[[Step], None] = lambda _step: None
    done: int = field(default=0)

    def read(self, line: str) -> None:
        match = DONE.search(line)
        if match:
            self.done += 1
            self.tell(Step(**match.groupdict()))

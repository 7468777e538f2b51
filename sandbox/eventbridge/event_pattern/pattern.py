"""A parsed event pattern and what it does with an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.eventbridge.event_pattern.evaluator import matches
from sandbox.eventbridge.event_pattern.nodes import Group
from sandbox.eventbridge.event_pattern.parser import parse_alternatives


@dataclass(frozen=True, slots=True)
class EventPattern:
    alternatives: tuple[Group, ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """The event as EventBridge delivers it, with its envelope."""
        return any(matches(group, event) for group in self.alternatives)


def parse(text: str) -> EventPattern:
    """Raises EventPatternError."""
    return EventPattern(parse_alternatives(text))

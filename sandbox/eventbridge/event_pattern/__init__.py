"""The event pattern language of EventBridge, at least as strict as AWS reads it."""

from sandbox.eventbridge.event_pattern.errors import EventPatternError
from sandbox.eventbridge.event_pattern.pattern import EventPattern, parse

__all__ = ["EventPattern", "EventPatternError", "parse"]

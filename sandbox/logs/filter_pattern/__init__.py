"""The JSON filter patterns of CloudWatch Logs, at least as strict as AWS."""

from sandbox.logs.filter_pattern.pattern import FilterPattern, parse
from sandbox.logs.filter_pattern.tokens import FilterPatternError

__all__ = ["FilterPattern", "FilterPatternError", "parse"]

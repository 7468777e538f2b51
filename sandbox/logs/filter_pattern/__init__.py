"""The JSON filter pattern language of CloudWatch Logs, at least as strict as AWS reads it."""

from sandbox.logs.filter_pattern.errors import FilterPatternError
from sandbox.logs.filter_pattern.pattern import FilterPattern, parse

__all__ = ["FilterPattern", "FilterPatternError", "parse"]

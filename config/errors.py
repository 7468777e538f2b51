"""Errors in a configuration file: the key, its line, its value and the expected value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A key with an invalid value. `value` is None for a missing key."""

    key: str  # accounts.security, notifications.emails[0], tags["aws:team"]
    line: int  # starts at 1; for a missing key, the line of the mapping that requires it
    value: str | None  # as written in the file
    expected: str

    def __str__(self) -> str:
        found = "missing" if self.value is None else f"got {self.value}"
        return f"{self.key} (line {self.line}): {found}, expected {self.expected}"


class ConfigError(Exception):
    """The configuration file cannot be read, or has the `problems`."""

    def __init__(self, path: Path, reason: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(path, reason, problems)
        self.path = path
        self.reason = reason
        self.problems = problems

    def __str__(self) -> str:
        return "\n  ".join([f"{self.path}: {self.reason}", *map(str, self.problems)])

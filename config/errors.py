"""What is wrong with a config file: where, which value, and what would be right."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One wrong key; its value is as written in the file, None where the key is missing."""

    key: str  # accounts.security, notifications.emails[0], tags["aws:team"]
    line: int  # counted from 1; of the enclosing mapping where the key is missing
    value: str | None
    allowed: str

    def __str__(self) -> str:
        place = f"{self.key} (line {self.line})"
        if self.value is None:
            return f"{place}: missing; needed: {self.allowed}"
        return f"{place}: given {self.value}; allowed: {self.allowed}"


class ConfigError(Exception):
    """A config file that cannot be used: unreadable (no problems), or read and found wrong."""

    def __init__(self, path: Path, reason: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(path, reason, problems)
        self.path = path
        self.reason = reason
        self.problems = problems

    def __str__(self) -> str:
        return "\n  ".join([f"{self.path}: {self.reason}", *map(str, self.problems)])

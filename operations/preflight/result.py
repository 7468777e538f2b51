"""What a check finds, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    MISSING = "missing"
    WARNING = "warning"  # the deployment goes through all the same
    UNKNOWN = "unknown"  # could not be looked at


@dataclass(frozen=True, slots=True)
class Command:
    """A line for a shell in the project's folder."""

    account: str | None  # the one whose administrator runs it; None: it touches no account
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Where there are commands and config lines, both are needed, unless the lines say instead."""

    right: str  # what would be right
    commands: tuple[Command, ...] = ()  # in their order
    some_suffice: bool = False  # a person chooses among the commands
    config: tuple[str, ...] = ()  # lines for the configuration, in YAML
    config_instead: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    status: Status
    detail: str
    remedy: Remedy | None = None


def ok(detail: str) -> Result:
    return Result(Status.OK, detail)


def missing(detail: str, remedy: Remedy) -> Result:
    return Result(Status.MISSING, detail, remedy)


def warning(detail: str, remedy: Remedy) -> Result:
    return Result(Status.WARNING, detail, remedy)


def unknown(detail: str, remedy: Remedy | None = None) -> Result:
    return Result(Status.UNKNOWN, detail, remedy)

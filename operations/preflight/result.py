"""What a check returns, and the report of all checks."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    PASS = "pass"  # noqa: S105  no password
    FAIL = "fail"
    WARN = "warn"  # the deployment succeeds
    ERROR = "error"  # the check did not run


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command, run in the project folder."""

    account: str | None  # its administrator runs the command; None: any
    line: str
    effect: str | None = None  # what it changes that is in use; None: it only reads or adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Commands and config lines are both required, unless they are alternatives."""

    expected: str
    commands: tuple[Command, ...] = ()  # in order
    config: tuple[str, ...] = ()  # lines of YAML for the configuration
    config_is_alternative: bool = False  # to the commands


@dataclass(frozen=True, slots=True)
class CheckResult:
    status: Status
    detail: str  # what the check found
    remedy: Remedy | None = None


def passed(detail: str) -> CheckResult:
    return CheckResult(Status.PASS, detail)


def failed(detail: str, remedy: Remedy) -> CheckResult:
    return CheckResult(Status.FAIL, detail, remedy)


def warned(detail: str, remedy: Remedy) -> CheckResult:
    return CheckResult(Status.WARN, detail, remedy)


def errored(detail: str, remedy: Remedy | None = None) -> CheckResult:
    return CheckResult(Status.ERROR, detail, remedy)


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    title: str
    result: CheckResult


@dataclass(frozen=True, slots=True)
class Report:
    rows: tuple[Row, ...]
    calls: int  # to AWS

    @property
    def is_ok(self) -> bool:
        return not any(row.result.status in {Status.FAIL, Status.ERROR} for row in self.rows)

"""What can go wrong in the importer: its exceptions, and its failures as data."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that could not be done; what is unknown is None."""

    reason: str
    position: int | None = None  # of the log event in its delivery, counted from 0
    event_id: str | None = None
    account: str | None = None
    finding_id: str | None = None

    def __str__(self) -> str:
        named = {
            "log event": self.position,
            "eventID": self.event_id,
            "account": self.account,
            "finding": self.finding_id,
        }
        where = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
        return f"{where}: {self.reason}"


class ImporterError(Exception):
    """The root of the importer's exceptions."""


class EnvironmentVariableError(ImporterError):
    """Variables of the function's environment are missing, blank or malformed."""

    def __init__(self, variables: Sequence[str], expected: str) -> None:
        super().__init__(f"environment variable {', '.join(variables)}: expected {expected}")
        self.variables = tuple(variables)
        self.expected = expected


class DetectionsError(ImporterError):
    """detections.json holds something that the importer does not understand."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class PayloadError(ImporterError):
    """The invocation's event is not a delivery that the importer knows."""


class BadRecordError(ImporterError):
    """A CloudTrail record lacks what a finding cannot be without."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class AccountAccessError(ImporterError):
    """The owning account's role could not be assumed."""

    def __init__(self, account: str, reason: str) -> None:
        super().__init__(f"account {account}: {reason}")
        self.account = account
        self.reason = reason


class NoticeError(ImporterError):
    """The notice could not be published."""


class ImportFailedError(ImporterError):
    """Raised after all else was done, so that Lambda retries or keeps what is left."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__(f"{len(failures)} failed: " + "; ".join(map(str, failures)))
        self.failures = tuple(failures)

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f.account for f in self.failures if f.account))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f.finding_id for f in self.failures if f.finding_id))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(f.reason for f in self.failures)

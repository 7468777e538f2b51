"""What can go wrong in the importer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .findings.refusal import (
        Refusal,  # which imports botocore: `rootwatch detections` needs none of it
    )


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


class BadRecordError(ImporterError):
    """A CloudTrail record lacks what a finding cannot be without."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class BadJobError(ImporterError):
    """A message of the importer's own queue does not say what is left to do."""


class AccountAccessError(ImporterError):
    """The owning account's role could not be assumed."""

    def __init__(self, account: str, refusal: Refusal) -> None:
        super().__init__(f"account {account}: {refusal}")
        self.account = account
        self.refusal = refusal


class NotificationError(ImporterError):
    """The notification could not be published."""


class QueueError(ImporterError):
    """A queue did not take what must not be lost.

    It fails the invocation, so that Lambda repeats it and at last keeps its event.
    """

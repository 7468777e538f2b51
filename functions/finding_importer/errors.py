"""The importer's exceptions."""


class ImporterError(Exception):
    """Base class of the importer's exceptions."""


class InvalidValueError(ImporterError):
    """A value from outside is missing or invalid.

    `key` is its name or path, `got` and `expected` are phrases.
    """

    def __init__(self, key: str, got: str, expected: str) -> None:
        super().__init__(f"{key}: got {got}, expected {expected}")
        self.key = key
        self.got = got
        self.expected = expected


class EnvironmentVariableError(InvalidValueError):
    """An environment variable of the function; `key` lists several if all are missing."""


class DetectionsError(InvalidValueError):
    """An entry of detections.json."""


class InvalidRecordError(InvalidValueError):
    """A field that a finding requires of a CloudTrail record."""


class InvalidJobError(InvalidValueError):
    """A field of a job message in the importer's queue."""


class NotificationError(ImporterError):
    """Amazon SNS rejected the notification."""


class QueueError(ImporterError):
    """Amazon SQS rejected a message that must not be lost.

    The invocation fails, and Lambda retries it or keeps its event.
    """

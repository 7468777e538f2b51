"""Why an event pattern was refused, and where."""


class EventPatternError(ValueError):
    """The pattern is one that PutRule would reject, or one whose meaning AWS does not document.

    `path` is where in the pattern, as in `detail.eventName[1]`; empty for the pattern as a whole.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path else reason)

"""Why a filter pattern was refused, and where."""


class FilterPatternError(ValueError):
    """The pattern is one that PutMetricFilter and PutSubscriptionFilter would reject, or one whose
    meaning AWS does not document.

    `position` is a column counted from 1; one past the end means that something is missing there.
    """

    def __init__(self, *, pattern: str, position: int, reason: str) -> None:
        self.pattern = pattern
        self.position = position
        self.reason = reason
        shown = "".join(char if char.isprintable() else " " for char in pattern)
        caret = " " * (position - 1) + "^"
        super().__init__(f"filter pattern, column {position}: {reason}\n  {shown}\n  {caret}")


class UnsupportedRegexError(ValueError):
    """A `%regex%` outside the documented subset; `offset` counts from 0 after the first `%`."""

    def __init__(self, *, offset: int, reason: str) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(reason)

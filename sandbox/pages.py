"""Long answers in pages, as AWS's list operations give them."""

from collections.abc import Sequence


class BadTokenError(ValueError):
    def __init__(self, token: str) -> None:
        super().__init__(f"{token!r} is no token of a former page")


def page[T](items: Sequence[T], token: str | None, size: int) -> tuple[Sequence[T], str | None]:
    """The items after those of the page that gave the token, and the next one's token."""
    if token and not token.isdecimal():
        raise BadTokenError(token)
    start = int(token or 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else None

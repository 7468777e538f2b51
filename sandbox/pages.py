"""Pages of long lists, as AWS's list operations return them."""

from collections.abc import Sequence


class BadTokenError(ValueError):
    def __init__(self, token: str) -> None:
        super().__init__(f"got {token!r}, expected the token of a previous page")


def page[T](items: Sequence[T], token: str | None, size: int) -> tuple[Sequence[T], str | None]:
    """The items of the page that the token belongs to, and the token of the next page."""
    if token and not token.isdecimal():
        raise BadTokenError(token)
    start = int(token or 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else None

"""What all commands share: their output formats, consoles and errors."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console  # 50 ms, which commands that print JSON do not spend


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


class CommandError(Exception):
    """An error whose message is all that is printed; `status` is the exit status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def console() -> "Console":
    """As wide as the terminal, else 80 columns; with colour on a terminal, unless NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, soft_wrap=False)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(message: str) -> None:
    sys.stderr.write(f"{message}\n")

"""What all commands share: their help, output formats, consoles and errors."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console  # 50 ms, which commands that print JSON do not spend

ROOT = Path(__file__).parents[1]
WRONG_USAGE = "invalid arguments or configuration"
STATUSES = MappingProxyType({0: "success", 2: WRONG_USAGE})


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


class TextFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class CommandError(Exception):
    """An error whose message is all that is printed; `status` is the exit status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def epilog(*examples: str, statuses: Mapping[int, str] = STATUSES) -> str:
    """The end of a command's help; each example is a line of at most 76 characters."""
    escaped = (example.replace("[", "\\[") for example in examples)  # Rich's markup
    lines = ["Examples:", *(f"  {example}" for example in escaped), ""]
    lines += ["Exit status:", *(f"  {status}  {text}" for status, text in statuses.items())]
    return "\n".join(lines)


def console() -> "Console":
    """As wide as the terminal, else 80 columns; colour on a terminal, unless NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(message: str) -> None:
    sys.stderr.write(f"{message}\n")

"""What the demo prints, and whether its checks passed."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status

_COLOURS = {"PASS": "green", "FAIL": "red"}


STEP = re.compile(
    r"(?P<type>\w+)\.\w+ \((?P<path>[^)]+)\): "
    r"(?:(?P<change>Creation|Destruction|Modifications) complete after (?P<duration>\w+)"
    r"|Still (?:creating|destroying|modifying)\.\.\. \[(?P<elapsed>\w+) elapsed\])"
)


@dataclass(frozen=True, slots=True)
class Step:
    type: str  # such as aws_sns_topic
    path: str  # of the construct in its stack
    change: str | None  # Creation, Modifications or Destruction; None while it is in progress
    duration: str | None  # as Terraform prints it
    elapsed: str | None  # so far


@dataclass(slots=True)
class Progress:
    """Counts the completed changes, and passes each step on."""

    on_step: Callable[[Step], None] = lambda _step: None
    done: int = field(default=0)

    def read(self, line: str) -> None:
        match = STEP.search(line)
        if match is None:
            return
        step = Step(**match.groupdict())
        self.done += step.change is not None
        self.on_step(step)


class Screen:
    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True, markup=False)
        self._started = time.monotonic()
        self._status: Status | None = None
        self.passed = True

    def say(self, text: str) -> None:
        self._console.print(text)

    def heading(self, text: str) -> None:
        self._console.print(f"\n== {text}", style="bold")

    def quote(self, text: str) -> None:
        for line in text.splitlines():
            self._console.print(f"  | {line}".rstrip(), style="dim")

    def check(self, claim: str, *, holds: bool) -> None:
        self.passed = self.passed and holds
        result = "PASS" if holds else "FAIL"
        self._console.print(f"  {result}", style=_COLOURS[result], end="")
        self._console.print(f"  {claim}")

    @contextmanager
    def deploying(self) -> Iterator[None]:
        """A terminal also shows which resource takes its time."""
        with self._console.status("cdktf deploy") as self._status:
            yield
        self._status = None

    def step(self, step: Step) -> None:
        seconds = int(time.monotonic() - self._started)
        if step.change is not None:
            line = f"  {seconds // 60}:{seconds % 60:02}  {step.path:48}  {step.type}"
            terminal = self._console.is_terminal  # where a long line is cut
            self._console.print(line, soft_wrap=not terminal, no_wrap=True, overflow="ellipsis")
        elif self._status:
            self._status.update(f"{step.path}: in progress for {step.elapsed}")

"""What the demo prints, and whether its checks passed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from demo.progress import Step

_COLOURS = {"PASS": "green", "FAIL": "red"}


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

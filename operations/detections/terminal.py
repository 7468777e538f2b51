"""What a command reads from and writes to."""

import io
import sys
from dataclasses import dataclass
from typing import Self, TextIO, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    stdin: io.BufferedReader  # bytes: they may be packed
    stdout: TextIO
    stderr: TextIO

    @classmethod
    def of_process(cls) -> Self:
        stdin = cast("io.BufferedReader", sys.stdin.buffer)
        return cls(stdin=stdin, stdout=sys.stdout, stderr=sys.stderr)

    def say(self, text: str) -> None:
        self.stdout.write(f"{text}\n")

    def complain(self, text: str) -> None:
        self.stderr.write(f"{text}\n")

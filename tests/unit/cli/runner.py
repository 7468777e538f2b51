"""The command `rootwatch` in this process, with bytes as its standard input."""

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from typer.testing import CliRunner, Result

from cli.app import app


class _Runner(CliRunner):
    @contextmanager
    def isolation(
        self,
        input: str | bytes | None = None,  # noqa: A002  Typer's name
        env: Mapping[str, str | None] | None = None,
        color: bool = False,  # noqa: FBT001, FBT002  Typer's signature
    ) -> Iterator[Any]:
        """Standard input is a buffered reader, as in a process; Typer's is an io.BytesIO."""
        with super().isolation(env=env, color=color) as streams:
            text = input.encode() if isinstance(input, str) else input or b""
            sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(text)))
            yield streams


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return _Runner().invoke(
        app, arguments, input=stdin, prog_name="rootwatch", catch_exceptions=False
    )

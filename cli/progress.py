"""A progress bar for large input, on standard error."""

import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LARGE_BYTES = 16 * 1024 * 1024
STANDARD_INPUT = "-"


class Reading:
    """Without a bar. Pipes have no size and no position, so they never have one."""

    def at(self, stream: io.BufferedReader) -> None:
        """Show that the stream is read up to its position."""

    def end_of_file(self, path: str) -> None:
        """Show that all of the file is read."""


class _Shown(Reading):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress, self._task = progress, task
        self._before = 0  # bytes of the files before this one

    def at(self, stream: io.BufferedReader) -> None:
        self._progress.update(self._task, completed=self._before + stream.tell())

    def end_of_file(self, path: str) -> None:
        self._before += _size(path) or 0


@contextmanager
def reading(paths: Iterable[str]) -> Iterator[Reading]:
    """A bar where the input is large, standard error is a terminal, and the output is not."""
    sizes = [_size(path) for path in paths]
    total = sum(size for size in sizes if size)
    if None in sizes or total < LARGE_BYTES or not _has_room():
        yield Reading()
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = TextColumn("Reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield _Shown(progress, progress.add_task("", total=total))


def _has_room() -> bool:
    """The bar would mix with lines of output on the same terminal."""
    return sys.stderr.isatty() and not sys.stdout.isatty()


def _size(path: str) -> int | None:
    """None for a pipe or a terminal; 0 where there is no such file, which is reported later."""
    try:
        status = os.fstat(sys.stdin.fileno()) if path == STANDARD_INPUT else Path(path).stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None

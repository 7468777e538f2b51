"""The report for people: a line a check, and beneath what is not as it should be, what mends it."""

import textwrap
from collections.abc import Iterable, Iterator

from operations.preflight import Report, Row
from operations.preflight.result import Remedy, Status

WIDTH = 100
_MARK = max(map(len, Status)) + 2
_STEP = " " * 4
_COLOURS = {Status.OK: 32, Status.MISSING: 31, Status.WARNING: 33, Status.UNKNOWN: 35}
_COUNTED = {
    Status.MISSING: "missing",
    Status.UNKNOWN: "unknown",
    Status.WARNING: "warned of",
    Status.OK: "ok",
}


def table(report: Report, *, coloured: bool) -> str:
    title = max(len(row.check.title) for row in report.rows) + 2
    lines = [line for row in report.rows for line in _row(row, title, coloured=coloured)]
    return "\n".join([*lines, *([""] if lines[-1] else []), _summary(report)])


def _row(row: Row, title: int, *, coloured: bool) -> Iterator[str]:
    result = row.result
    status = result.status
    mark = f"\x1b[{_COLOURS[status]}m{status}\x1b[0m" if coloured else str(status)
    first, *more = _wrapped(result.detail, WIDTH - _MARK - title)
    yield f"{mark}{' ' * (_MARK - len(status))}{row.check.title.ljust(title)}{first}".rstrip()
    yield from (" " * (_MARK + title) + line for line in more)
    if result.remedy:
        yield from _remedy(result.remedy)


def _remedy(remedy: Remedy) -> Iterator[str]:
    """Commands and config lines stand as they are, however long, so that they can be copied."""
    yield from _indented(_wrapped(f"right: {remedy.right}", WIDTH - len(_STEP)), _STEP)
    if remedy.commands:
        yield f"{_STEP}{'some of these commands' if remedy.some_suffice else 'commands'}:"
        yield from _indented((command.line for command in remedy.commands), _STEP * 2)
    if remedy.config:
        link = ("or, " if remedy.config_instead else "and ") if remedy.commands else ""
        yield f"{_STEP}{link}in the configuration:"
        yield from _indented(remedy.config, _STEP * 2)
    yield ""


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _indented(lines: Iterable[str], margin: str) -> Iterator[str]:
    return (margin + line for line in lines)


def _summary(report: Report) -> str:
    statuses = [row.result.status for row in report.rows]
    counted = [
        f"{statuses.count(status)} {text}"
        for status, text in _COUNTED.items()
        if status in statuses
    ]
    return f"{', '.join(counted)}; {report.calls} calls to AWS, none of which changed anything"

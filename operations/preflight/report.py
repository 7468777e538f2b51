"""The report as a table and as JSON, which `check.schema.json` describes."""

import json
from collections import Counter
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from operations.preflight.result import Remedy, Report, Row, Status

STYLES = {Status.FAIL: "red", Status.ERROR: "magenta", Status.WARN: "yellow", Status.PASS: "green"}


def as_json(report: Report) -> str:
    rows = [_row(row) for row in report.rows]
    return json.dumps({"ok": report.is_ok, "checks": rows}, indent=2)


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "status": str(row.result.status),
        "detail": row.result.detail,
        "remedy": row.result.remedy and _remedy(row.result.remedy),
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    commands = [
        {"account": one.account, "command": one.line, "effect": one.effect}
        for one in remedy.commands
    ]
    return {
        "expected": remedy.expected,
        "commands": commands,
        "config": list(remedy.config),
        "config_is_alternative": remedy.config_is_alternative,
    }


def printable(text: str) -> str:
    """With escape sequences for control and format characters, which could forge the output."""
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def print_table(report: Report, console: Console) -> None:
    """A table of all checks, then the remedies, then the number of checks by status."""
    table = Table("Status", "Check", "Found", box=None, pad_edge=False, header_style="bold")
    for row in report.rows:
        status = row.result.status
        table.add_row(
            Text(status, STYLES[status]), Text(row.title), Text(printable(row.result.detail))
        )
    console.print(table)
    for row in report.rows:
        if row.result.remedy:
            _print_remedy(row, row.result.remedy, console)
    console.print()
    console.print(_summary(report))


def _print_remedy(row: Row, remedy: Remedy, console: Console) -> None:
    """Commands and lines of the configuration are not wrapped, so that they can be copied."""
    status = row.result.status
    console.print()
    console.print(Text.assemble((status, STYLES[status]), f"  {row.title}"))
    console.print(Padding(Text(printable(f"expected: {remedy.expected}")), (0, 0, 0, 2)))
    if remedy.commands:
        console.print("  run these commands:")
    for command in remedy.commands:
        if command.effect:
            _print_line(f"    # {command.effect}", console)
        _print_line(f"    {command.line}", console)
    if remedy.config:
        link = ("or " if remedy.config_is_alternative else "and ") if remedy.commands else ""
        console.print(f"  {link}set in the configuration:")
    for line in remedy.config:
        _print_line(f"    {line}", console)


def _print_line(line: str, console: Console) -> None:
    console.print(Text(printable(line)), soft_wrap=True)


def _summary(report: Report) -> Text:
    counts = Counter(row.result.status for row in report.rows)
    counted = [f"{counts[status]} {status}" for status in STYLES if counts[status]]
    return Text(f"{', '.join(counted)}; AWS calls: {report.calls}, all read-only")

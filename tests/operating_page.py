"""The table of the watchdogs in docs/operating.md."""

import re

from docs.generate import ROOT

PAGE = ROOT / "docs" / "operating.md"
# A row: the fault, the alarm, the minutes until it is in ALARM.
ROW = re.compile(r"^\| .* \| `…(?P<name>-[a-z-]+)` \| (?P<minutes>\d+) min\b", re.MULTILINE)


def stated_minutes() -> dict[str, int]:
    """How soon each watchdog detects its fault, by the name of the alarm without its prefix."""
    return {match["name"]: int(match["minutes"]) for match in ROW.finditer(PAGE.read_text("utf-8"))}

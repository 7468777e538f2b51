"""The report for programs: JSON as `check.schema.json` describes it."""

import json
from typing import Any

from operations.preflight import Report, Row
from operations.preflight.result import Remedy


def document(report: Report) -> str:
    rows = [_row(row) for row in report.rows]
    return json.dumps({"ok": report.is_ok, "checks": rows}, indent=2, ensure_ascii=False)


def _row(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "id": row.check.id,
        "title": row.check.title,
        "status": str(result.status),
        "detail": result.detail,
        "remedy": result.remedy and _remedy(result.remedy),
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    commands = [{"account": one.account, "command": one.line} for one in remedy.commands]
    return {
        "right": remedy.right,
        "commands": commands,
        "some_suffice": remedy.some_suffice,
        "config": list(remedy.config),
        "config_instead": remedy.config_instead,
    }

"""The report of the preflight as a table and as JSON."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from operations import preflight
from operations.preflight.report import as_json, print_table
from operations.preflight.result import (
    CheckResult,
    Command,
    Remedy,
    Report,
    Row,
    Status,
    errored,
    failed,
    passed,
    warned,
)

SCHEMA: dict[str, Any] = json.loads(
    Path(preflight.__file__).with_name("check.schema.json").read_text("utf-8")
)
LONG = 'aws iam put-role-policy --policy-document \'{"Version":"2012-10-17"}\' ' + "x" * 100
REMEDY = Remedy(
    expected="trusted access for CloudTrail enabled; " + "an organization trail requires it " * 3,
    commands=(Command("111111111111", LONG), Command(None, "make synth", "Changes a file.")),
    config=("organization:", "  id: o-exampleorgid"),
)
REPORT = Report(
    rows=(
        Row("access.credentials", "credentials", passed("user/deployer")),
        Row("trusted_access.cloudtrail", "trusted access", failed("not enabled", REMEDY)),
        Row(
            "organization.coverage",
            "coverage",
            warned("two words " * 20, Remedy(expected="more")),
        ),
        Row("organization.targets", "targets", errored("skipped: a reason")),
    ),
    calls=42,
)


def printed(report: Report, width: int = 80, **options: Any) -> str:
    output = io.StringIO()
    print_table(report, Console(file=output, width=width, highlight=False, **options))
    return output.getvalue()


def lines_of(remedy: Remedy) -> list[str]:
    """The printed lines of the remedy, without its first two."""
    report = Report(rows=(Row("a.b", "title", failed("detail", remedy)),), calls=1)
    lines = [line.rstrip() for line in printed(report).splitlines()]
    start = lines.index("fail  title", 2)
    return lines[start + 2 : -2]


class TestTable:
    def test_each_check_is_a_row_in_the_order_of_the_report(self) -> None:
        table = printed(REPORT).split("\n\n")[0].splitlines()

        assert table[0].split() == ["Status", "Check", "Found"]
        statuses = [line.split()[0] for line in table[1:] if not line.startswith(" ")]
        assert statuses == ["pass", "fail", "warn", "error"]

    def test_the_columns_are_aligned(self) -> None:
        table = printed(REPORT).split("\n\n")[0].splitlines()
        rows = [line for line in table if not line.startswith(" ")]
        details = ("Found", "user/deployer", "not enabled", "two words", "skipped:")

        assert len({row.index(one) for row, one in zip(rows, details, strict=True)}) == 1

    def test_only_commands_are_wider_than_the_terminal(self) -> None:
        for width in (40, 80, 132):
            lines = printed(REPORT, width).splitlines()

            assert [one.strip() for one in lines if len(one) > width] == [LONG]
            assert all(len(one) == len(one.rstrip()) for one in lines if LONG in one)

    def test_commands_and_config_can_be_copied_line_by_line(self) -> None:
        assert "" not in lines_of(REMEDY)
        assert lines_of(REMEDY)[-7:] == [
            "  run these commands:",
            f"    {LONG}",
            "    # Changes a file.",
            "    make synth",
            "  and set in the configuration:",
            "    organization:",
            "      id: o-exampleorgid",
        ]

    def test_a_remedy_follows_the_table_with_status_title_and_expectation(self) -> None:
        lines = [line.rstrip() for line in printed(REPORT, 132).splitlines()]
        start = lines.index("fail  trusted access")

        assert lines[start - 1] == ""
        assert lines[start + 1].startswith("  expected: trusted access for CloudTrail enabled;")
        warning = lines.index("warn  coverage")
        assert warning > start
        assert lines[warning + 1] == "  expected: more"
        assert "error  targets" not in lines[start:]  # it has no remedy

    @pytest.mark.parametrize(
        ("remedy", "headings"),
        [
            (REMEDY, ["run these commands:", "and set in the configuration:"]),
            (
                replace(REMEDY, config_is_alternative=True),
                ["run these commands:", "or set in the configuration:"],
            ),
            (replace(REMEDY, commands=()), ["set in the configuration:"]),
            (replace(REMEDY, config=()), ["run these commands:"]),
            (replace(REMEDY, config=(), commands=()), []),
        ],
    )
    def test_the_headings_state_what_is_required(self, remedy: Remedy, headings: list[str]) -> None:
        lines = [line.strip() for line in lines_of(remedy)]

        assert [one for one in lines if one.endswith(":") and one != "organization:"] == headings

    def test_the_last_line_counts_the_checks_by_status(self) -> None:
        assert printed(REPORT).splitlines()[-1] == (
            "1 fail, 1 error, 1 warn, 1 pass; AWS calls: 42, all read-only"
        )
        only = Report(rows=(REPORT.rows[0], REPORT.rows[0]), calls=1)
        assert printed(only).splitlines()[-1] == "2 pass; AWS calls: 1, all read-only"

    def test_colour_changes_nothing_else(self) -> None:
        plain = printed(REPORT)
        coloured = printed(REPORT, force_terminal=True, color_system="standard")

        assert "\x1b" not in plain
        for code in (1, 31, 32, 33, 35):
            assert f"\x1b[{code}m" in coloured
            coloured = coloured.replace(f"\x1b[{code}m", "")
        assert coloured.replace("\x1b[0m", "") == plain

    def test_square_brackets_are_text(self) -> None:
        remedy = Remedy(expected="[e]", config=("  targets: [r-exam]",))
        report = Report(rows=(Row("a.b", "[t]", failed("[d]", remedy)),), calls=1)

        output = printed(report)
        assert all(text in output for text in ("[e]", "targets: [r-exam]", "[t]", "[d]"))

    def test_control_and_format_characters_are_escaped(self) -> None:
        text = "Zürich \x1b[2J \u202e \n \x00"
        remedy = Remedy(expected=text, commands=(Command(None, text, text),), config=(text,))
        output = printed(Report(rows=(Row("a.b", "title", failed(text, remedy)),), calls=1), 200)

        assert output.count(r"Zürich \x1b[2J \u202e \n \x00") == 5
        assert all(one.isprintable() for one in output.splitlines())


class TestJson:
    def test_it_contains_results_and_remedies(self) -> None:
        found = json.loads(as_json(REPORT))

        assert found["ok"] is False
        statuses = [check["status"] for check in found["checks"]]
        assert statuses == ["pass", "fail", "warn", "error"]
        assert found["checks"][0]["remedy"] is None
        assert found["checks"][1] == {
            "id": "trusted_access.cloudtrail",
            "title": "trusted access",
            "status": "fail",
            "detail": "not enabled",
            "remedy": {
                "expected": REMEDY.expected,
                "commands": [
                    {"account": "111111111111", "command": LONG, "effect": None},
                    {"account": None, "command": "make synth", "effect": "Changes a file."},
                ],
                "config": ["organization:", "  id: o-exampleorgid"],
                "config_is_alternative": False,
            },
        }

    def test_it_conforms_to_the_schema(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)

        Draft202012Validator(SCHEMA).validate(json.loads(as_json(REPORT)))

    def test_the_schema_rejects_other_documents(self) -> None:
        validator = Draft202012Validator(SCHEMA)

        def is_valid(change: Any) -> bool:
            document = json.loads(as_json(REPORT))
            change(document)
            return validator.is_valid(document)

        assert is_valid(lambda _: None)
        assert not is_valid(lambda one: one.pop("ok"))
        assert not is_valid(lambda one: one.pop("checks"))
        assert not is_valid(lambda one: one.update(more=1))
        assert not is_valid(lambda one: one["checks"][0].update(status="ok"))
        for account in ("1111111111112", "11111111111", "x11111111111"):
            assert not is_valid(
                lambda one, account=account: one["checks"][1]["remedy"]["commands"][0].update(
                    account=account
                )
            )


def test_fail_and_error_fail_the_report() -> None:
    for status, is_ok in {
        Status.PASS: True,
        Status.WARN: True,
        Status.FAIL: False,
        Status.ERROR: False,
    }.items():
        others = (Row("a.b", "a", passed("found")),)
        row = Row("c.d", "c", CheckResult(status, "found"))

        assert Report(rows=(*others, row), calls=1).is_ok is is_ok

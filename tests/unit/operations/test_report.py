"""The report as people and as programs get it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from operations import command
from operations.command.document import document
from operations.command.table import WIDTH, table
from operations.preflight import Report, Row
from operations.preflight.check import Check
from operations.preflight.result import (
    Command,
    Remedy,
    Result,
    Status,
    missing,
    ok,
    unknown,
    warning,
)

SCHEMA: dict[str, Any] = json.loads(
    Path(command.__file__).with_name("check.schema.json").read_text("utf-8")
)
LONG = 'aws iam put-role-policy --policy-document \'{"Version":"2012-10-17"}\' ' + "x" * 100
REMEDY = Remedy(
    right="CloudTrail has trusted access, " + "so that a trail covers all accounts " * 3,
    commands=(Command("111111111111", LONG), Command(None, "make synth")),
    config=("organization:", "  id: o-exampleorgid"),
)


def row(id_: str, title: str, result: Result) -> Row:
    return Row(Check(id_, title, lambda _: result), result)


REPORT = Report(
    rows=(
        row("access.credentials", "credentials", ok("user/deployer")),
        row("trusted_access.cloudtrail", "trusted access", missing("is off", REMEDY)),
        row("organization.coverage", "coverage", warning("two words " * 20, Remedy(right="more"))),
        row("organization.targets", "targets", unknown("not looked at, because so")),
    ),
    calls=42,
)


class TestTable:
    def test_each_check_is_a_line_with_its_status_first_in_their_order(self) -> None:
        lines = table(REPORT, coloured=False).splitlines()

        starts = [line.split()[0] for line in lines if line and not line.startswith(" ")]
        assert starts[:-1] == ["ok", "missing", "warning", "unknown"]

    def test_the_columns_stand_under_each_other(self) -> None:
        lines = table(REPORT, coloured=False).splitlines()
        columns = {
            line.index(text)
            for line in lines
            for text in ("user/deployer", "is off", "two words", "not looked at")
            if text in line and not line.startswith(" ")
        }

        assert len(columns) == 1

    def test_nothing_but_commands_is_wider_than_the_table(self) -> None:
        lines = table(REPORT, coloured=False).splitlines()

        assert [line.strip() for line in lines if len(line) > WIDTH] == [LONG]

    def test_commands_and_config_can_be_copied_line_by_line(self) -> None:
        lines = [line.strip() for line in table(REPORT, coloured=False).splitlines()]

        assert LONG in lines
        assert "make synth" in lines
        start = lines.index("organization:")
        assert lines[start - 1 : start + 2] == [
            "and in the configuration:",
            "organization:",
            "id: o-exampleorgid",
        ]

    @pytest.mark.parametrize(
        ("remedy", "headings"),
        [
            (REMEDY, ["commands:", "and in the configuration:"]),
            (
                replace(REMEDY, config_instead=True),
                ["commands:", "or, in the configuration:"],
            ),
            (replace(REMEDY, commands=()), ["in the configuration:"]),
            (replace(REMEDY, config=(), some_suffice=True), ["some of these commands:"]),
        ],
    )
    def test_what_is_needed_and_what_is_a_choice_is_said(
        self, remedy: Remedy, headings: list[str]
    ) -> None:
        report = Report(rows=(row("a.b", "a", missing("is off", remedy)),), calls=1)
        lines = [line.strip() for line in table(report, coloured=False).splitlines()]

        assert [line for line in lines if line.endswith(":") and "organ" not in line] == headings

    def test_the_last_line_counts(self) -> None:
        assert table(REPORT, coloured=False).splitlines()[-1] == (
            "1 missing, 1 unknown, 1 warned of, 1 ok;"
            " 42 calls to AWS, none of which changed anything"
        )

    def test_colours_are_all_that_they_add(self) -> None:
        plain, coloured = table(REPORT, coloured=False), table(REPORT, coloured=True)

        assert "\x1b" not in plain
        for number in (31, 32, 33, 35):
            coloured = coloured.replace(f"\x1b[{number}m", "")
        assert coloured.replace("\x1b[0m", "") == plain


class TestDocument:
    def test_it_has_what_was_found_and_what_mends_it(self) -> None:
        found = json.loads(document(REPORT))

        assert found["ok"] is False
        assert [check["status"] for check in found["checks"]] == [
            "ok",
            "missing",
            "warning",
            "unknown",
        ]
        assert found["checks"][1] == {
            "id": "trusted_access.cloudtrail",
            "title": "trusted access",
            "status": "missing",
            "detail": "is off",
            "remedy": {
                "right": REMEDY.right,
                "commands": [
                    {"account": "111111111111", "command": LONG},
                    {"account": None, "command": "make synth"},
                ],
                "some_suffice": False,
                "config": ["organization:", "  id: o-exampleorgid"],
                "config_instead": False,
            },
        }

    def test_it_is_as_its_schema_says(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)

        Draft202012Validator(SCHEMA).validate(json.loads(document(REPORT)))

    @pytest.mark.parametrize("key", ["ok", "checks"])
    def test_the_schema_holds_the_shape(self, key: str) -> None:
        found = json.loads(document(REPORT))
        del found[key]

        assert not Draft202012Validator(SCHEMA).is_valid(found)
        assert not Draft202012Validator(SCHEMA).is_valid(json.loads(document(REPORT)) | {"more": 1})


@pytest.mark.parametrize(
    ("status", "is_ok"),
    [
        (Status.OK, True),
        (Status.WARNING, True),
        (Status.MISSING, False),
        (Status.UNKNOWN, False),
    ],
)
def test_what_is_missing_or_unknown_fails(status: Status, *, is_ok: bool) -> None:
    report = Report(rows=(row("a.b", "a", Result(status, "so")),), calls=1)

    assert report.is_ok is is_ok

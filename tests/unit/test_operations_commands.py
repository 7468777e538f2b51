"""The commands that mend: quoted, in the right account and region, Terraform's address found."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from config import Accounts
from operations.preflight.aws_cli import AwsCli, as_json, import_remedy
from tests.unit.operations_answers import LOG_ARCHIVE, MANAGEMENT, MINIMAL, SECURITY

SNAPSHOTS = Path(__file__).parents[1] / "synth" / "snapshots"
CLI = AwsCli(MINIMAL)


@pytest.mark.parametrize(
    ("account", "line"),
    [
        (MANAGEMENT, "aws sts get-caller-identity --region eu-west-1"),
        (SECURITY, "aws sts get-caller-identity --region eu-west-1 --profile security"),
        (LOG_ARCHIVE, "aws sts get-caller-identity --region eu-west-1 --profile log-archive"),
    ],
)
def test_other_accounts_commands_name_the_profiles_of_the_readme(account: str, line: str) -> None:
    command = CLI.command(account, "sts", "get-caller-identity", region="eu-west-1")

    assert (command.account, command.line) == (account, line)


def test_an_account_that_is_also_the_management_account_needs_no_profile() -> None:
    alone = Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT)
    cli = AwsCli(replace(MINIMAL, accounts=alone))

    assert "--profile" not in cli.command(MANAGEMENT, "sts", "get-caller-identity").line


def test_json_survives_the_shell() -> None:
    document = {"Condition": {"StringEquals": {"it's": '$HOME `id` \\ "x"'}}}
    line = CLI.command(MANAGEMENT, "iam", "create-role", "--policy", as_json(document)).line

    assert json.loads(shlex.split(line)[-1]) == document


class TestImport:
    KIND = "aws_cloudtrail_organization_delegated_admin_account"

    def stack(self, root: Path, text: str) -> None:
        folder = root / "cdktf.out" / "stacks" / "organization"
        folder.mkdir(parents=True)
        (folder / "cdk.tf.json").write_text(text, encoding="utf-8")

    @pytest.mark.parametrize(
        "kind",
        [KIND, "aws_securityhub_organization_admin_account", "aws_securityhub_account"],
    )
    def test_the_address_is_that_of_the_synthesized_stack(self, tmp_path: Path, kind: str) -> None:
        text = (SNAPSHOTS / "minimal-organization.json").read_text("utf-8")
        self.stack(tmp_path, text)
        remedy = import_remedy(tmp_path, "organization", kind, SECURITY)

        (name,) = json.loads(text)["resource"][kind]
        assert [one.line for one in remedy.commands] == [
            "make synth",
            "terraform -chdir=cdktf.out/stacks/organization init",
            f"terraform -chdir=cdktf.out/stacks/organization import {kind}.{name} {SECURITY}",
        ]

    def test_the_aggregators_address_is_in_the_other_stack(self, tmp_path: Path) -> None:
        folder = tmp_path / "cdktf.out" / "stacks" / "detection"
        folder.mkdir(parents=True)
        text = (SNAPSHOTS / "minimal-detection.json").read_text("utf-8")
        (folder / "cdk.tf.json").write_text(text, encoding="utf-8")
        remedy = import_remedy(tmp_path, "detection", "aws_securityhub_finding_aggregator", "arn")

        assert "import aws_securityhub_finding_aggregator." in remedy.commands[-1].line

    @pytest.mark.parametrize("text", [None, "", "{}", '{"resource": {"KIND": {"a": {}, "b": {}}}}'])
    def test_without_a_synthesized_stack_that_comes_first(
        self, tmp_path: Path, text: str | None
    ) -> None:
        if text is not None:
            self.stack(tmp_path, text.replace("KIND", self.KIND))
        remedy = import_remedy(tmp_path, "organization", self.KIND, SECURITY)

        assert [one.line for one in remedy.commands] == ["make synth"]
        assert "after this, the check tells how" in remedy.right

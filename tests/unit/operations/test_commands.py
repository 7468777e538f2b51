"""The commands that mend: quoted, in the right account and region, Terraform's address found."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Accounts
from operations.preflight.aws_cli import AwsCli, as_json, import_remedy
from operations.preflight.states import STACKS
from tests.unit.operations.answers import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    write_synthesized,
)

SNAPSHOTS = Path(__file__).parents[2] / "synth" / "snapshots"
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

    @pytest.mark.parametrize(
        "kind",
        [
            KIND,
            "aws_securityhub_organization_admin_account",
            "aws_securityhub_account",
            "aws_securityhub_finding_aggregator",
        ],
    )
    def test_the_address_is_that_of_whichever_stack_has_it(self, tmp_path: Path, kind: str) -> None:
        texts = {
            stack: (SNAPSHOTS / f"minimal-{stack}.json").read_text("utf-8") for stack in STACKS
        }
        (stack,) = (one for one, text in texts.items() if kind in json.loads(text)["resource"])
        text = texts[stack]
        write_synthesized(tmp_path, stack, text)
        remedy = import_remedy(tmp_path, kind, SECURITY)

        (name,) = json.loads(text)["resource"][kind]
        assert remedy.right == f"it is in the state of the stack {stack}"
        assert [one.line for one in remedy.commands] == [
            "make synth",
            f"terraform -chdir=cdktf.out/stacks/{stack} init",
            f"terraform -chdir=cdktf.out/stacks/{stack} import {kind}.{name} {SECURITY}",
        ]

    @pytest.mark.parametrize("text", ["", "{}", '{"resource": {"KIND": {"a": {}, "b": {}}}}'])
    def test_without_a_synthesized_stack_that_comes_first(self, tmp_path: Path, text: str) -> None:
        write_synthesized(tmp_path, "trail", text.replace("KIND", self.KIND))
        self.asserts_that_synth_comes_first(tmp_path)

    def test_what_was_synthesized_before_and_is_no_stack_any_more_does_not_count(
        self, tmp_path: Path
    ) -> None:
        self.asserts_that_synth_comes_first(tmp_path)
        write_synthesized(tmp_path, "former", f'{{"resource": {{"{self.KIND}": {{"a": {{}}}}}}}}')
        self.asserts_that_synth_comes_first(tmp_path)

    def asserts_that_synth_comes_first(self, root: Path) -> None:
        remedy = import_remedy(root, self.KIND, SECURITY)

        assert [one.line for one in remedy.commands] == ["make synth"]
        assert "after this, the check tells how" in remedy.right

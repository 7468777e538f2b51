"""The Terraform runner, with a program in place of Terraform."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations.deployment.terraform import Diagnostic, Terraform, TerraformError

ERROR: dict[str, Any] = {
    "@level": "error",
    "@message": "Error: creating: denied",
    "type": "diagnostic",
    "diagnostic": {
        "severity": "error",
        "summary": "creating: denied",
        "detail": "More text.\n",
        "address": "aws_sns_topic.high",
    },
}
DONE = {
    "@level": "info",
    "@message": "aws_sns_topic.low: Creation complete",
    "type": "apply_complete",
}
OUTPUTS = {"@message": "Outputs: 1", "type": "outputs", "outputs": {"arn": {"value": "a"}}}
WARNING = {**ERROR, "@level": "warn"}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def terraform(tmp_path: Path, said: list[str]) -> Any:
    """A stack whose Terraform prints this text and ends with this status."""

    def created(text: str, status: int = 0, shown: str = "{}") -> Terraform:
        program = tmp_path / "terraform"
        (tmp_path / "text").write_text(text, "utf-8")
        (tmp_path / "shown").write_text(shown, "utf-8")
        program.write_text(
            '#!/bin/sh\necho "$@" >> calls\n'
            f'[ "$1" = show ] && exec cat shown\ncat text; exit {status}\n',
            "utf-8",
        )
        program.chmod(0o755)
        environment = {"TERRAFORM_BINARY_NAME": str(program)}
        return Terraform(stack="trail", folder=tmp_path, environment=environment, say=said.append)

    return created


def lines(*events: Any) -> str:
    return "".join(f"{json.dumps(event)}\n" for event in events)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text("utf-8").splitlines()


def test_a_plan_is_shown_and_saved_with_its_changes(
    terraform: Any, tmp_path: Path, said: list[str]
) -> None:
    changes = [
        {"address": "a.b", "change": {"actions": ["delete", "create"]}},
        {"address": "a.same", "change": {"actions": ["no-op"]}},
        {"address": "data.a.read", "change": {"actions": ["read"]}},
    ]
    shown = json.dumps({"resource_changes": changes})
    plan = terraform("1 to add\n", 2, shown).plan("-destroy")

    assert said == ["1 to add"]
    assert plan.has_changes
    assert plan.changes == {("a.b", ("delete", "create"))}
    first, second = calls(tmp_path)
    assert first.startswith("plan -input=false -detailed-exitcode -out=rootwatch.tfplan -destroy")
    assert second == "show -json rootwatch.tfplan"


def test_a_plan_without_changes(terraform: Any) -> None:
    plan = terraform("No changes.\n").plan()

    assert not plan.has_changes
    assert plan.changes == frozenset()


def test_the_saved_plan_is_applied(terraform: Any, tmp_path: Path, said: list[str]) -> None:
    applied = terraform(lines({"type": "version"}, DONE, OUTPUTS) + "no JSON\n").apply()

    assert calls(tmp_path) == ["apply -input=false -json rootwatch.tfplan"]
    assert said == ["  aws_sns_topic.low: Creation complete"]
    assert applied.outputs == {"arn": "a"}
    assert applied.errors == ()


def test_errors_of_resources_are_shown_and_returned(terraform: Any, said: list[str]) -> None:
    applied = terraform(lines(WARNING, DONE, ERROR), 1).apply()

    assert applied.errors == (
        Diagnostic(summary="creating: denied", detail="More text.", address="aws_sns_topic.high"),
    )
    assert said[-1] == "\nError: creating: denied\n  More text.\n  with aws_sns_topic.high\n"


@pytest.mark.parametrize("command", ["init", "plan", "apply", "state"])
def test_a_failure_of_terraform_itself_is_an_error(terraform: Any, command: str) -> None:
    with pytest.raises(TerraformError, match=f"stack trail: terraform {command} failed"):
        getattr(terraform("broken\n", 1), command)()


def test_a_missing_terraform_is_named(tmp_path: Path) -> None:
    environment = {"TERRAFORM_BINARY_NAME": "no-such-terraform"}
    absent = Terraform(stack="trail", folder=tmp_path, environment=environment, say=print)

    with pytest.raises(TerraformError, match="no-such-terraform is not installed"):
        absent.init()


def test_a_stack_without_a_state_has_an_empty_one(terraform: Any) -> None:
    assert terraform("").state() == {}
    assert terraform('{"resources": []}').state() == {"resources": []}

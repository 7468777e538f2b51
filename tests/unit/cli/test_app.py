"""What holds for every command of `rootwatch`."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperGroup

from cli.app import app
from cli.output import ROOT
from tests.unit.cli.runner import run

HEAVY = ("boto3", "botocore", "moto", "cdktf", "rich")


def _commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, TyperGroup):
            yield from _commands(command, (*path, name))


COMMANDS = [(), *_commands(typer.main.get_group(app))]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert "\\[" not in result.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_and_exit_statuses(command: tuple[str, ...]) -> None:
    group: object = typer.main.get_group(app)
    for name in command:
        assert isinstance(group, TyperGroup)
        group = group.commands[name]
    if command and isinstance(group, TyperGroup):
        return  # its commands have them
    text = run(*command, "--help").stdout

    assert "Examples:\n" in _stripped(text)
    assert "Exit status:\n" in _stripped(text)
    assert f"rootwatch {' '.join(command)}".rstrip() in text


def _stripped(text: str) -> str:
    return "".join(f"{line.strip()}\n" for line in text.splitlines())


@pytest.mark.parametrize("arguments", [[], ["detections"], ["sandbox"], ["config"]])
def test_a_group_without_a_command_prints_its_help(arguments: list[str]) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stderr) == (2, "")
    assert "Usage: rootwatch" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detection"], "rootwatch: No such command 'detection'. Did you mean 'detections'?"),
        (["config", "check", "--fast"], "rootwatch config check: No such option: --fast"),
        (["sandbox", "sign-in"], "rootwatch sandbox sign-in: Missing argument 'ACCOUNT'."),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_commands_load_only_what_they_need() -> None:
    code = (
        "import json, sys; from cli.app import app\n"
        "try: app(['detections', 'match'], prog_name='rootwatch')\n"
        f"except SystemExit: print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )

    done = subprocess.run(  # noqa: S603  our code
        [sys.executable, "-c", code], cwd=ROOT, input="", check=True, capture_output=True, text=True
    )

    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_of_the_launchers_name(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ROOTWATCH_COMPLETE", f"source_{shell}")

    assert "rootwatch" in run().stdout


def test_completion_offers_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ROOTWATCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "./rootwatch detections ")
    monkeypatch.setenv("COMP_CWORD", "2")

    assert run().stdout.split() == ["list", "match", "render", "samples"]

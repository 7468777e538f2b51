"""`rootwatch plan`, `deploy` and `destroy`: what they refuse before they start."""

from pathlib import Path

import pytest

import config
from tests.unit.cli.runner import run

MINIMAL = Path(config.__file__).parent / "minimal.yaml"


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to change, and a folder in which nothing may be synthesized."""
    path = tmp_path / "rootwatch.yaml"
    path.write_text(MINIMAL.read_text("utf-8"), "utf-8")
    monkeypatch.setenv("ROOTWATCH_CONFIG", str(path))
    monkeypatch.setenv("CDKTF_OUTDIR", str(tmp_path / "cdktf.out"))
    return path


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_without_a_terminal_an_approval_needs_an_option(command: str, configuration: Path) -> None:
    configuration.write_text(f"{MINIMAL.read_text('utf-8')}protect: false\n", "utf-8")
    result = run(command)

    assert result.exit_code == 2
    assert "use --auto-approve (make: AUTO_APPROVE=1)" in result.stderr
    assert not (configuration.parent / "cdktf.out").exists()


@pytest.mark.parametrize("command", [["plan"], ["deploy"], ["destroy", "--auto-approve"]])
def test_an_invalid_configuration_is_reported_first(
    command: list[str], configuration: Path
) -> None:
    configuration.write_text("tags: {Project: x}\n", "utf-8")
    result = run(*command)

    assert result.exit_code == 2
    assert 'tags.Project (line 1): got the key "Project"' in result.stderr
    assert not (configuration.parent / "cdktf.out").exists()


def test_a_protected_deployment_is_not_destroyed(configuration: Path) -> None:
    result = run("destroy", "--auto-approve")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-2:] == [
        "  1. set `protect: false` in the configuration and run `make deploy`",
        "  2. run `make destroy`",
    ]
    assert not (configuration.parent / "cdktf.out").exists()

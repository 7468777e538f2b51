"""`rootwatch config check`."""

import json
from pathlib import Path

import pytest

from cli.output import ROOT
from compiler import catalog
from tests.unit.cli.runner import run

MINIMAL = ROOT / "config" / "minimal.yaml"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    text = MINIMAL.read_text("utf-8")
    path.write_text(text.replace("us-east-1", "us-eest-1"), encoding="utf-8")
    return path


@pytest.fixture
def unknown_pack(tmp_path: Path) -> Path:
    path = tmp_path / "unknown.yaml"
    text = MINIMAL.read_text("utf-8")
    path.write_text(f"{text}\ndetections:\n  packs: [cis]\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["minimal", "complete"])
def test_the_examples_are_valid(name: str) -> None:
    path = ROOT / "config" / f"{name}.yaml"

    result = run("config", "check", str(path))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{path}: valid; ")
    assert result.stdout.endswith(f" of {len(catalog.load())} detections enabled\n")


def test_the_file_of_the_environment_is_checked(
    wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOTWATCH_CONFIG", str(wrong))

    result = run("config", "check")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{wrong}: 1 problem\n  home_region (line ")


def test_json_lists_the_enabled_detections_of_a_valid_file() -> None:
    document = json.loads(run("config", "check", str(MINIMAL), "--output", "json").stdout)

    assert (document["path"], document["problems"]) == (str(MINIMAL), [])
    assert "root_console_login_without_mfa" in document["detections"]


def test_json_lists_the_problems_of_a_wrong_file(wrong: Path) -> None:
    result = run("config", "check", str(wrong), "--output", "json")

    [problem] = json.loads(result.stdout)["problems"]
    assert result.exit_code == 2
    assert (problem["key"], problem["value"]) == ("home_region", "us-eest-1")


def test_an_unknown_pack_is_a_problem(unknown_pack: Path) -> None:
    result = run("config", "check", str(unknown_pack), "--output", "json")

    [problem] = json.loads(result.stdout)["problems"]
    assert result.exit_code == 2
    assert problem == {"reason": result.stderr.rstrip("\n")}
    assert "detections.packs" in problem["reason"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    result = run("config", "check", str(tmp_path / "none.yaml"))

    assert result.exit_code == 2
    assert result.stderr.startswith(f"{tmp_path / 'none.yaml'}: does not exist")

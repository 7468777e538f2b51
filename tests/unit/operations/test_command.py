"""`python -m operations check --before`: its arguments, and when nothing could be looked at."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import config
from operations.command import ROOT, main

MINIMAL = Path(config.__file__).parent / "minimal.yaml"
CREDENTIALS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """No credentials, whatever this machine has."""
    for variable in CREDENTIALS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("ROOTWATCH_CONFIG", str(MINIMAL))
    return monkeypatch


def called(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = main(arguments, stdout, stderr)
    return status, stdout.getvalue(), stderr.getvalue()


def test_when_has_to_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        called("check")

    assert raised.value.code == 2
    assert "say when: `check --before`" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("check", "--after"), ("check", "--output", "xml")])
def test_wrong_arguments_are_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        called(*arguments)

    assert raised.value.code == 2
    assert "usage: python -m operations" in capsys.readouterr().err


def test_help_tells_statuses_and_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        called("check", "--help")

    assert raised.value.code == 0
    told = capsys.readouterr().out
    assert all(
        word in told for word in ("missing", "warning", "unknown", "exit status", "changes nothing")
    )


@pytest.mark.parametrize("output", ["table", "json"])
def test_without_credentials_nothing_is_looked_at(nobody: pytest.MonkeyPatch, output: str) -> None:
    nobody.delenv("AWS_ENDPOINT_URL", raising=False)
    status, stdout, stderr = called("check", "--before", "--output", output)

    assert (status, stdout) == (2, "")
    assert "Unable to locate credentials" in stderr
    assert "needed: credentials of an administrator of the management account" in stderr


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_an_address_of_aws_that_is_none_is_told(nobody: pytest.MonkeyPatch, variable: str) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody.setenv(variable, "nonsense")
    status, stdout, stderr = called("check", "--before")

    assert (status, stdout) == (2, "")
    assert "sts: Invalid endpoint: nonsense" in stderr
    assert "needed: AWS_ENDPOINT_URL, where it is set at all, is an address" in stderr


def test_a_profile_that_does_not_exist_is_told(nobody: pytest.MonkeyPatch) -> None:
    nobody.setenv("AWS_PROFILE", "nowhere")
    status, _, stderr = called("check", "--before")

    assert status == 2
    assert "The config profile (nowhere) could not be found" in stderr


def test_a_wrong_config_is_told_in_its_own_words(
    nobody: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = yaml.safe_load(MINIMAL.read_text("utf-8"))
    document["accounts"]["security"] = "33"
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    nobody.setenv("ROOTWATCH_CONFIG", str(path))
    status, stdout, stderr = called("check", "--before", "--output", "json")

    assert (status, stdout) == (2, "")
    assert f"{path}: 1 problem" in stderr
    assert "accounts.security (line" in stderr


def test_a_detection_that_does_not_exist_is_told_as_by_the_deployment(
    nobody: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = yaml.safe_load(MINIMAL.read_text("utf-8"))
    document["detections"] = {"overrides": {"no_such_detection": {"level": "high"}}}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    nobody.setenv("ROOTWATCH_CONFIG", str(path))
    status, _, stderr = called("check", "--before")

    assert status == 2
    assert "no_such_detection" in stderr


def test_a_config_that_does_not_exist_is_told_before_aws_is_loaded(tmp_path: Path) -> None:
    environment = os.environ | {"ROOTWATCH_CONFIG": str(tmp_path / "none.yaml")}
    run = subprocess.run(
        [sys.executable, "-m", "operations", "check", "--before"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert "none.yaml: does not exist" in run.stderr
    assert "Traceback" not in run.stderr


def test_it_loads_nothing_of_cdktf_and_nothing_of_the_sandbox() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, operations.command, operations.preflight; print(*sys.modules)",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert {"operations", "boto3", "config", "modules"} <= loaded
    assert loaded.isdisjoint({"cdktf", "constructs", "jsii", "sandbox", "stacks", "moto"})

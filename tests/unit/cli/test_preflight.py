"""`rootwatch preflight`: its help, and the errors that keep all checks from running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import config
from cli.output import ROOT
from tests.unit.cli import runner

MINIMAL = Path(config.__file__).parent / "minimal.yaml"
CREDENTIALS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Without credentials, whatever the environment of the tests has."""
    for variable in (*CREDENTIALS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("ROOTWATCH_CONFIG", str(MINIMAL))
    return monkeypatch


def preflight(*arguments: str) -> tuple[int, str, str]:
    result = runner.run("preflight", *arguments)
    return result.exit_code, result.stdout, result.stderr


def test_invalid_arguments_are_rejected() -> None:
    for arguments in (("now",), ("--after",), ("--output", "xml")):
        status, stdout, stderr = preflight(*arguments)

        assert (status, stdout) == (2, "")
        assert "Try `rootwatch preflight --help`" in stderr


def test_help_documents_statuses_and_exit_statuses() -> None:
    status, stdout, _ = preflight("--help")

    assert status == 0
    words = ("pass ", "fail ", "warn ", "error ", "Exit status", "read-only", "Examples")
    assert all(word in stdout for word in words)


@pytest.mark.usefixtures("environment")
def test_without_credentials_no_check_runs() -> None:
    for output in ("table", "json"):
        status, stdout, stderr = preflight("--output", output)

        assert (status, stdout) == (2, "")
        assert "Unable to locate credentials" in stderr
        assert "expected: credentials of an administrator of the management account" in stderr


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_an_invalid_endpoint_is_reported(environment: pytest.MonkeyPatch, variable: str) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment.setenv(variable, "nonsense")
    status, stdout, stderr = preflight()

    assert (status, stdout) == (2, "")
    assert "sts: Invalid endpoint: nonsense" in stderr
    assert "expected: AWS_ENDPOINT_URL is not set, or is a URL" in stderr


def test_a_profile_that_does_not_exist_is_reported(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "nowhere")
    status, _, stderr = preflight()

    assert status == 2
    assert "The config profile (nowhere) could not be found" in stderr


def test_an_invalid_config_is_reported(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    for account in ("33", "3333333333333"):
        document = yaml.safe_load(MINIMAL.read_text("utf-8"))
        document["accounts"]["security"] = account
        path.write_text(yaml.safe_dump(document), "utf-8")
        environment.setenv("ROOTWATCH_CONFIG", str(path))
        status, stdout, stderr = preflight("--output", "json")

        assert (status, stdout) == (2, "")
        assert f"{path}: 1 problem" in stderr
        assert "accounts.security (line" in stderr


def test_an_unknown_detection_is_reported_as_by_the_deployment(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = yaml.safe_load(MINIMAL.read_text("utf-8"))
    document["detections"] = {"overrides": {"no_such_detection": {"level": "high"}}}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    environment.setenv("ROOTWATCH_CONFIG", str(path))
    status, _, stderr = preflight()

    assert status == 2
    assert "no_such_detection" in stderr


def test_a_config_that_does_not_exist_is_reported_without_a_traceback(tmp_path: Path) -> None:
    environment = os.environ | {"ROOTWATCH_CONFIG": str(tmp_path / "none.yaml")}
    run = subprocess.run(
        [sys.executable, "-m", "cli", "preflight"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert "none.yaml: does not exist" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_preflight_imports_neither_cdktf_nor_the_sandbox() -> None:
    script = "import sys, cli.preflight, operations.preflight.report; print(*sys.modules)"
    run = subprocess.run(  # noqa: S603  the script above
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert {"operations", "boto3", "config", "modules"} <= loaded
    assert loaded.isdisjoint({"cdktf", "constructs", "jsii", "sandbox", "stacks", "moto"})

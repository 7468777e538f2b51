"""The program `main.py`: its errors, its output, and that Terraform accepts the output."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import main
from tests.synth.conftest import EXAMPLES, ROOT, Synthesis, copy_app, run_app, stacks_of

MINIMAL: dict[str, Any] = yaml.safe_load((ROOT / "config" / "minimal.yaml").read_text("utf-8"))
WRONG = MINIMAL | {
    "home_region": "us-gov-west-1",
    "home_regoin": "us-east-1",
    "accounts": {"management": "1", "log_archive": "222222222222"},
    "notifications": {"emails": ["nobody"]},
}

UNSUPPORTED: dict[str, Any] = {
    "title": "A download by a command line program",
    "id": "7f0b3c55-0f0e-4a7c-8a77-2a5b1f3c9d10",
    "status": "test",
    "description": "The filter pattern language has no alternatives in regular expressions.",
    "level": "low",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {"matching": {"userAgent|re": "(curl|wget)"}, "condition": "matching"},
}


def write(folder: Path, text: str) -> Path:
    path = folder / "wrong.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_app_prints_every_problem_with_its_key_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(WRONG))
    working, output = tmp_path / "working", tmp_path / "cdktf.out"
    working.mkdir()

    run = run_app(ROOT, path, output, working)

    assert run.returncode == 2
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    assert list(working.iterdir()) == []
    assert not output.exists()
    assert str(path) in run.stderr
    for key in (
        "home_region",
        "home_regoin",
        "accounts.management",
        "accounts.security",
        "notifications.emails[0]",
    ):
        assert f"{key} (line " in run.stderr, run.stderr


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], str]:
    """Runs the program in this process, in an empty folder that it must leave empty."""

    def run(path: Path) -> str:
        working = tmp_path / "working"
        working.mkdir()
        monkeypatch.chdir(working)
        monkeypatch.setenv("ROOTWATCH_CONFIG", str(path))
        assert main.main() == 2
        assert list(working.iterdir()) == []
        written = capsys.readouterr()
        assert written.out == ""
        return written.err

    return run


def test_invalid_yaml_is_reported_with_its_line(
    tmp_path: Path, printed: Callable[[Path], str]
) -> None:
    path = write(tmp_path, "partition: aws\nhome_region: [us-east-1\n")
    text = printed(path)

    assert str(path) in text
    assert "not valid YAML" in text
    assert "line" in text


def test_a_missing_file_is_reported_with_the_first_step(
    tmp_path: Path, printed: Callable[[Path], str]
) -> None:
    text = printed(tmp_path / "absent.yaml")

    assert str(tmp_path / "absent.yaml") in text
    assert "does not exist" in text
    assert "cp config/minimal.yaml config/rootwatch.yaml" in text


def test_the_app_prints_an_unsupported_condition_and_exits_with_2(tmp_path: Path) -> None:
    root, output = tmp_path / "project", tmp_path / "cdktf.out"
    copy_app(root)
    folder = root / "detections" / "command_line_download"
    folder.mkdir()
    (folder / "rule.yml").write_text(yaml.safe_dump(UNSUPPORTED), "utf-8")

    run = run_app(root, root / "config" / "minimal.yaml", output, root)

    assert run.returncode == 2
    assert "detection command_line_download: userAgent: " in run.stderr
    assert "Traceback" not in run.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        (
            {"packs": ["cis_aws_foundation"]},
            (
                "detections.packs: got cis_aws_foundation, expected a name in the catalog:"
                " did you mean cis_aws_foundations?"
            ),
        ),
        (
            {"overrides": {"root_activty": {"enabled": False}}},
            (
                "detections.overrides: got root_activty, expected a name in the catalog:"
                " did you mean root_activity?"
            ),
        ),
    ],
)
def test_an_unknown_pack_or_detection_ends_the_synthesis(
    tmp_path: Path, printed: Callable[[Path], str], detections: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, yaml.safe_dump(MINIMAL | {"detections": detections}))

    assert printed(path).strip() == message


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_app_writes_the_same_bytes_from_a_copy_in_another_folder(
    synthesize: Callable[[str], Synthesis], tmp_path: Path
) -> None:
    copy_app(tmp_path / "copy")
    path = tmp_path / "copy" / "config" / "complete.yaml"

    run = run_app(tmp_path / "copy", path, tmp_path / "elsewhere", tmp_path, hash_seed="4711")

    assert run.returncode == 0, run.stderr
    assert tree(tmp_path / "elsewhere") == tree(synthesize("complete").folder)


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(  # noqa: S603  our own arguments
        ["terraform", *arguments],  # noqa: S607  as found on the PATH
        cwd=folder,
        env={
            **inherited,
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(ROOT / "build" / "terraform.rc"),
        },
        check=False,
        capture_output=True,
        text=True,
    )


def test_terraform_validates_every_stack(
    synthesize: Callable[[str], Synthesis], tmp_path: Path
) -> None:
    """As modules of one configuration, since Terraform starts the provider once for each."""
    stacks = [
        synthesize(name).stack(stack)
        for name in (*EXAMPLES, "elsewhere")
        for stack in stacks_of(name)
    ]
    modules = {}
    for number, stack in enumerate(stacks):
        document = json.loads(json.dumps(stack.document))
        del document["terraform"]["backend"]  # of the root module only; `validate` ignores it
        folder = shutil.copytree(stack.folder, tmp_path / f"{stack.name}_{number}")
        (folder / "cdk.tf.json").write_text(json.dumps(document), "utf-8")
        modules[folder.name] = {"source": f"./{folder.name}"}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": modules}), "utf-8")

    initialized = terraform(tmp_path, "init", "-backend=false", "-input=false", "-no-color")
    validated = terraform(tmp_path, "validate", "-json")

    assert len(modules) == 8
    assert initialized.returncode == 0, initialized.stdout + initialized.stderr
    report = json.loads(validated.stdout)
    assert report["valid"] is True, validated.stdout
    assert report["diagnostics"] == []

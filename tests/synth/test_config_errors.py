"""A wrong config ends the synth with everything that is wrong, and leaves nothing behind."""

from pathlib import Path
from typing import Any

import yaml

from tests.synth.conftest import ROOT, run_app

MINIMAL: dict[str, Any] = yaml.safe_load((ROOT / "config" / "minimal.yaml").read_text("utf-8"))
WRONG = MINIMAL | {
    "home_region": "us-gov-west-1",
    "home_regoin": "us-east-1",
    "accounts": {"management": "1", "log_archive": "222222222222"},
    "notifications": {"emails": ["nobody"]},
}


def refusal(config_file: Path, tmp_path: Path) -> str:
    """What the person at the terminal reads."""
    working, output = tmp_path / "working", tmp_path / "cdktf.out"
    working.mkdir()

    run = run_app(ROOT, config_file, output, working)

    assert run.returncode == 2
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    assert str(config_file) in run.stderr
    assert list(working.iterdir()) == []
    assert not output.exists()
    return run.stderr


def test_every_problem_is_told_at_once_with_its_key_and_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(WRONG), "utf-8")

    message = refusal(path, tmp_path)

    for key in (
        "home_region",
        "home_regoin",
        "accounts.management",
        "accounts.security",
        "notifications.emails[0]",
    ):
        assert f"{key} (line " in message, message


def test_text_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("partition: aws\nhome_region: [us-east-1\n", "utf-8")

    message = refusal(path, tmp_path)

    assert "not valid YAML" in message
    assert "line" in message


def test_a_missing_config_says_how_to_start(tmp_path: Path) -> None:
    message = refusal(tmp_path / "absent.yaml", tmp_path)

    assert "does not exist" in message
    assert "cp config/minimal.yaml config/rootwatch.yaml" in message

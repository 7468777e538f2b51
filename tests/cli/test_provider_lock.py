"""The checksums of `.terraform.lock.hcl`, with the real Terraform."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from cli.output import ROOT

LOCK = ROOT / ".terraform.lock.hcl"
PIN = ROOT / "toolchain" / "pin-provider.sh"
SNAPSHOTS = ROOT / "tests" / "synth" / "snapshots"
REQUIRED = {"aws": {"source": "aws", "version": "5.100.0"}}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A synthesized stack that only requires the provider."""
    folder = tmp_path / "stacks" / "trail"
    folder.mkdir(parents=True)
    document = {"terraform": {"required_providers": REQUIRED}}
    (folder / "cdk.tf.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def pin(stack: Path, system: str) -> None:
    """Run it on the machine that `uname` names."""
    programs = stack.parents[1] / "programs"
    programs.mkdir()
    uname = programs / "uname"
    uname.write_text(
        f'#!/bin/sh\nset -- {system} "$1"\n[ "$3" = -s ] && echo "$1" || echo "$2"\n',
        encoding="utf-8",
    )
    uname.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run([PIN, stack.parents[1]], env=environment, check=True)  # noqa: S603  ours


def init(stack: Path) -> subprocess.CompletedProcess[str]:
    """Without a CLI configuration, as in a shell where nothing is activated."""
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        ["terraform", "init", "-no-color", "-input=false"],  # noqa: S607  as found on the PATH
        cwd=stack,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_deployment_verifies_the_checksum(stack: Path) -> None:
    pin(stack, "Linux x86_64")

    result = init(stack)

    assert result.returncode == 0, result.stderr
    assert (stack / ".terraform.lock.hcl").read_text("utf-8") == LOCK.read_text("utf-8")


def test_a_wrong_checksum_fails_the_deployment(stack: Path) -> None:
    pin(stack, "Linux x86_64")
    lock = re.sub('"h1:.{43}=', f'"h1:{"A" * 43}=', LOCK.read_text("utf-8"))
    (stack / ".terraform.lock.hcl").write_text(lock, encoding="utf-8")

    result = init(stack)

    assert result.returncode == 1
    assert "doesn't match any of the\nchecksums" in result.stderr


def test_other_platforms_have_no_checksum_to_verify(stack: Path) -> None:
    pin(stack, "Darwin arm64")

    assert not (stack / ".terraform.lock.hcl").exists()


def test_the_lock_file_has_the_version_that_the_stacks_require() -> None:
    """With another version `cdktf deploy` would upgrade, and ignore the checksum."""
    locked = dict(
        re.findall(r'^ *(version|constraints) += "(.*)"', LOCK.read_text("utf-8"), re.MULTILINE)
    )

    for snapshot in SNAPSHOTS.glob("*.json"):
        terraform = json.loads(snapshot.read_text("utf-8"))["terraform"]
        assert terraform["required_providers"] == REQUIRED
    assert set(locked.values()) == {REQUIRED["aws"]["version"]}

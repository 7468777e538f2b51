"""Each configuration is synthesized once in a session, in this process; the tests only read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from compiler import catalog
from compiler.detection import Detection
from config.loader import load
from config.settings import Settings
from stacks import app
from tests.synth.terraform_json import Resource, Stack, read_stack, rendered, unescaped

ROOT = Path(config.__file__).parents[1]
EXAMPLES = ("minimal", "complete")
MEMBER = "444444444444"
ONE_ACCOUNT = "111111111111"
VARIANTS: dict[str, dict[str, Any]] = {
    # One account for everything, the state in S3, and no protection from deletion. The management
    # account cannot be the administrator of Security Hub's central configuration.
    "one_account": {
        "protect": False,
        "accounts": dict.fromkeys(("management", "log_archive", "security"), ONE_ACCOUNT),
        "security_hub": {"managed": False},
        "state": {
            "backend": "s3",
            "bucket": "example-terraform-state",
            "region": "eu-west-1",
            "kms_key_id": "alias/terraform-state",
        },
    },
    "govcloud": {
        "detections": {
            "overrides": {
                "root_console_login_with_mfa": {"enabled": False},
                "root_activity": {"level": "critical", "priority": "high"},
            }
        },
        "partition": "aws-us-gov",
        "home_region": "us-gov-west-1",
        "organization": {
            "id": "o-exampleorgid",
            "targets": ["ou-exam-11111111", "ou-exam-22222222"],
        },
        "deployment_role": "deployer",
        "retention": {"bucket_days": 90},
        "security_hub": {"managed": False},
    },
    # Another home Region than the one that records root sign-ins, an existing trail, and Security
    # Hub enabled in accounts that join.
    "elsewhere": {
        "home_region": "eu-central-1",
        "organization": {
            "id": "o-exampleorgid",
            "targets": ["ou-exam-11111111", "ou-exam-22222222"],
            "excluded_accounts": ["666666666666", "555555555555"],
        },
        "trail": {
            "managed": False,
            "name": "aws-controltower-BaselineCloudTrail",
            "log_group": "aws-controltower/CloudTrailLogs",
            "bucket": "aws-controltower-logs-222222222222-eu-central-1",
        },
        "stack_set": {
            "retain_stacks_on_account_removal": True,
            "failure_tolerance_percentage": 10,
            "max_concurrent_percentage": 20,
        },
        "security_hub": {"managed": True, "configuration": "local", "linked_regions": "all"},
    },
}
WITHOUT_A_TRAIL = {"elsewhere"}
STACKS = ("trail", "detection", "organization", "security_hub")  # in the order of deployment
APP = ("main.py", "compiler", "config", "detections", "functions", "modules", "stacks")


@dataclass(frozen=True, slots=True)
class Synthesis:
    config: str
    settings: Settings
    detections: Sequence[Detection]  # the enabled ones
    folder: Path
    stacks: Mapping[str, Stack]

    def stack(self, name: str) -> Stack:
        return self.stacks[name]


def run_app(
    root: Path, config_file: Path, output: Path, working: Path, hash_seed: str = "random"
) -> subprocess.CompletedProcess[str]:
    """Run `main.py` of the project in `root` as `cdktf synth` does, without inherited settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CDKTF_", "ROOTWATCH_", "TF_"))
    }
    return subprocess.run(  # noqa: S603  our own program
        [sys.executable, str(root / "main.py")],
        cwd=working,
        env={
            **inherited,
            "CDKTF_OUTDIR": str(output),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20",
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": str(root),
            "ROOTWATCH_CONFIG": str(config_file),
        },
        check=False,
        capture_output=True,
        text=True,
    )


def copy_app(folder: Path) -> None:
    """The files of the app, without their times."""
    folder.mkdir()
    for name in APP:
        if (source := ROOT / name).is_dir():
            shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, folder / name)


def config_path(name: str, folder: Path) -> Path:
    """The file of an example, or of a variant of the minimal configuration in `folder`."""
    if name in EXAMPLES:
        return ROOT / "config" / f"{name}.yaml"
    minimal = yaml.safe_load((ROOT / "config" / "minimal.yaml").read_text("utf-8"))
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(minimal | VARIANTS[name]), "utf-8")
    return path


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Synthesis]:
    @cache
    def synthesized(name: str) -> Synthesis:
        working = tmp_path_factory.mktemp(name)
        path = config_path(name, working)
        output = working / "cdktf.out"
        settings = load(path)
        detections = catalog.enabled(settings)
        app.synthesize(settings, detections, output)
        stacks = {stack: read_stack(output / "stacks" / stack) for stack in stacks_of(name)}
        return Synthesis(name, settings, detections, output, stacks)

    return synthesized


def stacks_of(name: str) -> list[str]:
    return [stack for stack in STACKS if stack != "trail" or name not in WITHOUT_A_TRAIL]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a stack runs for each configuration that has the stack."""
    names = [*EXAMPLES, *VARIANTS]
    if "stack" in metafunc.fixturenames:
        pairs = [(name, stack) for name in names for stack in stacks_of(name)]
        metafunc.parametrize(("synthesis", "stack"), pairs, indirect=True, scope="session")
    elif "synthesis" in metafunc.fixturenames:
        having = [name for name in names if "trail" in stacks_of(name)]
        asked = having if "trail" in metafunc.fixturenames else names
        metafunc.parametrize("synthesis", asked, indirect=True, scope="session")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, synthesis: Synthesis) -> Stack:
    return synthesis.stack(request.param)


@pytest.fixture(scope="session")
def synthesis(request: pytest.FixtureRequest, synthesize: Callable[[str], Synthesis]) -> Synthesis:
    return synthesize(request.param)


@pytest.fixture
def settings(synthesis: Synthesis) -> Settings:
    return synthesis.settings


@pytest.fixture
def organization(synthesis: Synthesis) -> Stack:
    return synthesis.stack("organization")


@pytest.fixture
def trail(synthesis: Synthesis) -> Stack:
    return synthesis.stack("trail")


@pytest.fixture
def detection(synthesis: Synthesis) -> Stack:
    return synthesis.stack("detection")


@pytest.fixture
def security_hub(synthesis: Synthesis) -> Stack:
    return synthesis.stack("security_hub")


@pytest.fixture
def member_template(organization: Stack, settings: Settings) -> dict[str, Any]:
    """The properties of the template's resources in a member account, by name."""
    stack_set = organization.only("aws_cloudformation_stack_set")
    values = {
        **stack_set["parameters"],
        "AWS::AccountId": MEMBER,
        "AWS::Partition": settings.partition,
        "AWS::Region": organization.only("aws_cloudformation_stack_set_instance")["region"],
    }
    body = unescaped(stack_set["template_body"])
    return {
        name: resource["Properties"]
        for name, resource in rendered(body, values)["Resources"].items()
    }


@pytest.fixture
def bucket(trail: Stack) -> Resource:
    return trail.only("aws_s3_bucket")


@pytest.fixture
def delivery_role(trail: Stack) -> Resource:
    return trail.follow(trail.only("aws_cloudtrail")["cloud_watch_logs_role_arn"], "arn")


@pytest.fixture
def delivery_policy(trail: Stack, delivery_role: Resource) -> Resource:
    [policy] = trail.pointing_to("aws_iam_role_policy", "role", delivery_role)
    return policy

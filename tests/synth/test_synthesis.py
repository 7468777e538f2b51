"""What holds for every stack: accounts, state, names, least privilege and valid Terraform."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler import selection
from config.settings import S3State, Settings
from tests.synth.conftest import EXAMPLES, ROOT, STACKS, Synthesis, copy_app, run_app, stacks_of
from tests.synth.terraform_json import Stack, allowing, listed, policy_texts, statements

# Scripts rely on these names: a change is a breaking change.
OUTPUTS = {
    "organization": {"member_role_name", "member_stack_set_name"},
    "trail": {"trail_arn", "trail_bucket_name", "trail_key_arn", "trail_log_group_name"},
    "detection": {
        "finding_importer_arn",
        "finding_importer_queue_arn",
        "dead_letter_queue_arn",
        "event_bus_arn",
        "high_priority_topic_arn",
        "low_priority_topic_arn",
        "root_console_login_without_mfa_alarm_arn",
    },
}
OF_A_DETECTION = "_alarm_arn"  # what the output of a detection's alarm ends with


@pytest.fixture(scope="session")
def initialized(
    synthesize: Callable[[str], Synthesis], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder in which `terraform init` has installed the provider that all stacks use."""
    folder = tmp_path_factory.mktemp("initialized")
    source = synthesize(EXAMPLES[0]).folder / "stacks" / STACKS[0]
    shutil.copytree(source, folder, dirs_exist_ok=True)
    done = terraform(folder, {}, "init", "-backend=false", "-input=false", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def terraform(
    folder: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(  # noqa: S603  our own arguments
        ["terraform", *arguments],  # noqa: S607  as found on the PATH
        cwd=folder,
        env={
            **inherited,
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(ROOT / "build" / "terraform.rc"),
            **environment,
        },
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("config_name", "stack_name"),
    [(name, stack) for name in (*EXAMPLES, "elsewhere") for stack in stacks_of(name)],
)
def test_terraform_finds_every_stack_valid(
    synthesize: Callable[[str], Synthesis],
    initialized: Path,
    tmp_path: Path,
    config_name: str,
    stack_name: str,
) -> None:
    source = synthesize(config_name).folder / "stacks" / stack_name
    folder = shutil.copytree(source, tmp_path / stack_name)
    shutil.copy(initialized / ".terraform.lock.hcl", folder)
    installed = {"TF_DATA_DIR": str(initialized / ".terraform")}

    validated = terraform(folder, installed, "validate", "-json")

    report = json.loads(validated.stdout)
    assert report["valid"] is True, validated.stdout
    assert report["diagnostics"] == []


def test_each_account_is_reached_by_the_deployment_role_and_the_management_account_directly(
    stack: Stack, settings: Settings
) -> None:
    accounts = settings.accounts
    expected = {
        "management": accounts.management,
        "log_archive": accounts.log_archive,
        "security": accounts.security,
    }
    is_of_sign_ins = stack.name == "organization"
    region = settings.sign_in_region if is_of_sign_ins else settings.home_region

    for provider in stack.providers():
        account = expected[provider["alias"]]
        role = f"arn:{settings.partition}:iam::{account}:role/{settings.deployment_role}"
        roles = [assumed["role_arn"] for assumed in provider.get("assume_role", [])]
        assert roles == ([] if account == accounts.management else [role])
        assert provider["allowed_account_ids"] == [account]
        assert provider["region"] == region


def test_every_resource_names_its_provider_and_gets_the_configured_tags(
    stack: Stack, settings: Settings
) -> None:
    aliases = {f"aws.{provider['alias']}" for provider in stack.providers()}
    tags = {"project": settings.name_prefix} | dict(settings.tags)

    assert {resource["provider"] for resource in stack.resources()} <= aliases
    for provider in stack.providers():
        assert provider["default_tags"] == [{"tags": tags}]


def test_the_state_is_kept_where_the_config_says_encrypted_and_locked_in_s3(
    stack: Stack, settings: Settings
) -> None:
    backend: dict[str, Any] = stack.document["terraform"]["backend"]
    state = settings.state

    if not isinstance(state, S3State):
        assert backend == {"local": {"path": f"../../../terraform.{stack.name}.tfstate"}}
        return
    assert backend["s3"] == {
        "bucket": state.bucket,
        "key": f"{state.key_prefix}/{stack.name}.tfstate",
        "region": state.region,
        "kms_key_id": state.kms_key_id,
        "encrypt": True,
        "use_lockfile": True,
    }


def test_the_stacks_are_deployed_in_the_order_of_their_needs(synthesis: Synthesis) -> None:
    manifest = json.loads((synthesis.folder / "manifest.json").read_text("utf-8"))
    needs = {name: entry["dependencies"] for name, entry in manifest["stacks"].items()}

    in_order = stacks_of(synthesis.config)
    first, *later = in_order
    assert needs == {first: []} | {one: [in_order[at]] for at, one in enumerate(later)}


def test_outputs_have_their_promised_names_and_a_description(stack: Stack) -> None:
    outputs = stack.outputs()

    assert outputs.keys() >= OUTPUTS[stack.name]
    assert all(name.endswith(OF_A_DETECTION) for name in outputs.keys() - OUTPUTS[stack.name])
    assert all(output["description"].endswith(".") for output in outputs.values())


def test_each_detection_with_an_alarm_has_its_output(detection: Stack, settings: Settings) -> None:
    watched = {
        one.name for one in selection.enabled(settings) if "metric_filter" in one.evaluated_by
    }
    alarms = {name for name in detection.outputs() if name.endswith(OF_A_DETECTION)}

    assert alarms == {f"{name}{OF_A_DETECTION}" for name in watched}


def test_the_readme_tells_of_every_output() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    names = [name for outputs in OUTPUTS.values() for name in outputs]

    assert [name for name in names if f"`{name}`" not in readme] == []
    assert f"`DETECTION{OF_A_DETECTION}`" in readme


def test_every_arn_is_of_the_configured_partition(stack: Stack, settings: Settings) -> None:
    text = json.dumps(stack.document)

    # The member template's ARNs name the partition by CloudFormation's own parameter.
    assert set(re.findall(r"\barn:([^:\s\"]+):", text)) <= {
        settings.partition,
        "$${AWS::Partition}".partition(":")[0],
    }


# Services whose role is not bound to a source: only whom its own account lets pass it can use it.
BY_PASSING = [{"Service": f"{name}.amazonaws.com"} for name in ("lambda", "cloudtrail")]


def test_no_identity_may_do_everything_or_anything_everywhere(stack: Stack) -> None:
    for role_policy in stack.resources("aws_iam_role_policy"):
        for grant in allowing(role_policy["policy"]):
            assert not {"NotAction", "NotResource"} & grant.keys()
            assert "*" not in listed(grant["Resource"])
            assert not [action for action in listed(grant["Action"]) if action.endswith(":*")]
            assert "*" not in listed(grant["Action"])


def test_a_resources_policy_lets_in_nobody_without_a_condition_but_its_own_account(
    stack: Stack,
) -> None:
    for address, argument, text in policy_texts(stack):
        for one in statements(text):
            administers = one.get("Action") == "kms:*" and "AWS" in one["Principal"]
            is_bound = "Condition" in one or address.startswith("aws_iam_role_policy.")
            is_passed = one.get("Principal") in BY_PASSING
            assert administers or is_bound or is_passed, (address, argument, one)
            everybody = one.get("Principal") in ("*", {"AWS": "*"})
            condition = one.get("Condition", {}).get("StringEquals", {})
            assert one["Effect"] == "Deny" or not everybody or "aws:PrincipalOrgID" in condition


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_config_gives_the_same_bytes_from_another_copy_in_another_folder(
    synthesize: Callable[[str], Synthesis], tmp_path: Path
) -> None:
    copy_app(tmp_path / "copy")
    path = tmp_path / "copy" / "config" / "complete.yaml"

    run = run_app(tmp_path / "copy", path, tmp_path / "elsewhere", tmp_path, hash_seed="4711")

    assert run.returncode == 0, run.stderr
    assert tree(tmp_path / "elsewhere") == tree(synthesize("complete").folder)

"""Properties of every stack: accounts, state, outputs, least privilege."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import main
from config.settings import S3State, Settings
from docs import generate
from tests.synth.conftest import EXAMPLES, ROOT, STACKS, Synthesis, copy_app, run_app, stacks_of
from tests.synth.terraform_json import Stack, allowing, listed, policy_texts, statements

# Scripts use these names: a change is a breaking change.
OUTPUTS = {
    "organization": {"member_role_name", "member_stack_set_name"},
    "security_hub": set[str](),
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
ALARM_SUFFIX = "_alarm_arn"  # of the outputs of the detections' alarms


def test_providers_assume_the_deployment_role_except_in_the_management_account(
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
        assumed = {"role_arn": role, "session_name": settings.name_prefix}
        assert provider.get("assume_role", []) == [assumed] * (account != accounts.management)
        assert provider["allowed_account_ids"] == [account]
        assert provider["region"] == region


def test_every_resource_has_a_provider_with_the_configured_tags(
    stack: Stack, settings: Settings
) -> None:
    aliases = {f"aws.{provider['alias']}" for provider in stack.providers()}
    owner = {
        "project": settings.name_prefix,
        "rootwatch:deployment": f"{settings.organization.id}/{settings.name_prefix}",
    }
    tags = dict(settings.tags) | owner

    assert {resource["provider"] for resource in stack.resources()} <= aliases
    for provider in stack.providers():
        assert provider["default_tags"] == [{"tags": tags}]


def test_the_state_has_the_configured_backend_encrypted_and_locked_in_s3(
    stack: Stack, settings: Settings
) -> None:
    backend: dict[str, Any] = stack.document["terraform"]["backend"]
    state = settings.state
    owner = f"{settings.organization.id}.{settings.name_prefix}"

    if not isinstance(state, S3State):
        assert backend == {"local": {"path": f"../../../terraform.{owner}.{stack.name}.tfstate"}}
        return
    assert backend["s3"] == {
        "bucket": state.bucket,
        "key": f"{state.key_prefix}/{owner.replace('.', '/')}/{stack.name}.tfstate",
        "region": state.region,
        "kms_key_id": state.kms_key_id,
        "encrypt": True,
        "use_lockfile": True,
    }


def test_each_stack_depends_on_the_one_before_it(synthesis: Synthesis) -> None:
    manifest = json.loads((synthesis.folder / "manifest.json").read_text("utf-8"))
    needs = {name: entry["dependencies"] for name, entry in manifest["stacks"].items()}

    in_order = stacks_of(synthesis.config)
    first, *later = in_order
    assert needs == {first: []} | {one: [in_order[at]] for at, one in enumerate(later)}


def test_outputs_have_stable_names_and_a_description(stack: Stack) -> None:
    outputs = stack.outputs()

    assert outputs.keys() >= OUTPUTS[stack.name]
    assert all(name.endswith(ALARM_SUFFIX) for name in outputs.keys() - OUTPUTS[stack.name])
    assert all(output["description"].endswith(".") for output in outputs.values())


def test_each_detection_with_an_alarm_has_its_output(
    detection: Stack, synthesis: Synthesis
) -> None:
    watched = {one.name for one in synthesis.detections if "metric_filter" in one.evaluated_by}
    alarms = {name for name in detection.outputs() if name.endswith(ALARM_SUFFIX)}

    assert alarms == {f"{name}{ALARM_SUFFIX}" for name in watched}


def test_the_reference_lists_every_output(synthesize: Callable[[str], Synthesis]) -> None:
    documents = {stack: synthesize("minimal").stack(stack).document for stack in STACKS}
    listed_names = [name for _, name, _ in generate.outputs_rows(documents)]
    names = [name for outputs in OUTPUTS.values() for name in outputs]
    named = [name for name in names if not name.endswith(ALARM_SUFFIX)]

    assert [name for name in named if f"`{name}`" not in listed_names] == []
    assert f"`DETECTION{ALARM_SUFFIX}`" in listed_names


def test_the_generated_part_of_the_reference_is_current(
    synthesize: Callable[[str], Synthesis],
) -> None:
    documents = {stack: synthesize("minimal").stack(stack).document for stack in STACKS}
    page = generate.OUTPUTS_PAGE

    assert page.read_text("utf-8") == generate.updated(page, generate.outputs(documents))


def test_every_arn_is_of_the_configured_partition(stack: Stack, settings: Settings) -> None:
    text = json.dumps(stack.document)

    # ARNs in the member template have CloudFormation's pseudo parameter for the partition.
    assert set(re.findall(r"\barn:([^:\s\"]+):", text)) <= {
        settings.partition,
        "$${AWS::Partition}".partition(":")[0],
    }


# Services whose roles have no source condition. Their use needs iam:PassRole in the account.
PASSED_ROLES = [{"Service": f"{name}.amazonaws.com"} for name in ("lambda", "cloudtrail")]


def test_every_policy_has_the_current_version_of_the_language(stack: Stack) -> None:
    for address, argument, text in policy_texts(stack):
        assert json.loads(text)["Version"] == "2012-10-17", (address, argument)


def test_no_role_has_all_actions_of_a_service_or_all_resources(stack: Stack) -> None:
    for role_policy in stack.resources("aws_iam_role_policy"):
        for grant in allowing(role_policy["policy"]):
            assert not {"NotAction", "NotResource"} & grant.keys()
            assert "*" not in listed(grant["Resource"])
            assert not [action for action in listed(grant["Action"]) if action.endswith(":*")]
            assert "*" not in listed(grant["Action"])


def test_resource_policies_without_a_condition_only_allow_their_own_account(
    stack: Stack,
) -> None:
    for address, argument, text in policy_texts(stack):
        for one in statements(text):
            administers = one.get("Action") == "kms:*" and "AWS" in one["Principal"]
            is_restricted = "Condition" in one or address.startswith("aws_iam_role_policy.")
            is_passed = one.get("Principal") in PASSED_ROLES
            assert administers or is_restricted or is_passed, (address, argument, one)
            is_public = one.get("Principal") in ("*", {"AWS": "*"})
            condition = one.get("Condition", {}).get("StringEquals", {})
            assert one["Effect"] == "Deny" or not is_public or "aws:PrincipalOrgID" in condition


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

    assert len(modules) == 11
    assert initialized.returncode == 0, initialized.stdout + initialized.stderr
    report = json.loads(validated.stdout)
    assert report["valid"] is True, validated.stdout
    assert report["diagnostics"] == []

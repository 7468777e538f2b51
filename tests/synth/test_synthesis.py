"""Properties of every stack: accounts, state, outputs, least privilege."""

import json
import re
from collections.abc import Callable
from typing import Any

from config.settings import S3State, Settings
from docs import generate
from docs.reference import outputs_rows
from tests.synth.conftest import STACKS, Synthesis, stacks_of
from tests.synth.terraform_json import Stack, allowing, listed, policy_texts, statements

# Scripts use these names: a change is a breaking change.
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
    tags = {"project": settings.name_prefix} | dict(settings.tags)

    assert {resource["provider"] for resource in stack.resources()} <= aliases
    for provider in stack.providers():
        assert provider["default_tags"] == [{"tags": tags}]


def test_the_state_has_the_configured_backend_encrypted_and_locked_in_s3(
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
    listed_names = [name for _, name, _ in outputs_rows(documents)]
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

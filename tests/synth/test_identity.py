"""Resources and states are identified by what they are, not by where they are listed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compiler import catalog
from config.loader import load
from config.settings import Settings
from modules.naming import Names
from stacks import app
from stacks.app import forget_other_deployments
from tests.synth.conftest import ROOT
from tests.synth.terraform_json import Stack, read_stack

MINIMAL = load(ROOT / "config" / "minimal.yaml")
ADDRESSES = ("alice@example.com", "o'neil+soc/eu@example.com", "carol@example.com")
TARGETS = ("ou-exam-11111111", "ou-exam-22222222", "ou-exam-33333333")


def synthesized(settings: Settings, stack: str, folder: Path) -> Stack:
    app.synthesize(settings, catalog.enabled(settings), folder)
    return read_stack(folder / "stacks" / stack)


def subscriptions(addresses: tuple[str, ...], folder: Path) -> dict[tuple[str, str], str]:
    """The address in Terraform, by topic and email address."""
    emails = replace(
        MINIMAL.notifications, emails=addresses, low_priority_emails=tuple(reversed(addresses))
    )
    stack = synthesized(replace(MINIMAL, notifications=emails), "detection", folder)
    return {
        (one["topic_arn"], one["endpoint"]): one.address
        for one in stack.resources("aws_sns_topic_subscription")
    }


def associations(targets: tuple[str, ...], folder: Path) -> dict[str, str]:
    organization = replace(MINIMAL.organization, targets=targets)
    stack = synthesized(replace(MINIMAL, organization=organization), "security_hub", folder)
    return {
        one["target_id"]: one.address
        for one in stack.resources("aws_securityhub_configuration_policy_association")
    }


def test_the_removal_of_the_first_address_leaves_the_other_subscriptions_unchanged(
    tmp_path: Path,
) -> None:
    before = subscriptions(ADDRESSES, tmp_path / "before")
    after = subscriptions(ADDRESSES[1:], tmp_path / "after")

    assert len(set(before.values())) == 2 * len(ADDRESSES)
    assert after.items() <= before.items()
    assert {address for _, address in after} == set(ADDRESSES[1:])


def test_the_removal_of_the_first_target_leaves_the_other_associations_unchanged(
    tmp_path: Path,
) -> None:
    before = associations(TARGETS, tmp_path / "before")
    after = associations(TARGETS[1:], tmp_path / "after")

    assert before.keys() == set(TARGETS)
    assert after == {target: before[target] for target in TARGETS[1:]}


OTHER_PREFIX = replace(MINIMAL, name_prefix="rootwatch-2")
OTHER_ORGANIZATION = replace(
    MINIMAL, organization=replace(MINIMAL.organization, id="o-otherorganization")
)


def remember(output: Path, settings: Settings, backend: str) -> Path:
    """What `terraform init` leaves in the folder of a stack."""
    names = Names(settings)
    configuration = {
        "local": {"path": f"../../../{names.state_file('trail')}"},
        "s3": {"bucket": "states", "key": f"rootwatch/{names.state_key('trail')}"},
    }
    file = output / "stacks" / "trail" / ".terraform" / "terraform.tfstate"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"backend": {"type": backend, "config": configuration[backend]}})
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize("backend", ["local", "s3"])
@pytest.mark.parametrize("other", [OTHER_PREFIX, OTHER_ORGANIZATION], ids=["prefix", "id"])
def test_a_stack_does_not_start_with_the_backend_of_another_deployment(
    tmp_path: Path, other: Settings, backend: str
) -> None:
    for first, second in ((MINIMAL, other), (other, MINIMAL)):
        remembered = remember(tmp_path, first, backend)
        forget_other_deployments(second, tmp_path)

        assert not remembered.exists()


@pytest.mark.parametrize("backend", ["local", "s3"])
def test_terraform_keeps_the_backend_of_this_deployment(tmp_path: Path, backend: str) -> None:
    """So that it asks before a state moves from a file to a bucket, or back."""
    remembered = remember(tmp_path, MINIMAL, backend)
    forget_other_deployments(MINIMAL, tmp_path)

    assert remembered.exists()

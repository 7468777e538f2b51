"""Is Rootwatch deployed already, and what does its state have?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from config.settings import LocalState, S3State
from operations.preflight.access import management
from operations.preflight.check import Check
from operations.preflight.result import Remedy, Result, missing, ok

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from config.settings import Settings
    from operations.preflight.facts import Facts

STACKS = ("organization", "detection")  # whose states are asked for; the first is the first made
NO_STACK_SET = frozenset({"StackSetNotFoundException"})
NO_OBJECT = frozenset({"NoSuchKey", "NoSuchBucket"})


def tags_of(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """From a list of {Key, Value}, as most services have it; KMS says {TagKey, TagValue}."""
    return {
        tag.get("Key", tag.get("TagKey", "")): tag.get("Value", tag.get("TagValue", ""))
        for tag in listed
    }


def is_own(settings: Settings, tags: Mapping[str, str]) -> bool:
    """By the tag that each stack puts on all that it makes."""
    return tags.get("project") == settings.name_prefix


def deployed(facts: Facts) -> bool:
    """By the stack set, which the first stack makes."""
    answer = facts.of(management).find(
        "cloudformation",
        "DescribeStackSet",
        absent=NO_STACK_SET,
        region=facts.settings.sign_in_region,
        StackSetName=facts.names.member_stack_set,
    )
    tags = tags_of(answer["StackSet"].get("Tags", [])) if answer else {}
    return is_own(facts.settings, tags)


def is_in_state(facts: Facts, stack: str, kind: str) -> bool:
    """Has Terraform made it already? For what has no tags.

    Where the state is not at hand, whatever is deployed is taken for complete.
    """
    kinds = facts.of(states)[stack]
    return facts.of(deployed) if kinds is None else kind in kinds


def states(facts: Facts) -> dict[str, frozenset[str] | None]:
    """The kinds of resources in the state of each stack; None where there is no state."""
    state = facts.settings.state
    if isinstance(state, LocalState):
        texts = {stack: _in_folder(facts, stack) for stack in STACKS}
    else:
        texts = {stack: _in_bucket(facts, state, stack) for stack in STACKS}
    return {stack: _kinds(text) for stack, text in texts.items()}


def _in_folder(facts: Facts, stack: str) -> str | None:
    try:
        return (facts.root / _file(stack)).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _in_bucket(facts: Facts, state: S3State, stack: str) -> str | None:
    answer = facts.of(management).find(
        "s3",
        "GetObject",
        absent=NO_OBJECT,
        region=state.region,
        Bucket=state.bucket,
        Key=f"{state.key_prefix}/{stack}.tfstate",
    )
    return cast("str", answer["Body"].read().decode()) if answer else None


def _kinds(text: str | None) -> frozenset[str] | None:
    """What is no state of Terraform's is for Terraform to complain of."""
    try:
        resources = json.loads(text)["resources"] if text else None
        return None if resources is None else frozenset(one["type"] for one in resources)
    except (ValueError, LookupError, TypeError):
        return None


def _file(stack: str) -> str:
    return f"terraform.{stack}.tfstate"


def _state(facts: Facts) -> Result:
    state = facts.settings.state
    if isinstance(state, S3State) and not _has_bucket(facts, state):
        return missing(f"the bucket {state.bucket} does not exist", _create(facts, state))
    where = f"s3://{state.bucket}" if isinstance(state, S3State) else "this folder"
    if facts.of(states)[STACKS[0]] is not None:
        return ok(f"in {where}")
    if not facts.of(deployed):
        return ok(f"in {where}; nothing is deployed yet")
    right = (
        "the states of the deployment that exists are there, or the configuration's state says"
        " where they are; without them Terraform makes everything a second time"
    )
    return missing(f"Rootwatch is deployed, and no state is in {where}", Remedy(right=right))


def _has_bucket(facts: Facts, state: S3State) -> bool:
    account = facts.of(management)
    found = account.find(
        "s3", "HeadBucket", absent={"404"}, region=state.region, Bucket=state.bucket
    )
    return found is not None


def _create(facts: Facts, state: S3State) -> Remedy:
    words = ["s3api", "create-bucket", "--bucket", state.bucket]
    if state.region != "us-east-1":  # which S3 does not take there
        words += ["--create-bucket-configuration", f"LocationConstraint={state.region}"]
    account = facts.settings.accounts.management
    command = facts.cli.command(account, *words, region=state.region)
    return Remedy(right="the bucket of state exists", commands=(command,))


CHECKS = (Check("deployment.state", "Terraform's state", _state),)

"""The states of Terraform: what it made, and therefore neither makes again nor runs into."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from config.settings import LocalState, S3State
from operations.preflight.access import management
from operations.preflight.facts import Facts

STACKS = ("trail", "detection", "organization")
NO_OBJECT = frozenset({"NoSuchKey", "NoSuchBucket"})
NAMES = ("id", "arn", "name", "bucket")  # the attributes that a resource is known by


@dataclass(frozen=True, slots=True)
class State:
    resources: frozenset[tuple[str, str]]  # kind and name, once for each of its names

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What is no state of Terraform's is for Terraform to complain of."""
        try:
            document = json.loads(text)["resources"] if text else None
            return None if document is None else cls(frozenset(_named(document)))
        except (ValueError, LookupError, TypeError, AttributeError):
            return None

    def holds(self, kind: str, name: str) -> bool:
        return (kind, name) in self.resources


def _named(resources: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        for instance in resource["instances"] if resource["mode"] == "managed" else ():
            attributes = instance["attributes"]
            yield from ((resource["type"], attributes[key]) for key in NAMES if key in attributes)


def states(facts: Facts) -> dict[str, State | None]:
    """By stack; None where there is none."""
    state = facts.settings.state
    if isinstance(state, LocalState):
        texts = {stack: _in_folder(facts, stack) for stack in STACKS}
    else:
        texts = {stack: _in_bucket(facts, state, stack) for stack in STACKS}
    return {stack: State.of(text) for stack, text in texts.items()}


def is_in_state(facts: Facts, kind: str, name: str) -> bool:
    """Has Terraform made it already, in whichever stack?"""
    return any(state and state.holds(kind, name) for state in facts.of(states).values())


def _in_folder(facts: Facts, stack: str) -> str | None:
    try:
        return (facts.root / f"terraform.{stack}.tfstate").read_text(encoding="utf-8")
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

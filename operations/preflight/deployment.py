"""Is Terraform's state where the configuration says?"""

from config.settings import S3State
from operations.preflight import names
from operations.preflight.access import management
from operations.preflight.check import Check
from operations.preflight.facts import Facts
from operations.preflight.result import Remedy, Result, missing, ok
from operations.preflight.states import states


def _state(facts: Facts) -> Result:
    state = facts.settings.state
    if isinstance(state, S3State) and not _has_bucket(facts, state):
        return missing(f"the bucket {state.bucket} does not exist", _create(facts, state))
    where = f"s3://{state.bucket}" if isinstance(state, S3State) else "this folder"
    if lost := _lost(facts):
        right = (
            "the states of the deployment that exists are there, or the configuration's state says"
            " where they are; without them Terraform makes everything a second time"
        )
        told = f"{', '.join(lost)}: Rootwatch is deployed, and no state of it is in {where}"
        return missing(told, Remedy(right=right))
    held = [stack for stack, one in facts.of(states).items() if one and one.resources]
    told = f"deployed: {', '.join(held)}" if held else "nothing is deployed yet"
    return ok(f"in {where}; {told}")


def _lost(facts: Facts) -> list[str]:
    """The stacks without a state of which something is there."""
    there = {one.resource.stack for one in names.all_found(facts) if one.whose == "left over"}
    return [stack for stack, state in facts.of(states).items() if stack in there and state is None]


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

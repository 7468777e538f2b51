"""An organization trail besides the one that Rootwatch reads: AWS charges the second copy.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-manage-costs.html
"""

from operations.preflight import trails
from operations.preflight.check import Check, reads_another_trail
from operations.preflight.existing_trail import existing
from operations.preflight.facts import Facts
from operations.preflight.log_delivery import give_log_group
from operations.preflight.recording import records_management_events
from operations.preflight.result import Command, Remedy, Result, missing, ok, warning
from operations.preflight.states import states
from operations.preflight.tags import is_rootwatchs, tags_of
from operations.preflight.trails import LogGroup, Trail

DESTROY = "ROOTWATCH_CONFIG=former.yaml make destroy STACK=trail"


def _second_trail(facts: Facts) -> Result:
    paid = [trail for trail in facts.of(others) if _is_paid_for(facts, trail)]
    if not paid:
        return ok("no other organization trail records management events")
    told = ", ".join(f"{trail.name} ({_destination(trail)})" for trail in paid)
    if not facts.settings.trail.managed:
        return warning(f"besides {facts.settings.trail.name} there is {told}", _stop(facts, paid))
    chosen = min(paid, key=lambda trail: trail.log_group is None)
    return missing(f"there is {told}", _read_it(facts, chosen))


def others(facts: Facts) -> tuple[Trail, ...]:
    """Organization trails that are neither Rootwatch's nor the one that it is to read."""
    known = {trail.arn for trail in facts.of(rootwatchs)}
    if not facts.settings.trail.managed:
        known.add(facts.of(existing).arn)
    found = facts.of(trails.organization_trails)
    return tuple(trail for trail in found if trail.arn not in known)


def rootwatchs(facts: Facts) -> tuple[Trail, ...]:
    """Organization trails of this deployment, or of a former one, whatever their names are."""
    found = facts.of(trails.organization_trails)
    return tuple(trail for trail in found if is_rootwatchs(facts.settings, _tags(facts, trail)))


def _tags(facts: Facts, trail: Trail) -> dict[str, str]:
    answer = trails.asked(facts, trail, "ListTags", ResourceIdList=[trail.arn])
    return tags_of(tag for one in answer["ResourceTagList"] for tag in one["TagsList"])


def _is_paid_for(facts: Facts, trail: Trail) -> bool:
    """One that is stopped, or records data events only, is not."""
    if not trails.status(facts, trail)["IsLogging"]:
        return False
    return records_management_events(trails.selectors(facts, trail))


def _destination(trail: Trail) -> str:
    if trail.log_group is None:
        return "no log group"
    return (
        f"log group {trail.log_group.name} in {trail.log_group.account}, {trail.log_group.region}"
    )


def _stop(facts: Facts, paid: list[Trail]) -> Remedy:
    words = ("cloudtrail", "stop-logging", "--name")
    account = facts.settings.accounts.management
    commands = (
        facts.cli.command(account, *words, trail.arn, region=trail.home_region) for trail in paid
    )
    right = "one organization trail records management events; those that nobody reads are stopped"
    return Remedy(right=right, commands=tuple(commands), some_suffice=True)


def _read_it(facts: Facts, trail: Trail) -> Remedy:
    right = "Rootwatch reads that trail, so that its events are paid for once"
    if trail.log_group is None:
        log_group = _log_group_to_be(facts, trail)
        return Remedy(
            right=f"{right}; it needs a log group in the security account first",
            commands=give_log_group(facts, trail, log_group),
            config=trails.config_lines(facts, trail, log_group),
        )
    config = trails.config_lines(facts, trail, trail.log_group)
    if trail.log_group.account == facts.settings.accounts.management:
        right += "; the account of its log group is the security account, and Security Hub's"
        right += " administrator cannot be the management account"
        config = (*config, "security_hub:", "  managed: false")
    return Remedy(right=right, config=config)


def _log_group_to_be(facts: Facts, trail: Trail) -> LogGroup:
    """In the trail's home region, and of whoever changes the trail."""
    return LogGroup(
        region=trail.home_region,
        account=facts.settings.accounts.security,
        name=f"cloudtrail/{trail.name}",
    )


def _former(facts: Facts) -> Result:
    """The stack `trail` is not synthesized any more: what it made is left to nobody."""
    name = facts.settings.trail.name
    if left := [trail.name for trail in facts.of(rootwatchs) if trail.name != name]:
        return missing(f"{', '.join(left)} is there", _destroy())
    state = facts.of(states)["trail"]
    if state and state.resources and not state.holds("aws_cloudtrail", name):
        return missing("the stack trail is deployed", _destroy())
    return ok("none is left")


def _destroy() -> Remedy:
    right = (
        "the stack trail is destroyed first, by the configuration that made it (former.yaml:"
        " trail.managed is true), after its bucket was emptied as README.md tells; with the new"
        " one neither `make deploy` nor `make destroy` touches it"
    )
    return Remedy(right=right, commands=(Command(None, DESTROY),))


CHECKS = (
    Check("trail.second", "a trail paid for twice", _second_trail),
    Check("trail.former", "Rootwatch's former trail", _former, reads_another_trail),
)

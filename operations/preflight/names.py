"""The names that Rootwatch gives: free, or its own already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from operations.preflight import access, resources
from operations.preflight.check import Check, has_own_trail
from operations.preflight.deployment import deployed, is_own
from operations.preflight.errors import ReadError
from operations.preflight.result import Remedy, Result, Status, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.preflight.cloud import Account
    from operations.preflight.facts import Facts
    from operations.preflight.resources import Existing, Look
    from operations.preflight.result import Command

LONGEST_PREFIX = 20  # as config/schema.json has it


@dataclass(frozen=True, slots=True)
class Resource:
    kind: str
    name: str  # or its ARN, where its kind is looked for by that
    look: Look
    is_by_stack: bool = False  # CloudFormation makes it, in the region that records sign-ins

    def __str__(self) -> str:
        shown = self.name.rpartition(":")[2].removeprefix("trail/")
        return f"{self.kind} {shown}"


@dataclass(frozen=True, slots=True)
class Finding:
    resource: Resource
    state: Literal["free", "own", "taken"]
    existing: Existing | None


def _in_management(facts: Facts) -> Iterator[Resource]:
    names = facts.names
    if facts.settings.trail.managed:
        yield Resource("trail", names.trail_arn, resources.trail)
    yield Resource("stack set", names.member_stack_set, resources.stack_set, is_by_stack=True)
    yield Resource("stack", names.member_stack_set, resources.stack, is_by_stack=True)
    yield from _member_access(facts)


def _member_access(facts: Facts) -> Iterator[Resource]:
    """What the stack brings to every account."""
    names = facts.names
    for role in (names.member_role, names.event_role):
        yield Resource("role", role, resources.role, is_by_stack=True)
    yield Resource("event rule", names.event_rule, resources.event_rule, is_by_stack=True)


def _in_log_archive(facts: Facts) -> Iterator[Resource]:
    yield Resource("bucket", facts.names.trail_bucket, resources.bucket)
    yield Resource("key", facts.names.trail_key_alias, resources.key_alias)


def _in_security(facts: Facts) -> Iterator[Resource]:
    names = facts.names
    if facts.settings.trail.managed:
        yield Resource("log group", names.trail_log_group, resources.log_group)
        yield Resource("role", names.trail_log_role, resources.role)
    yield Resource("log group", names.importer_log_group, resources.log_group)
    yield Resource("role", names.importer_role, resources.role)
    yield Resource("function", names.importer, resources.function)
    for queue in (names.importer_queue, names.dead_letter_queue):
        yield Resource("queue", queue, resources.queue)
    for priority in ("high", "low"):
        yield Resource("topic", names.topic_arn(priority), resources.topic)
    yield Resource("table", names.told_table, resources.table)
    yield Resource("event bus", names.event_bus, resources.event_bus)
    yield Resource("key", names.alerts_key_alias, resources.key_alias)
    if facts.settings.accounts.security != facts.settings.accounts.management:
        yield from _member_access(facts)


def _management(facts: Facts) -> Result:
    return _judged(facts, facts.of(access.management), list(_in_management(facts)))


def _log_archive(facts: Facts) -> Result:
    return _judged(facts, facts.of(access.log_archive), list(_in_log_archive(facts)))


def _security(facts: Facts) -> Result:
    return _judged(facts, facts.of(access.security), list(_in_security(facts)))


def _judged(facts: Facts, account: Account, wanted: list[Resource]) -> Result:
    """One that could not be looked at does not hide the others that are taken."""
    looks = facts.each(partial(_look, facts, account), wanted)
    found = [one for one in looks if isinstance(one, Finding)]
    errors = [one for one in looks if isinstance(one, ReadError)]
    return _result(facts, account, found, errors)


def _look(facts: Facts, account: Account, resource: Resource) -> Finding | ReadError:
    region = facts.settings.sign_in_region if resource.is_by_stack else account.region
    try:
        existing = resource.look(replace(account, region=region), resource.name)
        if existing is None:
            return Finding(resource, "free", None)
        own = is_own(facts.settings, existing.tags)
        by_own_stack = resource.is_by_stack and facts.of(deployed)
    except ReadError as error:
        return error
    return Finding(resource, "own" if own or by_own_stack else "taken", existing)


def _result(
    facts: Facts, account: Account, found: list[Finding], errors: list[ReadError]
) -> Result:
    taken = [one for one in found if one.state == "taken"]
    told = [_taken_text(one) for one in taken]
    told += [f"could not be looked at: {error}" for error in errors]
    if not told:
        return ok(_counted(found))
    status = Status.MISSING if taken else Status.UNKNOWN
    return Result(status, "; ".join(told), _remedy(facts, account, taken) if taken else None)


def _taken_text(finding: Finding) -> str:
    elsewhere = finding.existing and finding.existing.is_elsewhere
    whose = "of another account" if elsewhere else "not Rootwatch's"
    return f"{finding.resource} exists, {whose}"


def _counted(found: list[Finding]) -> str:
    own = sum(one.state == "own" for one in found)
    counts = {"free": len(found) - own, "Rootwatch's already": own}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _remedy(facts: Facts, account: Account, taken: list[Finding]) -> Remedy:
    prefix = facts.settings.name_prefix
    other = f"{prefix[: LONGEST_PREFIX - 2].rstrip('-')}-2"
    commands = tuple(command for one in taken for command in _deletion(facts, account, one))
    right = "what nobody needs is deleted, or another name_prefix" if commands else "another name"
    return Remedy(
        right=right,
        commands=commands,
        config=(f"name_prefix: {other}",),
        config_instead=True,
    )


def _deletion(facts: Facts, account: Account, finding: Finding) -> Iterator[Command]:
    settings, resource = facts.settings, finding.resource
    region = settings.sign_in_region if resource.is_by_stack else settings.home_region
    for words in finding.existing.deletion if finding.existing else ():
        where = None if words[0] == "iam" else region
        yield facts.cli.command(account.id, *words, region=where)


CHECKS = (
    Check("names.management", "names, management account", _management),
    Check("names.log_archive", "names, log archive account", _log_archive, has_own_trail),
    Check("names.security", "names, security account", _security),
)

"""The names that Rootwatch gives: free, or its own already."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from operations.preflight import access, resources
from operations.preflight.check import Check, has_own_trail
from operations.preflight.cloud import Account
from operations.preflight.errors import ReadError
from operations.preflight.facts import Facts
from operations.preflight.name_list import Resource, in_log_archive, in_management, in_security
from operations.preflight.result import Command, Remedy, Result, Status, ok
from operations.preflight.states import State, states
from operations.preflight.tags import is_rootwatchs

LONGEST_PREFIX = 20  # as config/schema.json has it
TOLD = {
    "taken": "not Rootwatch's",
    "left over": "Rootwatch's by its tag, and in no state",
    "elsewhere": "of another account",
}


@dataclass(frozen=True, slots=True)
class Finding:
    resource: Resource
    whose: Literal["free", "own", "left over", "taken", "elsewhere"]
    deletion: tuple[resources.Words, ...] = ()

    @property
    def is_in_the_way(self) -> bool:
        return self.whose in TOLD

    def __str__(self) -> str:
        return f"{self.resource} exists, {TOLD[self.whose]}"


type Looked = tuple[Finding | ReadError, ...]


def management(facts: Facts) -> Looked:
    return _looked(facts, facts.of(access.management), in_management(facts))


def log_archive(facts: Facts) -> Looked:
    return _looked(facts, facts.of(access.log_archive), in_log_archive(facts))


def security(facts: Facts) -> Looked:
    return _looked(facts, facts.of(access.security), in_security(facts))


def all_found(facts: Facts) -> Iterator[Finding]:
    parts = [management, security, *([log_archive] if facts.settings.trail.managed else [])]
    looked = (one for part in parts for one in facts.of(part))
    return (one for one in looked if isinstance(one, Finding))


def _looked(facts: Facts, account: Account, wanted: Iterable[Resource]) -> Looked:
    facts.of(states)  # without which nobody knows whose anything is
    return tuple(facts.each(partial(_look, facts, account), wanted))


def _look(facts: Facts, account: Account, resource: Resource) -> Finding | ReadError:
    region = _region(facts, resource)
    try:
        existing = resource.look(replace(account, region=region), resource.name)
    except ReadError as error:
        return error
    if existing is None:
        return Finding(resource, "free")
    if existing.is_elsewhere:
        return Finding(resource, "elsewhere")
    state = facts.of(states)[resource.stack]
    if state and state.holds(*resource.held_as):
        return Finding(resource, "own")
    if not is_rootwatchs(facts.settings, existing.tags):
        return Finding(resource, "taken", existing.deletion)
    return Finding(resource, "left over", _deletion_of_rest(state, existing))


def _deletion_of_rest(
    state: State | None, existing: resources.Existing
) -> tuple[resources.Words, ...]:
    """Nobody is told to delete what may be in use, with its state elsewhere."""
    return existing.deletion if state else ()


def _region(facts: Facts, resource: Resource) -> str:
    settings = facts.settings
    return settings.sign_in_region if resource.is_by_cloudformation else settings.home_region


def _management(facts: Facts) -> Result:
    return _result(facts, facts.of(access.management), facts.of(management))


def _log_archive(facts: Facts) -> Result:
    return _result(facts, facts.of(access.log_archive), facts.of(log_archive))


def _security(facts: Facts) -> Result:
    return _result(facts, facts.of(access.security), facts.of(security))


def _result(facts: Facts, account: Account, looked: Looked) -> Result:
    """One that could not be looked at does not hide the others that are taken."""
    found = [one for one in looked if isinstance(one, Finding)]
    in_the_way = [one for one in found if one.is_in_the_way]
    told = [str(one) for one in in_the_way]
    told += [f"could not be looked at: {one}" for one in looked if isinstance(one, ReadError)]
    if not told:
        return ok(_counted(found))
    status = Status.MISSING if in_the_way else Status.UNKNOWN
    remedy = _remedy(facts, account, in_the_way) if in_the_way else None
    return Result(status, "; ".join(told), remedy)


def _counted(found: list[Finding]) -> str:
    own = sum(one.whose == "own" for one in found)
    counts = {"free": len(found) - own, "Rootwatch's already": own}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _remedy(facts: Facts, account: Account, in_the_way: list[Finding]) -> Remedy:
    prefix = facts.settings.name_prefix
    other = f"{prefix[: LONGEST_PREFIX - 2].rstrip('-')}-2"
    commands = tuple(command for one in in_the_way for command in _commands(facts, account, one))
    return Remedy(
        right=_right(in_the_way),
        commands=commands,
        config=(f"name_prefix: {other}",),
        config_instead=True,
    )


def _right(in_the_way: list[Finding]) -> str:
    whose = {one.whose for one in in_the_way}
    rights = []
    if "left over" in whose:
        rights.append("the states hold what is in use, and the rest of a former deployment is gone")
    if any(one.deletion for one in in_the_way):
        rights.append("what nobody needs is deleted")
    return ", ".join([*rights, "or another name_prefix"]) if rights else "another name_prefix"


def _commands(facts: Facts, account: Account, finding: Finding) -> Iterator[Command]:
    region = _region(facts, finding.resource)
    for words in finding.deletion:
        where = None if words[0] == "iam" else region
        yield facts.cli.command(account.id, *words, region=where)


CHECKS = (
    Check("names.management", "names, management account", _management),
    Check("names.log_archive", "names, log archive account", _log_archive, has_own_trail),
    Check("names.security", "names, security account", _security),
)

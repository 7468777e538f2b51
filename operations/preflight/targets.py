"""The accounts that are to be reached, and where those that play a part stand among them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from config.settings import Settings
from operations.preflight.access import management
from operations.preflight.check import Check
from operations.preflight.cloud import Account
from operations.preflight.facts import Facts
from operations.preflight.once import Once
from operations.preflight.organization import known
from operations.preflight.result import Command, Remedy, Result, missing, ok, warning

ABSENT = frozenset({"ChildNotFoundException", "InvalidInputException"})


class Tree:
    """The organization's units, asked for only as far as they are needed."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._parents = Once()
        roots = account.listed("organizations", "ListRoots", "Roots")
        self.roots = frozenset(root["Id"] for root in roots)

    def lineage(self, child: str) -> tuple[str, ...] | None:
        """The child itself, its parent, and so on up to the root; None where it is not there."""
        if child in self.roots:
            return (child,)
        parent = self._parent(child)
        above = parent and self.lineage(parent)
        return (child, *above) if above else None

    def _parent(self, child: str) -> str | None:
        return cast("str | None", self._parents.get(child, lambda: self._read_parent(child)))

    def _read_parent(self, child: str) -> str | None:
        answer = self._account.find("organizations", "ListParents", absent=ABSENT, ChildId=child)
        return answer["Parents"][0]["Id"] if answer else None

    def members_below(self, target: str) -> Iterator[dict[str, Any]]:
        """Who needs one only does not ask for thousands."""
        yield from self._listed("ListAccountsForParent", "Accounts", target)
        units = self._listed("ListOrganizationalUnitsForParent", "OrganizationalUnits", target)
        for unit in units:
            yield from self.members_below(unit["Id"])

    def _listed(self, operation: str, key: str, parent: str) -> Iterator[Any]:
        return self._account.listed("organizations", operation, key, ParentId=parent)


def tree(facts: Facts) -> Tree:
    facts.of(known)
    return Tree(facts.of(management))


def is_active(account: dict[str, Any]) -> bool:
    return (account.get("State") or account.get("Status")) == "ACTIVE"  # the latter is retired


def is_reached(facts: Facts, account: str) -> bool:
    """Does the stack set bring member access to it?"""
    organization = facts.settings.organization
    lineage = facts.of(tree).lineage(account) or ()
    is_below = not set(organization.targets).isdisjoint(lineage)
    return is_below and account not in organization.excluded_accounts


def _targets(facts: Facts) -> Result:
    targets = facts.settings.organization.targets
    problems = dict(zip(targets, facts.each(_problem_of(facts), targets), strict=True))
    if not any(problems.values()):
        return ok(f"{', '.join(targets)}: each holds an active member account")
    left = [target for target, problem in problems.items() if problem is None]
    right = "targets that exist, apart from each other, each with an active member account below"
    remedy = Remedy(
        right=right, commands=_list_units(facts), config=_targets_config(left or _roots(facts))
    )
    return missing("; ".join(filter(None, problems.values())), remedy)


def _problem_of(facts: Facts) -> Callable[[str], str | None]:
    settings, found = facts.settings, facts.of(tree)
    others = frozenset(settings.organization.targets)
    unreached = {settings.accounts.management, *settings.organization.excluded_accounts}

    def problem(target: str) -> str | None:
        lineage = found.lineage(target)
        if lineage is None:
            return f"{target} does not exist"
        if above := next((one for one in lineage[1:] if one in others), None):
            return f"{target} is below {above}"
        members = found.members_below(target)
        if not any(is_active(one) and one["Id"] not in unreached for one in members):
            return f"{target} holds no active member account"
        return None

    return problem


def _list_units(facts: Facts) -> tuple[Command, ...]:
    words = ("organizations", "list-organizational-units-for-parent", "--parent-id")
    account = facts.settings.accounts.management
    return tuple(facts.cli.command(account, *words, root) for root in _roots(facts))


def _roots(facts: Facts) -> list[str]:
    return sorted(facts.of(tree).roots)


def _targets_config(targets: Iterable[str]) -> tuple[str, ...]:
    return ("organization:", f"  targets: [{', '.join(targets)}]")


def _exclusions(facts: Facts) -> Result:
    organization, found = facts.settings.organization, facts.of(tree)
    lineages = facts.each(found.lineage, organization.excluded_accounts)
    lost = {
        account
        for account, lineage in zip(organization.excluded_accounts, lineages, strict=True)
        if set(organization.targets).isdisjoint(lineage or ())
    }
    if not lost:
        return ok(f"{len(lineages)} below the targets")
    left = (account for account in organization.excluded_accounts if account not in lost)
    remedy = Remedy(
        right="only accounts below the targets are excluded",
        config=("organization:", _exclusions_config(left)),
    )
    return missing(f"not below the targets: {', '.join(sorted(lost))}", remedy)


def _exclusions_config(accounts: Iterable[str]) -> str:
    quoted = ", ".join(f'"{account}"' for account in accounts)
    return f"  excluded_accounts: [{quoted}]"


def _accounts(facts: Facts) -> Result:
    accounts = _part_players(facts.settings)
    problems = facts.each(_membership_of(facts), accounts)
    if not any(problems):
        named = [f"{part} {account}" for account, part in accounts.items()]
        return ok(", ".join(named) or "the management account plays every part")
    words = ("list-accounts", "--query", "Accounts[].[Id,Name,State]", "--output", "text")
    management_account = facts.settings.accounts.management
    command = facts.cli.command(management_account, "organizations", *words)
    right = "active accounts of this organization in accounts"
    detail = "; ".join(filter(None, problems))
    return missing(detail, Remedy(right=right, commands=(command,)))


def _membership_of(facts: Facts) -> Callable[[str], str | None]:
    facts.of(known)
    account, absent = facts.of(management), {"AccountNotFoundException"}

    def problem(member: str) -> str | None:
        answer = account.find("organizations", "DescribeAccount", absent=absent, AccountId=member)
        if answer is None:
            return f"{member} is not in the organization"
        found = answer["Account"]
        return None if is_active(found) else f"{member} is {found.get('State') or found['Status']}"

    return problem


def _coverage(facts: Facts) -> Result:
    players = _part_players(facts.settings)
    outside = [f"{part} {one}" for one, part in players.items() if not is_reached(facts, one)]
    if not outside:
        return ok("those that play a part get member access, too")
    wider = _targets_config(_roots(facts))
    excluded = facts.settings.organization.excluded_accounts
    if not set(players).isdisjoint(excluded):
        wider += (_exclusions_config(one for one in excluded if one not in players),)
    right = (
        "all accounts get member access; those without are told of by the trail alone, minutes"
        " later, and their findings stay in the security account"
    )
    return warning(
        f"without member access: {', '.join(outside)}", Remedy(right=right, config=wider)
    )


def _part_players(settings: Settings) -> dict[str, str]:
    """Besides the management account, which gets its member access by itself."""
    accounts = settings.accounts
    players = {accounts.log_archive: "log archive", accounts.security: "security"}
    players.pop(accounts.management, None)
    return players


def _has_exclusions(settings: Settings) -> bool:
    return bool(settings.organization.excluded_accounts)


CHECKS = (
    Check("organization.accounts", "accounts that play a part", _accounts),
    Check("organization.targets", "targets", _targets),
    Check("organization.exclusions", "excluded accounts", _exclusions, _has_exclusions),
    Check("organization.coverage", "member access of these", _coverage),
)

"""The administrators of CloudTrail and Security Hub: nobody yet, or the right one."""

from config.settings import Settings
from operations.preflight.access import management
from operations.preflight.aws_cli import import_remedy
from operations.preflight.check import (
    Check,
    has_own_trail,
    has_security_account,
    manages_security_hub,
)
from operations.preflight.facts import Facts
from operations.preflight.organization import CLOUDTRAIL, known
from operations.preflight.result import Command, Remedy, Result, missing, ok
from operations.preflight.states import is_in_state

CLOUDTRAIL_KIND = "aws_cloudtrail_organization_delegated_admin_account"
SECURITY_HUB_KIND = "aws_securityhub_organization_admin_account"
SECURITY_HUB = "securityhub.amazonaws.com"
MOST_OF_CLOUDTRAIL = 3  # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-delegated-administrator.html


def cloudtrail_administrators(facts: Facts) -> frozenset[str]:
    return _delegated(facts, CLOUDTRAIL)


def security_hub_administrators(facts: Facts) -> frozenset[str]:
    """In the home region."""
    listed = facts.of(management).listed(
        "securityhub", "ListOrganizationAdminAccounts", "AdminAccounts"
    )
    return frozenset(admin["AccountId"] for admin in listed)


def security_hub_delegates(facts: Facts) -> frozenset[str]:
    """In any region: AWS Organizations knows one for all, the management account excepted."""
    return _delegated(facts, SECURITY_HUB)


def _delegated(facts: Facts, service: str) -> frozenset[str]:
    facts.of(known)
    listed = facts.of(management).listed(
        "organizations",
        "ListDelegatedAdministrators",
        "DelegatedAdministrators",
        ServicePrincipal=service,
    )
    return frozenset(admin["Id"] for admin in listed)


def _cloudtrail(facts: Facts) -> Result:
    security, found = facts.settings.accounts.security, facts.of(cloudtrail_administrators)
    if security in found:
        if is_in_state(facts, CLOUDTRAIL_KIND, security):
            return ok(f"{security}, by Rootwatch")
        remedy = import_remedy(facts.root, CLOUDTRAIL_KIND, security)
        return missing(f"{security}, but not by Rootwatch, which would fail to make it", remedy)
    others = sorted(found)
    if len(others) < MOST_OF_CLOUDTRAIL:
        return ok(f"room beside {', '.join(others)}" if others else "nobody yet")
    right = f"at most {MOST_OF_CLOUDTRAIL - 1} others administer CloudTrail"
    commands = tuple(_deregister(facts, one) for one in others)
    remedy = Remedy(right=right, commands=commands, some_suffice=True)
    return missing(", ".join(others), remedy)


def _deregister(facts: Facts, account: str) -> Command:
    settings = facts.settings
    words = ("cloudtrail", "deregister-organization-delegated-admin")
    given = ("--delegated-admin-account-id", account)
    return facts.cli.command(
        settings.accounts.management, *words, *given, region=settings.home_region
    )


def _security_hub(facts: Facts) -> Result:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/designate-orgs-admin-account.html"""
    security = facts.settings.accounts.security
    at_home, anywhere = facts.of(security_hub_administrators), facts.of(security_hub_delegates)
    if others := sorted((at_home | anywhere) - {security}):
        return missing(", ".join(others), _give_up(facts, others))
    if security not in at_home:
        return ok("nobody yet" if not anywhere else f"{security}, in other regions")
    if is_in_state(facts, SECURITY_HUB_KIND, security):
        return ok(f"{security}, by Rootwatch")
    remedy = import_remedy(facts.root, SECURITY_HUB_KIND, security)
    return missing(f"{security}, but not by Rootwatch, which would fail to make it", remedy)


def _give_up(facts: Facts, others: list[str]) -> Remedy:
    """Security Hub forgets one in a region, AWS Organizations in all."""
    settings, cli = facts.settings, facts.cli
    account, commands = settings.accounts.management, list[Command]()
    disable = ("securityhub", "disable-organization-admin-account", "--admin-account-id")
    deregister = ("organizations", "deregister-delegated-administrator", "--service-principal")
    for one in others:
        if one in facts.of(security_hub_administrators):
            commands.append(cli.command(account, *disable, one, region=settings.home_region))
        if one in facts.of(security_hub_delegates):
            words = (*deregister, SECURITY_HUB, "--account-id", one)
            commands.append(cli.command(account, *words))
    return Remedy(
        right=(
            f"nobody but {settings.accounts.security} administers Security Hub, in any region, or"
            " Rootwatch leaves it alone"
        ),
        commands=tuple(commands),
        config=("security_hub:", "  managed: false"),
        config_instead=True,
    )


def _delegates_cloudtrail(settings: Settings) -> bool:
    return has_own_trail(settings) and has_security_account(settings)


CHECKS = (
    Check(
        "delegation.cloudtrail", "CloudTrail's administrator", _cloudtrail, _delegates_cloudtrail
    ),
    Check(
        "delegation.security_hub",
        "Security Hub's administrator",
        _security_hub,
        manages_security_hub,
    ),
)

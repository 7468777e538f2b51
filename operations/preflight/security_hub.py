"""Security Hub as it is, in the three accounts that can be looked at; the members are not."""

from collections.abc import Callable
from dataclasses import replace

from config.settings import Settings
from operations.preflight import access
from operations.preflight.aws_cli import import_remedy
from operations.preflight.check import (
    Check,
    configures_centrally,
    has_security_account,
    leaves_security_hub,
    manages_security_hub,
)
from operations.preflight.cloud import Account
from operations.preflight.errors import ReadError
from operations.preflight.facts import Facts
from operations.preflight.result import Remedy, Result, missing, ok, warning
from operations.preflight.states import is_in_state
from operations.preflight.targets import is_reached

# What an account answers in which Security Hub is off.
OFF = frozenset({"InvalidAccessException", "ResourceNotFoundException"})
HUB = "aws_securityhub_account"
AGGREGATOR = "aws_securityhub_finding_aggregator"


def _is_on(account: Account) -> bool:
    return account.find("securityhub", "DescribeHub", absent=OFF) is not None


def _management(facts: Facts) -> Result:
    """No way of the organization's turns it on there: Rootwatch does, if it manages Security Hub.

    https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
    """
    account = facts.of(access.management)
    is_on, is_managed = _is_on(account), facts.settings.security_hub.managed
    if is_on and is_managed and not is_in_state(facts, HUB, account.id):
        detail = f"is on in {account.id}, but not by Rootwatch, which would fail to turn it on"
        return missing(detail, _import_hub(facts, account))
    if is_on or is_managed:
        return ok(f"is {'on' if is_on else 'off'} in {account.id}")
    right = (
        f"Security Hub is on in {account.id}, which no administrator turns it on in; the security"
        " account keeps its findings otherwise"
    )
    return warning(f"is off in {account.id}", _turn_on(facts, account, right))


def _import_hub(facts: Facts, account: Account) -> Remedy:
    remedy = import_remedy(facts.root, HUB, account.id)
    right = (
        f"{remedy.right}. `make destroy` will turn it off then, and AWS deletes its findings after"
        " a while, unless `terraform state rm` takes it out of that state before"
    )
    return replace(remedy, right=right)


def _security(facts: Facts) -> Result:
    account = facts.of(access.security)
    if _is_on(account):
        return ok(f"is on in {account.id}; whether it is in the members was not looked at")
    right = f"Security Hub is on in {account.id}, which keeps the findings that others cannot take"
    return missing(f"is off in {account.id}", _turn_on(facts, account, right))


def _turn_on(facts: Facts, account: Account, right: str) -> Remedy:
    words = ("securityhub", "enable-security-hub", "--no-enable-default-standards")
    command = facts.cli.command(account.id, *words, region=account.region)
    return Remedy(right=right, commands=(command,))


def _standards(facts: Facts) -> Result:
    """Rootwatch's policy has none, so that it turns off those that are on.

    https://docs.aws.amazon.com/securityhub/latest/userguide/create-associate-policy.html
    """
    found = {account.id: _enabled(account) for account in _reached_accounts(facts)}
    told = [f"{name} in {account}" for account, on in found.items() for name in sorted(on)]
    if not told:
        return ok(f"none in {', '.join(found)}; the other members were not looked at")
    commands = tuple(
        facts.cli.command(
            account,
            "securityhub",
            "batch-disable-standards",
            "--standards-subscription-arns",
            *sorted(on.values()),
            region=facts.settings.home_region,
        )
        for account, on in found.items()
        if on
    )
    right = (
        "no standards are in use, since Rootwatch's policy turns them off; or it leaves the"
        " accounts that are there alone (configuration: local)"
    )
    config = ("security_hub:", "  managed: true", "  configuration: local")
    remedy = Remedy(right=right, commands=commands, config=config, config_instead=True)
    return missing(", ".join(told), remedy)


def _reached_accounts(facts: Facts) -> list[Account]:
    """Of those that can be looked at."""
    accounts = {facts.of(read).id: facts.of(read) for read in _readable(facts.settings)}
    return [one for id_, one in sorted(accounts.items()) if is_reached(facts, id_)]


def _readable(settings: Settings) -> list[Callable[[Facts], Account]]:
    own_trail = [access.log_archive] if settings.trail.managed else []
    return [access.management, *own_trail, access.security]


def _enabled(account: Account) -> dict[str, str]:
    """The subscriptions' ARNs by the standards' names."""
    try:
        listed = list(
            account.listed("securityhub", "GetEnabledStandards", "StandardsSubscriptions")
        )
    except ReadError as error:
        if error.code in OFF:
            return {}
        raise
    return {
        one["StandardsArn"].partition("/")[2]: one["StandardsSubscriptionArn"] for one in listed
    }


def aggregators(facts: Facts) -> list[str]:
    """Of the security account's own; a member sees its administrator's."""
    account = facts.of(access.security)
    if not _is_on(account):
        return []
    listed = account.listed("securityhub", "ListFindingAggregators", "FindingAggregators")
    arns = [one["FindingAggregatorArn"] for one in listed]
    return [arn for arn in arns if arn.split(":")[4] == account.id]


def _aggregator(facts: Facts) -> Result:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation.html"""
    found = facts.of(aggregators)
    if not found:
        return ok("none")
    (arn,) = found
    if is_in_state(facts, AGGREGATOR, arn):
        return ok("Rootwatch's")
    home = arn.split(":")[3]
    detail = f"one in {home}, not by Rootwatch, and an account has at most one"
    if home == facts.settings.home_region:
        return missing(detail, import_remedy(facts.root, AGGREGATOR, arn))
    words = ("securityhub", "delete-finding-aggregator", "--finding-aggregator-arn", arn)
    command = facts.cli.command(facts.settings.accounts.security, *words, region=home)
    right = f"findings are gathered in {facts.settings.home_region}, or home_region is {home}"
    return missing(detail, Remedy(right=right, commands=(command,)))


CHECKS = (
    Check(
        "security_hub.security",
        "Security Hub, security account",
        _security,
        leaves_security_hub,
    ),
    Check(
        "security_hub.management",
        "Security Hub, management account",
        _management,
        has_security_account,
    ),
    Check("security_hub.standards", "Security Hub's standards", _standards, configures_centrally),
    Check(
        "security_hub.aggregator",
        "Security Hub's aggregator",
        _aggregator,
        manages_security_hub,
    ),
)

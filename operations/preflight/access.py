"""Whose credentials these are, and which accounts they can enter."""

from collections.abc import Callable

from config.settings import Settings
from operations.preflight.aws_cli import as_json
from operations.preflight.check import Check, has_security_account
from operations.preflight.cloud import Account
from operations.preflight.errors import CannotEnterError, NotLookedAtError
from operations.preflight.facts import Facts
from operations.preflight.result import Remedy, Result, missing, ok


def management(facts: Facts) -> Account:
    wanted, given = facts.settings.accounts.management, facts.identity.account
    if given != wanted:
        raise NotLookedAtError(f"the credentials are of the account {given}")
    region = facts.settings.home_region
    return Account(id=wanted, region=region, cloud=facts.cloud, credentials={})


def log_archive(facts: Facts) -> Account:
    accounts = facts.settings.accounts
    if accounts.log_archive == accounts.security:
        return facts.of(security)
    return _entered(facts, accounts.log_archive)


def security(facts: Facts) -> Account:
    return _entered(facts, facts.settings.accounts.security)


def _entered(facts: Facts, account: str) -> Account:
    here = facts.of(management)
    if account == here.id:
        return here
    return facts.cloud.enter(
        role_arn(facts.settings, account), facts.settings.name_prefix, facts.settings.home_region
    )


def role_arn(settings: Settings, account: str) -> str:
    return f"arn:{settings.partition}:iam::{account}:role/{settings.deployment_role}"


def _credentials(facts: Facts) -> Result:
    wanted, who = facts.settings.accounts.management, facts.identity
    if who.account == wanted:
        return ok(f"{who.name} of the management account {wanted}")
    right = f"credentials of an administrator of the management account {wanted}"
    commands = (facts.cli.command(wanted, "sts", "get-caller-identity"),)
    told = f"{who.name} of the account {who.account}; nothing else was looked at"
    return missing(told, Remedy(right=right, commands=commands))


def _log_archive(facts: Facts) -> Result:
    return _entrance(facts, facts.settings.accounts.log_archive, log_archive)


def _security(facts: Facts) -> Result:
    return _entrance(facts, facts.settings.accounts.security, security)


def _entrance(facts: Facts, account: str, enter: Callable[[Facts], Account]) -> Result:
    role = facts.settings.deployment_role
    try:
        facts.of(enter)
    except CannotEnterError as error:
        return missing(f"{role} in {account}: {error.reason}", _role(facts, account))
    return ok(f"{role} in {account}")


def _role(facts: Facts, account: str) -> Remedy:
    """AWS tells nobody whether a role is missing or does not let him in."""
    settings, cli = facts.settings, facts.cli
    role, partition = settings.deployment_role, settings.partition
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{settings.accounts.management}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    policy = f"arn:{partition}:iam::aws:policy/AdministratorAccess"
    create = ("create-role", "--role-name", role, "--assume-role-policy-document", as_json(trust))
    attach = ("attach-role-policy", "--role-name", role, "--policy-arn", policy)
    return Remedy(
        right=(
            f"a role {role} in {account} that {facts.identity.arn} may assume, or another name in"
            f" deployment_role; an administrator of {account} makes it"
        ),
        commands=tuple(cli.without_profile(account, "iam", *words) for words in (create, attach)),
    )


def _has_log_archive_account(settings: Settings) -> bool:
    accounts = settings.accounts
    needed = settings.trail.managed
    return needed and accounts.log_archive not in {accounts.management, accounts.security}


CHECKS = (
    Check("access.credentials", "credentials", _credentials),
    Check(
        "access.log_archive",
        "way into log archive account",
        _log_archive,
        _has_log_archive_account,
    ),
    Check("access.security", "way into security account", _security, has_security_account),
)

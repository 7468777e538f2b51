"""The credentials, and the deployment role in the other accounts."""

from collections.abc import Callable

from config.settings import Settings
from operations.preflight.aws import AccountClient, AssumeRoleError, SkippedError
from operations.preflight.check import Check, CheckContext, as_json, has_member_security_account
from operations.preflight.result import CheckResult, Remedy, failed, passed


def management_account(context: CheckContext) -> AccountClient:
    expected, found = context.settings.accounts.management, context.identity.account
    if found != expected:
        raise SkippedError(f"the credentials belong to account {found}")
    region = context.settings.home_region
    return AccountClient(id=expected, region=region, clients=context.clients, credentials={})


def log_archive_account(context: CheckContext) -> AccountClient:
    accounts = context.settings.accounts
    if accounts.log_archive == accounts.security:
        return context.cached(security_account)
    return _account(context, accounts.log_archive)


def security_account(context: CheckContext) -> AccountClient:
    return _account(context, context.settings.accounts.security)


def _account(context: CheckContext, account: str) -> AccountClient:
    settings, management = context.settings, context.cached(management_account)
    if account == management.id:
        return management
    role = deployment_role_arn(settings, account)
    return context.clients.assume_role(role, settings.name_prefix, settings.home_region)


def deployment_role_arn(settings: Settings, account: str) -> str:
    return f"arn:{settings.partition}:iam::{account}:role/{settings.deployment_role}"


def _check_credentials(context: CheckContext) -> CheckResult:
    management, caller = context.settings.accounts.management, context.identity
    if caller.account == management:
        return passed(f"{caller.name} in the management account {management}")
    remedy = Remedy(
        expected=f"credentials of an administrator of the management account {management}",
        commands=(context.cli.command(management, "sts", "get-caller-identity"),),
    )
    return failed(f"{caller.name} in account {caller.account}; no other check ran", remedy)


def _check_log_archive(context: CheckContext) -> CheckResult:
    return _check_role(context, context.settings.accounts.log_archive, log_archive_account)


def _check_security(context: CheckContext) -> CheckResult:
    return _check_role(context, context.settings.accounts.security, security_account)


def _check_role(
    context: CheckContext, account: str, assume: Callable[[CheckContext], AccountClient]
) -> CheckResult:
    role = context.settings.deployment_role
    try:
        context.cached(assume)
    except AssumeRoleError as error:
        detail = f"cannot assume {role} in {account}: {error.response}"
        return failed(detail, _create_role(context, account))
    return passed(f"{role} in {account}")


def _create_role(context: CheckContext, account: str) -> Remedy:
    """STS returns the same error for a missing role and a denied one."""
    settings, cli = context.settings, context.cli
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
        expected=(
            f"a role {role} in account {account} that {context.identity.arn} can assume, or the"
            f" name of another role in deployment_role; an administrator of {account} creates it"
        ),
        commands=tuple(cli.without_profile(account, "iam", *words) for words in (create, attach)),
    )


def _has_log_archive_account(settings: Settings) -> bool:
    accounts = settings.accounts
    is_separate = accounts.log_archive not in {accounts.management, accounts.security}
    return settings.trail.managed and is_separate


CHECKS = (
    Check("access.credentials", "credentials", _check_credentials),
    Check(
        "access.log_archive",
        "access to the log archive account",
        _check_log_archive,
        _has_log_archive_account,
    ),
    Check(
        "access.security",
        "access to the security account",
        _check_security,
        has_member_security_account,
    ),
)

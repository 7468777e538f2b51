"""The accounts that a deployment does not cover, as AWS reports them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from config.settings import Settings
from modules.naming import Names
from operations.preflight.access import deployment_role_arn
from operations.preflight.aws import AccountClient, AwsClients, ReadError
from operations.preflight.check import AwsCli, Check, CheckContext
from operations.preflight.organization import is_active
from operations.preflight.result import CheckResult, Command, Remedy, passed, warned
from operations.preflight.terraform import states

MEMBER_ACCESS, SECURITY_HUB = "member role and event rule", "Security Hub"
SUSPENDED = "SKIPPED_SUSPENDED_ACCOUNT"
STACKS = frozenset({"organization", "security_hub"})  # that cover accounts
MAX_REPORTED = 3  # accounts in the preflight
MAX_LOOKED_UP = 50  # accounts whose status is read: the number of calls is limited
NOT_CENTRAL = frozenset({"AccessDeniedException", "InvalidAccessException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """`target` is an account, or the root or unit of a configuration policy."""

    target: str
    part: str
    reason: str
    is_expected: bool  # nothing can be done: the account is suspended

    def __str__(self) -> str:
        return f"{self.target}  {self.part}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    gaps: tuple[Gap, ...] = ()
    policy: str | None = None  # the ID of the configuration policy whose association failed
    pending: int = 0  # associations of Security Hub that AWS is still working on

    @property
    def failures(self) -> tuple[Gap, ...]:
        return tuple(one for one in self.gaps if not one.is_expected)


def read_coverage(settings: Settings, stacks: set[str], clients: AwsClients) -> Coverage:
    """Of the deployed stacks. Raises PreflightError if AWS denies a call or does not respond."""
    management = AccountClient(
        id=settings.accounts.management,
        region=settings.home_region,
        clients=clients,
        credentials={},
    )
    gaps, failed, pending = list[Gap](), list[Mapping[str, Any]](), 0
    if "organization" in stacks:
        gaps += _without_member_access(settings, management)
    hub = settings.security_hub
    if "security_hub" in stacks and hub.managed and hub.configuration == "central":
        role = deployment_role_arn(settings, settings.accounts.security)
        security = clients.assume_role(role, settings.name_prefix, settings.home_region)
        failed = _associations(security, "FAILED")
        gaps += _without_security_hub(management, failed)
        pending = len(_associations(security, "PENDING"))
    policy = next((one["ConfigurationPolicyId"] for one in failed), None)
    return Coverage(gaps=tuple(gaps), policy=policy, pending=pending)


def _without_member_access(settings: Settings, management: AccountClient) -> Iterator[Gap]:
    """Operation preferences do not apply to accounts that joined, which are listed only here."""
    instances = management.paginate(
        "cloudformation",
        "ListStackInstances",
        "Summaries",
        region=settings.sign_in_region,
        StackSetName=Names(settings).member_stack_set,
    )
    for one in instances:
        detail = one.get("StackInstanceStatus", {}).get("DetailedStatus", "")
        if one["Status"] != "CURRENT" or detail == SUSPENDED:
            reason = one.get("StatusReason") or detail or "no reason from AWS"
            yield Gap(
                target=one["Account"],
                part=MEMBER_ACCESS,
                reason=f"{one['Status']}: {_one_line(reason)}",
                is_expected=detail == SUSPENDED,
            )


def _associations(security: AccountClient, status: str) -> list[Mapping[str, Any]]:
    try:
        return list(
            security.paginate(
                "securityhub",
                "ListConfigurationPolicyAssociations",
                "ConfigurationPolicyAssociationSummaries",
                Filters={"AssociationStatus": status},
            )
        )
    except ReadError as error:
        if error.code in NOT_CENTRAL:  # the stack is not deployed completely, which is shown
            return []
        raise


def _without_security_hub(
    management: AccountClient, failed: list[Mapping[str, Any]]
) -> Iterator[Gap]:
    """The accounts or, if AWS lists none, the root and units whose association failed."""
    accounts = [one for one in failed if one.get("TargetType") == "ACCOUNT"]
    suspended = set(_suspended(management, [one["TargetId"] for one in accounts]))
    for one in accounts or failed:
        message = one.get("AssociationStatusMessage") or "no reason from AWS"
        yield Gap(
            target=one["TargetId"],
            part=SECURITY_HUB,
            reason=f"FAILED: {_one_line(message)}",
            is_expected=one["TargetId"] in suspended,
        )


def _suspended(management: AccountClient, accounts: list[str]) -> Iterator[str]:
    for account in islice(accounts, MAX_LOOKED_UP):
        found = management.find(
            "organizations",
            "DescribeAccount",
            absent={"AccountNotFoundException"},
            AccountId=account,
        )
        if found and not is_active(found["Account"]):
            yield account


def retry_commands(settings: Settings, found: Coverage) -> tuple[Command, ...]:
    """What covers the accounts once the causes are fixed.

    Terraform does not repeat what it created. AWS documents no repetition by itself.
    """
    return (*_deploy_again(settings, found), *_associate_again(settings, found))


def _deploy_again(settings: Settings, found: Coverage) -> Iterator[Command]:
    accounts = sorted({one.target for one in found.failures if one.part == MEMBER_ACCESS})
    if not accounts:
        return
    targets = (
        f"OrganizationalUnitIds={','.join(settings.organization.targets)},"
        f"Accounts={','.join(accounts)},AccountFilterType=INTERSECTION"
    )
    yield AwsCli(settings).command(
        settings.accounts.management,
        *("cloudformation", "create-stack-instances"),
        *("--stack-set-name", Names(settings).member_stack_set),
        *("--regions", settings.sign_in_region),
        *("--deployment-targets", targets),
        region=settings.sign_in_region,
    )


def _associate_again(settings: Settings, found: Coverage) -> Iterator[Command]:
    """With the same targets, so that the accounts keep inheriting the policy."""
    if not found.policy or not any(one.part == SECURITY_HUB for one in found.failures):
        return
    for target in settings.organization.targets:
        key = "RootId" if target.startswith("r-") else "OrganizationalUnitId"
        yield AwsCli(settings).command(
            settings.accounts.security,
            *("securityhub", "start-configuration-policy-association"),
            *("--configuration-policy-identifier", found.policy),
            *("--target", f"{key}={target}"),
            region=settings.home_region,
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _check_accounts(context: CheckContext) -> CheckResult:
    deployed = {stack for stack, one in context.cached(states).items() if one and one.resources}
    if not deployed & STACKS:
        return passed("nothing deployed yet")
    settings = context.settings
    found = read_coverage(settings, deployed, context.clients)
    if not found.failures:
        pending = f"; Security Hub is pending in {found.pending}" if found.pending else ""
        return passed(f"all active accounts are covered{pending}")
    reported = [str(one) for one in found.failures[:MAX_REPORTED]]
    more = len(found.failures) - len(reported)
    detail = "; ".join([*reported, *([f"and {more} more"] if more else [])])
    expected = (
        "all active accounts are covered: fix the causes, and deploy to these accounts again;"
        " the trail reports their sign-ins meanwhile"
    )
    return warned(detail, Remedy(expected=expected, commands=retry_commands(settings, found)))


CHECKS = (Check("deployment.accounts", "accounts of the deployment", _check_accounts),)

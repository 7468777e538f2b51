"""The organization, its targets, the designated accounts, and trusted access of AWS services."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from config.settings import Settings
from operations.preflight.access import management_account
from operations.preflight.aws import AccountClient, SkippedError
from operations.preflight.check import Cache, Check, CheckContext, manages_trail
from operations.preflight.result import CheckResult, Command, Remedy, failed, passed, warned

NOT_IN_USE = "AWSOrganizationsNotInUseException"
ABSENT = frozenset({"ChildNotFoundException", "InvalidInputException"})
CLOUDTRAIL = "cloudtrail.amazonaws.com"
STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"


def described_organization(context: CheckContext) -> dict[str, Any] | None:
    response = context.cached(management_account).find(
        "organizations", "DescribeOrganization", absent={NOT_IN_USE}
    )
    return response["Organization"] if response else None


def expected_organization(context: CheckContext) -> dict[str, Any]:
    """Raises SkippedError if it is not the one of the configuration."""
    settings, organization = context.settings, context.cached(described_organization)
    if organization is None:
        raise SkippedError("the account is not in an organization")
    if organization["Id"] != settings.organization.id:
        raise SkippedError(f"the organization is {organization['Id']}")
    if organization["MasterAccountId"] != settings.accounts.management:
        raise SkippedError("the credentials do not belong to the management account")
    return organization


def trusted_services(context: CheckContext) -> frozenset[str]:
    context.cached(expected_organization)
    services = context.cached(management_account).paginate(
        "organizations", "ListAWSServiceAccessForOrganization", "EnabledServicePrincipals"
    )
    return frozenset(service["ServicePrincipal"] for service in services)


def _check_identity(context: CheckContext) -> CheckResult:
    settings, organization = context.settings, context.cached(described_organization)
    expected_id, account = settings.organization.id, settings.accounts.management
    if organization is None:
        create = ("organizations", "create-organization", "--feature-set", "ALL")
        remedy = Remedy(
            expected=f"{account} is the management account of an organization",
            commands=(context.cli.command(account, *create),),
        )
        return failed(f"{account} is not in an organization", remedy)
    config = []
    if (found := organization["Id"]) != expected_id:
        config += ["organization:", f"  id: {found}"]
    if (management := organization["MasterAccountId"]) != account:
        config += ["accounts:", f'  management: "{management}"']
    detail = f"{found}, management account {management}"
    if not config:
        return passed(detail)
    expected = f"{expected_id}, management account {account}, as in the configuration"
    return failed(detail, Remedy(expected=expected, config=tuple(config)))


def _check_features(context: CheckContext) -> CheckResult:
    features = context.cached(expected_organization)["FeatureSet"]
    if features == "ALL":
        return passed("feature set ALL")
    account = context.settings.accounts.management
    command = context.cli.command(
        account,
        "organizations",
        "enable-all-features",
        effect="Cannot be undone. Policies can then restrict the accounts.",
    )
    expected = "feature set ALL; each invited account must accept the change"
    return failed(f"feature set {features}", Remedy(expected=expected, commands=(command,)))


def _check_cloudtrail(context: CheckContext) -> CheckResult:
    if CLOUDTRAIL in context.cached(trusted_services):
        return passed("enabled")
    words = ("enable-aws-service-access", "--service-principal", CLOUDTRAIL)
    account = context.settings.accounts.management
    command = context.cli.command(account, "organizations", *words)
    expected = "trusted access for CloudTrail enabled; an organization trail requires it"
    return failed("not enabled", Remedy(expected=expected, commands=(command,)))


def _check_stack_sets(context: CheckContext) -> CheckResult:
    """CloudFormation and AWS Organizations each keep this setting. The command sets both.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-activate-trusted-access.html
    """
    account, region = context.cached(management_account), context.settings.sign_in_region
    response = account.read("cloudformation", "DescribeOrganizationsAccess", region=region)
    problems = []
    if STACK_SETS not in context.cached(trusted_services):
        problems.append("not enabled in AWS Organizations")
    if response["Status"] != "ENABLED":
        problems.append(f"{response['Status']} in CloudFormation")
    if not problems:
        return passed("enabled")
    command = context.cli.command(
        account.id, "cloudformation", "activate-organizations-access", region=region
    )
    expected = (
        "trusted access for StackSets enabled in both services; the stack set requires it to"
        " deploy to member accounts"
    )
    return failed(", ".join(problems), Remedy(expected=expected, commands=(command,)))


class UnitTree:
    """Roots, organizational units and accounts, read on demand."""

    def __init__(self, account: AccountClient) -> None:
        self._account = account
        self._parents = Cache()
        roots = account.paginate("organizations", "ListRoots", "Roots")
        self.roots = frozenset(root["Id"] for root in roots)

    def path(self, child: str) -> tuple[str, ...] | None:
        """The child, its parent, and so on up to the root; None if the child does not exist."""
        if child in self.roots:
            return (child,)
        parent = self._parent(child)
        above = parent and self.path(parent)
        return (child, *above) if above else None

    def _parent(self, child: str) -> str | None:
        return cast("str | None", self._parents.get(child, lambda: self._read_parent(child)))

    def _read_parent(self, child: str) -> str | None:
        response = self._account.find("organizations", "ListParents", absent=ABSENT, ChildId=child)
        return response["Parents"][0]["Id"] if response else None

    def accounts_below(self, target: str) -> Iterator[dict[str, Any]]:
        """Reads the next page or unit only if the caller asks for more."""
        yield from self._children("ListAccountsForParent", "Accounts", target)
        units = self._children("ListOrganizationalUnitsForParent", "OrganizationalUnits", target)
        for unit in units:
            yield from self.accounts_below(unit["Id"])

    def _children(self, operation: str, key: str, parent: str) -> Iterator[Any]:
        return self._account.paginate("organizations", operation, key, ParentId=parent)


def organization_tree(context: CheckContext) -> UnitTree:
    context.cached(expected_organization)
    return UnitTree(context.cached(management_account))


def is_active(account: dict[str, Any]) -> bool:
    return (account.get("State") or account.get("Status")) == "ACTIVE"  # Status is deprecated


def is_below_targets(context: CheckContext, account: str) -> bool:
    path = context.cached(organization_tree).path(account) or ()
    return not set(context.settings.organization.targets).isdisjoint(path)


def has_member_access(context: CheckContext, account: str) -> bool:
    excluded = context.settings.organization.excluded_accounts
    return is_below_targets(context, account) and account not in excluded


def _check_targets(context: CheckContext) -> CheckResult:
    targets = context.settings.organization.targets
    problems = dict(zip(targets, context.map(_target_problem(context), targets), strict=True))
    if not any(problems.values()):
        return passed(f"{', '.join(targets)}: each contains an active member account")
    valid = [target for target, problem in problems.items() if problem is None]
    remedy = Remedy(
        expected="each target exists, is not below another target, and contains an active member"
        " account",
        commands=_list_units(context),
        config=_targets_config(valid or _roots(context)),
    )
    return failed("; ".join(filter(None, problems.values())), remedy)


def _target_problem(context: CheckContext) -> Callable[[str], str | None]:
    settings, tree = context.settings, context.cached(organization_tree)
    targets = frozenset(settings.organization.targets)
    not_reached = {settings.accounts.management, *settings.organization.excluded_accounts}

    def problem(target: str) -> str | None:
        path = tree.path(target)
        if path is None:
            return f"{target} does not exist"
        if above := next((one for one in path[1:] if one in targets), None):
            return f"{target} is below {above}"
        accounts = tree.accounts_below(target)
        if not any(is_active(one) and one["Id"] not in not_reached for one in accounts):
            return f"{target} contains no active member account"
        return None

    return problem


def _list_units(context: CheckContext) -> tuple[Command, ...]:
    words = ("organizations", "list-organizational-units-for-parent", "--parent-id")
    account = context.settings.accounts.management
    return tuple(context.cli.command(account, *words, root) for root in _roots(context))


def _roots(context: CheckContext) -> list[str]:
    return sorted(context.cached(organization_tree).roots)


def _targets_config(targets: Iterable[str]) -> tuple[str, ...]:
    return ("organization:", f"  targets: [{', '.join(targets)}]")


def _check_exclusions(context: CheckContext) -> CheckResult:
    excluded = context.settings.organization.excluded_accounts
    below = context.map(lambda account: is_below_targets(context, account), excluded)
    valid = [account for account, is_below in zip(excluded, below, strict=True) if is_below]
    if len(valid) == len(excluded):
        return passed(f"{len(excluded)} below the targets")
    invalid = sorted(set(excluded) - set(valid))
    remedy = Remedy(
        expected="all excluded accounts are below the targets",
        config=("organization:", _exclusions_config(valid)),
    )
    return failed(f"not below the targets: {', '.join(invalid)}", remedy)


def _exclusions_config(accounts: Iterable[str]) -> str:
    quoted = ", ".join(f'"{account}"' for account in accounts)
    return f"  excluded_accounts: [{quoted}]"


def _check_designated_accounts(context: CheckContext) -> CheckResult:
    accounts = _designated_accounts(context.settings)
    problems = context.map(_membership_problem(context), accounts)
    if not any(problems):
        named = [f"{role} {account}" for account, role in accounts.items()]
        return passed(", ".join(named) or "only the management account")
    words = ("list-accounts", "--query", "Accounts[].[Id,Name,State]", "--output", "text")
    management = context.settings.accounts.management
    command = context.cli.command(management, "organizations", *words)
    expected = "accounts.log_archive and accounts.security are active accounts of this organization"
    detail = "; ".join(filter(None, problems))
    return failed(detail, Remedy(expected=expected, commands=(command,)))


def _membership_problem(context: CheckContext) -> Callable[[str], str | None]:
    context.cached(expected_organization)
    management, absent = context.cached(management_account), {"AccountNotFoundException"}

    def problem(member: str) -> str | None:
        response = management.find(
            "organizations", "DescribeAccount", absent=absent, AccountId=member
        )
        if response is None:
            return f"{member} is not in the organization"
        account = response["Account"]
        if is_active(account):
            return None
        return f"{member} is {account.get('State') or account['Status']}"

    return problem


def _check_coverage(context: CheckContext) -> CheckResult:
    accounts = _designated_accounts(context.settings)
    outside = [
        f"{role} {account}"
        for account, role in accounts.items()
        if not has_member_access(context, account)
    ]
    if not outside:
        return passed("all designated accounts have member access")
    config = _targets_config(_roots(context))
    excluded = context.settings.organization.excluded_accounts
    if not set(accounts).isdisjoint(excluded):
        config += (_exclusions_config(one for one in excluded if one not in accounts),)
    expected = (
        "all designated accounts have member access; without it, only the trail delivers their"
        " events, minutes later, and their findings are fallback findings"
    )
    detail = f"without member access: {', '.join(outside)}"
    return warned(detail, Remedy(expected=expected, config=config))


def _designated_accounts(settings: Settings) -> dict[str, str]:
    """Role by account, without the management account: its member access is a stack of its own."""
    accounts = settings.accounts
    designated = {accounts.log_archive: "log archive", accounts.security: "security"}
    designated.pop(accounts.management, None)
    return designated


def _has_exclusions(settings: Settings) -> bool:
    return bool(settings.organization.excluded_accounts)


CHECKS = (
    Check("organization.identity", "organization", _check_identity),
    Check("organization.features", "feature set", _check_features),
    Check("organization.accounts", "designated accounts", _check_designated_accounts),
    Check("organization.targets", "targets", _check_targets),
    Check("organization.exclusions", "excluded accounts", _check_exclusions, _has_exclusions),
    Check("organization.coverage", "member access of designated accounts", _check_coverage),
    Check(
        "trusted_access.cloudtrail",
        "trusted access for CloudTrail",
        _check_cloudtrail,
        manages_trail,
    ),
    Check("trusted_access.stack_sets", "trusted access for StackSets", _check_stack_sets),
)

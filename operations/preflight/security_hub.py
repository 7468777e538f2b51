"""Security Hub in the designated accounts. The preflight does not enter member accounts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from config.settings import Settings
from operations.preflight.access import (
    log_archive_account,
    management_account,
    security_account,
)
from operations.preflight.aws import AccountClient, ReadError
from operations.preflight.check import (
    Check,
    CheckContext,
    configures_centrally,
    has_member_security_account,
    ignores_security_hub,
    manages_security_hub,
)
from operations.preflight.delegations import security_hub_administrators
from operations.preflight.organization import (
    expected_organization,
    has_member_access,
    is_active,
    is_below_targets,
)
from operations.preflight.result import CheckResult, Remedy, failed, passed, warned
from operations.preflight.terraform import import_remedy, is_in_state

# The error codes of an account in which Security Hub is not enabled.
NOT_ENABLED = frozenset({"InvalidAccessException", "ResourceNotFoundException"})
HUB = "aws_securityhub_account"
AGGREGATOR = "aws_securityhub_finding_aggregator"
POLICY = "aws_securityhub_configuration_policy"
# Accounts to list, suspended ones to locate, and ones to report: the number of calls is limited
# in an organization of thousands.
MAX_LISTED, MAX_CHECKED, MAX_REPORTED = 100, 20, 3
LOCAL = ("security_hub:", "  managed: true", "  configuration: local")
NOT_MANAGED = ("security_hub:", "  managed: false")


def _is_enabled(account: AccountClient) -> bool:
    return account.find("securityhub", "DescribeHub", absent=NOT_ENABLED) is not None


def _check_management(context: CheckContext) -> CheckResult:
    """An administrator cannot enable it there. Rootwatch does, if it manages Security Hub.

    https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
    """
    account = context.cached(management_account)
    is_enabled, is_managed = _is_enabled(account), context.settings.security_hub.managed
    if is_enabled and is_managed and not is_in_state(context, HUB, account.id):
        detail = f"enabled in {account.id}, not by Rootwatch; the deployment cannot enable it again"
        return failed(detail, _import_hub(context, account))
    if is_enabled or is_managed:
        return passed(f"{'enabled' if is_enabled else 'not enabled'} in {account.id}")
    expected = (
        f"Security Hub enabled in {account.id}, where a Security Hub administrator cannot enable"
        " it; otherwise its findings are fallback findings in the security account"
    )
    return warned(f"not enabled in {account.id}", _enable(context, account, expected))


def _import_hub(context: CheckContext, account: AccountClient) -> Remedy:
    remedy = import_remedy(context.root, HUB, account.id)
    expected = (
        f"{remedy.expected}. `make destroy` then disables Security Hub in this account, and AWS"
        " deletes its findings later. To keep it, run `terraform state rm` before `make destroy`"
    )
    return replace(remedy, expected=expected)


def _check_security(context: CheckContext) -> CheckResult:
    account = context.cached(security_account)
    if _is_enabled(account):
        return passed(f"enabled in {account.id}; member accounts are not checked")
    expected = f"Security Hub enabled in {account.id}, which stores the fallback findings"
    return failed(f"not enabled in {account.id}", _enable(context, account, expected))


def _enable(context: CheckContext, account: AccountClient, expected: str) -> Remedy:
    words = ("securityhub", "enable-security-hub", "--no-enable-default-standards")
    command = context.cli.command(account.id, *words, region=account.region)
    return Remedy(expected=expected, commands=(command,))


def _check_standards(context: CheckContext) -> CheckResult:
    """Rootwatch's configuration policy enables no standards: it disables those in use.

    https://docs.aws.amazon.com/securityhub/latest/userguide/create-associate-policy.html
    """
    found = {account.id: _enabled_standards(account) for account in _covered_accounts(context)}
    enabled = [f"{name} in {account}" for account, names in found.items() for name in names]
    if not enabled:
        return passed(f"none in {', '.join(found)}; other member accounts are not checked")
    expected = (
        "no standards are enabled, because Rootwatch's configuration policy disables them; or"
        " local configuration, which does not change existing accounts"
    )
    remedy = Remedy(expected=expected, config=LOCAL)
    return failed(", ".join(enabled), remedy)


def _covered_accounts(context: CheckContext) -> list[AccountClient]:
    """Of the designated accounts."""
    accounts = [context.cached(read) for read in _readable_accounts(context.settings)]
    by_id = sorted({account.id: account for account in accounts}.items())
    return [account for id_, account in by_id if has_member_access(context, id_)]


def _readable_accounts(settings: Settings) -> list[Callable[[CheckContext], AccountClient]]:
    log_archive = [log_archive_account] if settings.trail.managed else []
    return [management_account, *log_archive, security_account]


def _enabled_standards(account: AccountClient) -> list[str]:
    """For example cis-aws-foundations-benchmark/v/1.2.0."""
    listed = account.paginate("securityhub", "GetEnabledStandards", "StandardsSubscriptions")
    try:
        return sorted(one["StandardsArn"].partition("/")[2] for one in listed)
    except ReadError as error:
        if error.code in NOT_ENABLED:
            return []
        raise


def aggregators(context: CheckContext) -> list[str]:
    """ARNs of the security account's own; a member account also sees its administrator's."""
    account = context.cached(security_account)
    if not _is_enabled(account):
        return []
    listed = account.paginate("securityhub", "ListFindingAggregators", "FindingAggregators")
    arns = [one["FindingAggregatorArn"] for one in listed]
    return [arn for arn in arns if arn.split(":")[4] == account.id]


def _check_aggregator(context: CheckContext) -> CheckResult:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation.html"""
    found, settings = context.cached(aggregators), context.settings
    if not found:
        return passed("none")
    (arn,) = found
    if is_in_state(context, AGGREGATOR, arn):
        return passed("created by Rootwatch")
    region = arn.split(":")[3]
    detail = f"aggregator in {region}, not created by Rootwatch; an account can have only one"
    if region == settings.home_region:
        return failed(detail, import_remedy(context.root, AGGREGATOR, arn))
    expected = (
        f"no aggregator outside of {settings.home_region}; otherwise, set home_region to the Region"
        " of the aggregator, or security_hub.managed to false"
    )
    return failed(detail, Remedy(expected=expected, config=(f"home_region: {region}",)))


@dataclass(frozen=True, slots=True)
class OtherPolicy:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policies-overview.html"""

    name: str
    targets: tuple[str, ...]  # IDs of the root, units and accounts

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.targets) or 'not associated'})"


def other_policies(context: CheckContext) -> tuple[OtherPolicy, ...]:
    """Policies that Rootwatch did not create; empty without central configuration."""
    if not _is_central(context):
        return ()
    account, targets = context.cached(security_account), dict[str, list[str]]()
    for association in account.paginate(
        "securityhub",
        "ListConfigurationPolicyAssociations",
        "ConfigurationPolicyAssociationSummaries",
        Filters={"AssociationType": "APPLIED"},
    ):
        of_policy = targets.setdefault(association["ConfigurationPolicyId"], [])
        of_policy.append(association["TargetId"])
    listed = account.paginate(
        "securityhub", "ListConfigurationPolicies", "ConfigurationPolicySummaries"
    )
    return tuple(
        OtherPolicy(one["Name"], tuple(targets.get(one["Id"], ())))
        for one in listed
        if not is_in_state(context, POLICY, one["Name"])
    )


def _is_central(context: CheckContext) -> bool:
    account = context.cached(security_account)
    if account.id not in context.cached(security_hub_administrators):
        return False
    found = account.find(
        "securityhub", "DescribeOrganizationConfiguration", absent={"InvalidAccessException"}
    )
    configuration = (found or {}).get("OrganizationConfiguration", {})
    return bool(configuration.get("ConfigurationType") == "CENTRAL")


def _check_policies(context: CheckContext) -> CheckResult:
    found = context.cached(other_policies)
    conflicts = [policy for policy in found if _is_conflict(context, policy)]
    if not conflicts:
        return passed("no other policies in use")
    remedy = Remedy(
        expected=(
            "only Rootwatch's configuration policy; to keep the others, set security_hub.managed"
            " to false"
        ),
        config=NOT_MANAGED,
    )
    return failed(f"not created by Rootwatch: {', '.join(map(str, conflicts))}", remedy)


def _is_conflict(context: CheckContext, policy: OtherPolicy) -> bool:
    """Local configuration requires that no policy exists."""
    is_local = context.settings.security_hub.configuration == "local"
    return bool(policy.targets) or is_local or policy.name == context.names.security_hub_policy


def _check_suspended(context: CheckContext) -> CheckResult:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html"""
    context.cached(expected_organization)
    accounts = context.cached(management_account).paginate(
        "organizations", "ListAccounts", "Accounts"
    )
    listed = list(islice(accounts, MAX_LISTED))
    suspended = [one["Id"] for one in listed if not is_active(one)]
    below = (one for one in suspended[:MAX_CHECKED] if is_below_targets(context, one))
    reported = list(islice(below, MAX_REPORTED))
    is_complete = len(listed) < MAX_LISTED and len(suspended) <= MAX_CHECKED
    if not reported:
        limit = "" if is_complete else "; only the first accounts were checked"
        return passed(f"none below the targets{limit}")
    expected = (
        "no suspended account below the targets, or local configuration; otherwise AWS may report"
        " the association of Rootwatch's configuration policy as failed"
    )
    more = "" if is_complete and len(reported) < MAX_REPORTED else ", possibly more"
    detail = f"below the targets: {', '.join(reported)}{more}"
    return warned(detail, Remedy(expected=expected, config=LOCAL))


CHECKS = (
    Check(
        "security_hub.security",
        "Security Hub, security account",
        _check_security,
        ignores_security_hub,
    ),
    Check(
        "security_hub.management",
        "Security Hub, management account",
        _check_management,
        has_member_security_account,
    ),
    Check(
        "security_hub.standards",
        "Security Hub standards",
        _check_standards,
        configures_centrally,
    ),
    Check(
        "security_hub.aggregator",
        "Security Hub aggregator",
        _check_aggregator,
        manages_security_hub,
    ),
    Check(
        "security_hub.policies",
        "Security Hub policies",
        _check_policies,
        manages_security_hub,
    ),
    Check("security_hub.suspended", "suspended accounts", _check_suspended, configures_centrally),
)

"""The delegated administrators of CloudTrail and Security Hub."""

from config.settings import Settings
from operations.preflight.access import management_account
from operations.preflight.check import (
    Check,
    CheckContext,
    has_member_security_account,
    manages_security_hub,
)
from operations.preflight.organization import CLOUDTRAIL, expected_organization
from operations.preflight.result import CheckResult, Remedy, failed, passed
from operations.preflight.terraform import import_remedy, is_in_state

CLOUDTRAIL_ADMINISTRATOR = "aws_cloudtrail_organization_delegated_admin_account"
SECURITY_HUB_ADMINISTRATOR = "aws_securityhub_organization_admin_account"
SECURITY_HUB = "securityhub.amazonaws.com"
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-delegated-administrator.html
MAX_CLOUDTRAIL_ADMINISTRATORS = 3


def cloudtrail_administrators(context: CheckContext) -> frozenset[str]:
    return _delegated_administrators(context, CLOUDTRAIL)


def security_hub_administrators(context: CheckContext) -> frozenset[str]:
    """In the home Region."""
    administrators = context.cached(management_account).paginate(
        "securityhub", "ListOrganizationAdminAccounts", "AdminAccounts"
    )
    return frozenset(one["AccountId"] for one in administrators)


def security_hub_delegates(context: CheckContext) -> frozenset[str]:
    """In any Region. AWS Organizations does not list the management account."""
    return _delegated_administrators(context, SECURITY_HUB)


def _delegated_administrators(context: CheckContext, service: str) -> frozenset[str]:
    context.cached(expected_organization)
    administrators = context.cached(management_account).paginate(
        "organizations",
        "ListDelegatedAdministrators",
        "DelegatedAdministrators",
        ServicePrincipal=service,
    )
    return frozenset(one["Id"] for one in administrators)


def _check_cloudtrail(context: CheckContext) -> CheckResult:
    security = context.settings.accounts.security
    found = context.cached(cloudtrail_administrators)
    if security in found:
        return _check_state(context, CLOUDTRAIL_ADMINISTRATOR)
    others = sorted(found)
    if len(others) < MAX_CLOUDTRAIL_ADMINISTRATORS:
        return passed(
            f"other administrators: {', '.join(others)}" if others else "no administrator"
        )
    maximum = MAX_CLOUDTRAIL_ADMINISTRATORS - 1
    expected = (
        f"at most {maximum} other administrators, so that {security} can be added; an administrator"
        " that is deregistered can no longer manage its organization trails"
    )
    detail = f"{len(others)} other administrators: {', '.join(others)}"
    return failed(detail, Remedy(expected=expected))


def _check_state(context: CheckContext, resource_type: str) -> CheckResult:
    security = context.settings.accounts.security
    if is_in_state(context, resource_type, security):
        return passed(f"{security}, delegated by Rootwatch")
    detail = (
        f"{security} is delegated, but not by Rootwatch; the deployment cannot delegate it again"
    )
    return failed(detail, import_remedy(context.root, resource_type, security))


def _check_security_hub(context: CheckContext) -> CheckResult:
    """https://docs.aws.amazon.com/securityhub/latest/userguide/designate-orgs-admin-account.html"""
    security = context.settings.accounts.security
    in_home_region = context.cached(security_hub_administrators)
    in_any_region = context.cached(security_hub_delegates)
    if others := sorted((in_home_region | in_any_region) - {security}):
        return failed(f"other administrators: {', '.join(others)}", _keep_administrator(context))
    if security in in_home_region:
        return _check_state(context, SECURITY_HUB_ADMINISTRATOR)
    return passed(
        f"{security} is the administrator in other Regions" if in_any_region else "no administrator"
    )


def _keep_administrator(context: CheckContext) -> Remedy:
    return Remedy(
        expected=(
            f"only {context.settings.accounts.security} administers Security Hub, in every Region;"
            " to keep the other administrator, set security_hub.managed to false"
        ),
        config=("security_hub:", "  managed: false"),
    )


def _delegates_cloudtrail(settings: Settings) -> bool:
    return settings.trail.managed and has_member_security_account(settings)


CHECKS = (
    Check(
        "delegation.cloudtrail",
        "CloudTrail administrator",
        _check_cloudtrail,
        _delegates_cloudtrail,
    ),
    Check(
        "delegation.security_hub",
        "Security Hub administrator",
        _check_security_hub,
        manages_security_hub,
    ),
)

"""The organization that the configuration names, and what it lets AWS's services do."""

from typing import Any

from operations.preflight.access import management
from operations.preflight.check import Check, has_own_trail
from operations.preflight.errors import NotLookedAtError
from operations.preflight.facts import Facts
from operations.preflight.result import Remedy, Result, missing, ok

NONE = "AWSOrganizationsNotInUseException"
CLOUDTRAIL = "cloudtrail.amazonaws.com"
STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"


def described(facts: Facts) -> dict[str, Any] | None:
    answer = facts.of(management).find("organizations", "DescribeOrganization", absent={NONE})
    return answer["Organization"] if answer else None


def known(facts: Facts) -> dict[str, Any]:
    """The configuration's organization, for whatever is asked about it."""
    settings, organization = facts.settings, facts.of(described)
    if organization is None:
        raise NotLookedAtError("there is no organization")
    if organization["Id"] != settings.organization.id:
        raise NotLookedAtError(f"the organization is {organization['Id']}")
    if organization["MasterAccountId"] != settings.accounts.management:
        raise NotLookedAtError("the credentials are not of the organization's management account")
    return organization


def trusted_services(facts: Facts) -> frozenset[str]:
    facts.of(known)
    services = facts.of(management).listed(
        "organizations", "ListAWSServiceAccessForOrganization", "EnabledServicePrincipals"
    )
    return frozenset(service["ServicePrincipal"] for service in services)


def _identity(facts: Facts) -> Result:
    wanted, account = facts.settings.organization.id, facts.settings.accounts.management
    organization = facts.of(described)
    if organization is None:
        create = ("organizations", "create-organization", "--feature-set", "ALL")
        right = f"{account} is the management account of an organization"
        commands = (facts.cli.command(account, *create),)
        return missing(f"{account} is in none", Remedy(right=right, commands=commands))
    lines = []
    if (found := organization["Id"]) != wanted:
        lines += ["organization:", f"  id: {found}"]
    if (manager := organization["MasterAccountId"]) != account:
        lines += ["accounts:", f'  management: "{manager}"']
    told = f"{found}, management account {manager}"
    if not lines:
        return ok(told)
    right = "the configuration names this organization and its management account"
    return missing(told, Remedy(right=right, config=tuple(lines)))


def _features(facts: Facts) -> Result:
    features = facts.of(known)["FeatureSet"]
    if features == "ALL":
        return ok("all features are on")
    account = facts.settings.accounts.management
    command = facts.cli.command(account, "organizations", "enable-all-features")
    right = "all features, to which accounts that were invited have to agree"
    return missing(f"only {features}", Remedy(right=right, commands=(command,)))


def _cloudtrail(facts: Facts) -> Result:
    if CLOUDTRAIL in facts.of(trusted_services):
        return ok("is on")
    words = ("enable-aws-service-access", "--service-principal", CLOUDTRAIL)
    command = facts.cli.command(facts.settings.accounts.management, "organizations", *words)
    right = "CloudTrail has trusted access, so that a trail covers all accounts"
    return missing("is off", Remedy(right=right, commands=(command,)))


def _stack_sets(facts: Facts) -> Result:
    """Both sides have to know of it; the command tells both.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-activate-trusted-access.html
    """
    region = facts.settings.sign_in_region
    account = facts.of(management)
    access = account.read("cloudformation", "DescribeOrganizationsAccess", region=region)["Status"]
    problems = []
    if STACK_SETS not in facts.of(trusted_services):
        problems.append("is off")
    if access != "ENABLED":
        problems.append(f"CloudFormation says {access}")
    if not problems:
        return ok("is on")
    command = facts.cli.command(
        account.id, "cloudformation", "activate-organizations-access", region=region
    )
    right = "stack sets have trusted access, so that they reach the members"
    return missing(", ".join(problems), Remedy(right=right, commands=(command,)))


CHECKS = (
    Check("organization.identity", "organization", _identity),
    Check("organization.features", "all features", _features),
)
TRUST_CHECKS = (
    Check("trusted_access.cloudtrail", "trusted access of CloudTrail", _cloudtrail, has_own_trail),
    Check("trusted_access.stack_sets", "trusted access of stack sets", _stack_sets),
)

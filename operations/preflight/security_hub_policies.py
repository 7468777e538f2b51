"""Configuration policies of others: Rootwatch's takes the place of one, or cannot be made.

https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policies-overview.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from operations.preflight import access
from operations.preflight.check import Check, manages_security_hub
from operations.preflight.delegations import security_hub_administrators
from operations.preflight.facts import Facts
from operations.preflight.result import Command, Remedy, Result, missing, ok
from operations.preflight.states import is_in_state

POLICY = "aws_securityhub_configuration_policy"
TARGETS = {"ROOT": "RootId", "ORGANIZATIONAL_UNIT": "OrganizationalUnitId", "ACCOUNT": "AccountId"}


@dataclass(frozen=True, slots=True)
class Policy:
    id: str
    name: str
    targets: tuple[str, ...]  # RootId=r-exam, that it is applied to itself

    def __str__(self) -> str:
        where = ", ".join(target.partition("=")[2] for target in self.targets)
        return f"{self.name} ({where or 'not in use'})"


def policies_of_others(facts: Facts) -> tuple[Policy, ...]:
    """None where the security account does not configure Security Hub centrally."""
    if not _is_central(facts):
        return ()
    account, targets = facts.of(access.security), dict[str, list[str]]()
    for applied in account.listed(
        "securityhub",
        "ListConfigurationPolicyAssociations",
        "ConfigurationPolicyAssociationSummaries",
        Filters={"AssociationType": "APPLIED"},
    ):
        target = f"{TARGETS[applied['TargetType']]}={applied['TargetId']}"
        targets.setdefault(applied["ConfigurationPolicyId"], []).append(target)
    listed = account.listed(
        "securityhub", "ListConfigurationPolicies", "ConfigurationPolicySummaries"
    )
    found = [Policy(one["Id"], one["Name"], tuple(targets.get(one["Id"], ()))) for one in listed]
    return tuple(policy for policy in found if not is_in_state(facts, POLICY, policy.name))


def _is_central(facts: Facts) -> bool:
    account = facts.of(access.security)
    if account.id not in facts.of(security_hub_administrators):
        return False
    found = account.find(
        "securityhub", "DescribeOrganizationConfiguration", absent={"InvalidAccessException"}
    )
    configuration = (found or {}).get("OrganizationConfiguration", {})
    return bool(configuration.get("ConfigurationType") == "CENTRAL")


def _policies(facts: Facts) -> Result:
    disturbing = [policy for policy in facts.of(policies_of_others) if _disturbs(facts, policy)]
    if not disturbing:
        return ok("none of others in use")
    commands = tuple(command for policy in disturbing for command in _commands(facts, policy))
    right = (
        "no policies but Rootwatch's, which takes their place; where they are needed, Rootwatch"
        " leaves Security Hub alone"
    )
    remedy = Remedy(
        right=right,
        commands=commands,
        config=("security_hub:", "  managed: false"),
        config_instead=True,
    )
    return missing(f"of others: {', '.join(map(str, disturbing))}", remedy)


def _disturbs(facts: Facts, policy: Policy) -> bool:
    """Local configuration is refused as long as there are any, a policy's name if it is taken."""
    is_local = facts.settings.security_hub.configuration == "local"
    return bool(policy.targets) or is_local or policy.name == facts.names.security_hub_policy


def _commands(facts: Facts, policy: Policy) -> Iterator[Command]:
    settings = facts.settings
    of_policy = ("--configuration-policy-identifier", policy.id)
    disassociate = ("securityhub", "start-configuration-policy-disassociation", *of_policy)
    account, region = settings.accounts.security, settings.home_region
    for target in policy.targets:
        yield facts.cli.command(account, *disassociate, "--target", target, region=region)
    words = ("securityhub", "delete-configuration-policy", "--identifier", policy.id)
    yield facts.cli.command(account, *words, region=region)


CHECKS = (
    Check("security_hub.policies", "Security Hub's policies", _policies, manages_security_hub),
)

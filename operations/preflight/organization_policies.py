"""Policies of AWS Organizations that deny what Rootwatch needs in the accounts.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_security_hub_cspm.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from typing import Any

from operations.preflight.access import management_account
from operations.preflight.check import Check, CheckContext, manages_security_hub
from operations.preflight.organization import (
    expected_organization,
    is_below_targets,
    organization_tree,
)
from operations.preflight.result import CheckResult, Remedy, failed, passed, warned

SERVICE_CONTROL = "SERVICE_CONTROL_POLICY"
SECURITY_HUB = "SECURITYHUB_CSPM_POLICY"
# The number of calls is limited in an organization with many policies.
MAX_POLICIES, MAX_TARGETS = 100, 100
ACCOUNT = "000000000000"  # any member account


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredAction:
    """What a principal does in a member account."""

    action: str
    principal: str
    resource: str
    region: str


def required_actions(context: CheckContext) -> tuple[RequiredAction, ...]:
    names, settings = context.names, context.settings
    partition, sign_in = settings.partition, settings.sign_in_region
    iam = f"arn:{partition}:iam::{ACCOUNT}:role"
    rule = f"arn:{partition}:events:{sign_in}:{ACCOUNT}:rule/{names.event_rule}"
    # Service-managed stack sets create this role in each account. It is no service-linked role,
    # which service control policies do not affect.
    stack_sets = f"{iam}/stacksets-exec-{'0' * 32}"
    product = (
        f"arn:{partition}:securityhub:{settings.home_region}:{ACCOUNT}:product/{ACCOUNT}/default"
    )
    hub = f"arn:{partition}:securityhub:{settings.home_region}:{ACCOUNT}:hub/default"
    created = [
        (action, f"{iam}/{role}")
        for role in (names.member_role, names.event_role)
        for action in ("iam:CreateRole", "iam:PutRolePolicy")
    ]
    created += [("iam:PassRole", f"{iam}/{names.event_role}")]
    created += [("events:PutRule", rule), ("events:PutTargets", rule)]
    return (
        *(
            RequiredAction(action=action, principal=stack_sets, resource=resource, region=sign_in)
            for action, resource in created
        ),
        RequiredAction(
            action="events:PutEvents",
            principal=f"{iam}/{names.event_role}",
            resource=names.event_bus_arn,
            region=sign_in,
        ),
        RequiredAction(
            action="securityhub:BatchImportFindings",
            principal=f"{iam}/{names.member_role}",
            resource=product,
            region=settings.home_region,
        ),
        RequiredAction(
            action="securityhub:EnableSecurityHub",
            principal=f"{iam}/{names.member_role}",
            resource=hub,
            region=settings.home_region,
        ),
    )


class Denial(Enum):
    """Ordered: with a condition that cannot be evaluated, a statement may deny the action."""

    NO = 0
    MAYBE = 1
    YES = 2


def denial(policy: Mapping[str, Any], required: RequiredAction) -> Denial:
    """Of the policy's statements with the effect Deny."""
    statements = _listed(policy["Statement"])
    denials = (_denial(one, required) for one in statements if one["Effect"] == "Deny")
    return max(denials, key=lambda one: one.value, default=Denial.NO)


def allows(policy: Mapping[str, Any], required: RequiredAction) -> bool:
    statements = _listed(policy["Statement"])
    return any(one["Effect"] == "Allow" and _applies(one, required) for one in statements)


def _denial(statement: Mapping[str, Any], required: RequiredAction) -> Denial:
    if not _applies(statement, required):
        return Denial.NO
    results = [
        _condition(operator, key, _listed(values), required)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    if False in results:
        return Denial.NO
    return Denial.MAYBE if None in results else Denial.YES


def _applies(statement: Mapping[str, Any], required: RequiredAction) -> bool:
    return _includes(statement, "Action", required.action.lower(), str.lower) and _includes(
        statement, "Resource", required.resource, _any_account
    )


def _includes(statement: Mapping[str, Any], key: str, value: str, normalize: Any) -> bool:
    negated = f"Not{key}"
    patterns = [normalize(one) for one in _listed(statement.get(key, statement.get(negated, "*")))]
    found = any(fnmatchcase(value, _glob(one)) for one in patterns)
    return found is not (negated in statement)


def _any_account(pattern: str) -> str:
    return re.sub(r":\d{12}:", ":*:", pattern)


def _glob(pattern: str) -> str:
    """Brackets are literal in IAM."""
    return pattern.replace("[", "[[]")


def _condition(operator: str, key: str, values: list[str], required: RequiredAction) -> bool | None:
    """None if the key or the operator is not evaluated here.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    known = {"aws:principalarn": required.principal, "aws:requestedregion": required.region}
    value = known.get(key.lower())
    matched = re.fullmatch(r"(String|Arn)(Not)?(Equals|Like)(IgnoreCase)?(IfExists)?", operator)
    if value is None or matched is None:
        return None
    kind, negated, comparison, ignores_case, _ = matched.groups()
    if kind == "String" and comparison == "Equals":
        fold = str.lower if ignores_case else str
        found = fold(value) in map(fold, values)
    else:
        found = any(fnmatchcase(value, _glob(_any_account(one))) for one in values)
    return found is not bool(negated)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class OrganizationPolicy:
    id: str
    name: str
    content: Mapping[str, Any]


def service_control_policies(context: CheckContext) -> tuple[OrganizationPolicy, ...]:
    return _policies(context, SERVICE_CONTROL)


def _policies(context: CheckContext, kind: str) -> tuple[OrganizationPolicy, ...]:
    """At most MAX_POLICIES; none if the root does not enable the type."""
    if kind not in context.cached(enabled_policy_types):
        return ()
    account = context.cached(management_account)
    listed = account.paginate("organizations", "ListPolicies", "Policies", Filter=kind)
    return tuple(context.map(partial(_read_policy, context), islice(listed, MAX_POLICIES)))


def _read_policy(context: CheckContext, listed: Mapping[str, Any]) -> OrganizationPolicy:
    account = context.cached(management_account)
    policy = account.read("organizations", "DescribePolicy", PolicyId=listed["Id"])["Policy"]
    return OrganizationPolicy(listed["Id"], listed["Name"], json.loads(policy["Content"]))


def enabled_policy_types(context: CheckContext) -> frozenset[str]:
    context.cached(expected_organization)
    roots = context.cached(management_account).paginate("organizations", "ListRoots", "Roots")
    types = (one for root in roots for one in root.get("PolicyTypes", ()))
    return frozenset(one["Type"] for one in types if one["Status"] == "ENABLED")


def _targets_of(context: CheckContext, policy: OrganizationPolicy) -> list[str]:
    """IDs of the root, units and accounts that the policy is attached to."""
    account = context.cached(management_account)
    listed = account.paginate(
        "organizations", "ListTargetsForPolicy", "Targets", PolicyId=policy.id
    )
    return [target["TargetId"] for target in islice(listed, MAX_TARGETS)]


def _check_service_control(context: CheckContext) -> CheckResult:
    policies = context.cached(service_control_policies)
    if not policies:
        return passed("service control policies are not enabled")
    denied, possible = list[str](), list[str]()
    for policy in policies:
        for target, actions, result in _denials(context, policy):
            text = f"{policy.name} on {target}: {', '.join(actions)}"
            is_certain = result is Denial.YES and target in _covering(context)
            (denied if is_certain else possible).append(text)
    denied += _not_allowed(context)
    complete = "" if len(policies) < MAX_POLICIES else f"; only {MAX_POLICIES} were checked"
    if not denied and not possible:
        return passed(f"none denies what the accounts need{complete}")
    remedy = Remedy(
        expected=(
            "policies that exempt the roles of Rootwatch and stacksets-exec-*; otherwise these"
            " accounts have no event rule, no member role or no Security Hub, and the trail alone"
            " reports their sign-ins"
        )
    )
    detail = "; ".join([*denied, *(f"may deny: {one}" for one in possible)]) + complete
    return failed(detail, remedy) if denied else warned(detail, remedy)


def _denials(
    context: CheckContext, policy: OrganizationPolicy
) -> Iterator[tuple[str, list[str], Denial]]:
    """For each target of the policy that is a target of Rootwatch, above one or below one."""
    results = [(one.action, denial(policy.content, one)) for one in required_actions(context)]
    actions = sorted({action for action, result in results if result is not Denial.NO})
    if not actions:
        return
    worst = max((result for _, result in results), key=lambda one: one.value)
    for target in _targets_of(context, policy):
        if target in _covering(context) or is_below_targets(context, target):
            yield target, actions, worst


def _covering(context: CheckContext) -> frozenset[str]:
    return context.cached(covering_units)


def covering_units(context: CheckContext) -> frozenset[str]:
    """The targets, and the units and roots above them."""
    tree = context.cached(organization_tree)
    paths = (tree.path(target) or () for target in context.settings.organization.targets)
    return frozenset(one for path in paths for one in path)


def _not_allowed(context: CheckContext) -> list[str]:
    """On each level, a policy has to allow an action. By default, FullAWSAccess allows all."""
    account = context.cached(management_account)
    contents = {one.id: one.content for one in context.cached(service_control_policies)}
    found = []
    for unit in sorted(_covering(context)):
        attached = account.paginate(
            "organizations",
            "ListPoliciesForTarget",
            "Policies",
            TargetId=unit,
            Filter=SERVICE_CONTROL,
        )
        ids = [one["Id"] for one in attached]
        if not contents.keys() >= set(ids):  # a policy beyond MAX_POLICIES may allow it
            continue
        policies = [contents[id_] for id_ in ids]
        actions = {
            one.action
            for one in required_actions(context)
            if not any(allows(policy, one) for policy in policies)
        }
        if policies and actions:
            found.append(f"no policy on {unit} allows {', '.join(sorted(actions))}")
    return found


def security_hub_policies(context: CheckContext) -> tuple[OrganizationPolicy, ...]:
    return _policies(context, SECURITY_HUB)


def _check_security_hub(context: CheckContext) -> CheckResult:
    """Such a policy overrides central configuration, whose status is then DISABLED."""
    policies = context.cached(security_hub_policies)
    if not policies:
        return passed("none")
    expected = (
        "no Security Hub CSPM policies; to keep them, set security_hub.managed to false, and list"
        f" {context.settings.home_region} in enable_in_regions for all accounts"
    )
    remedy = Remedy(expected=expected, config=("security_hub:", "  managed: false"))
    return failed(", ".join(one.name for one in policies), remedy)


CHECKS = (
    Check("policies.service_control", "service control policies", _check_service_control),
    Check(
        "policies.security_hub",
        "Security Hub CSPM policies",
        _check_security_hub,
        manages_security_hub,
    ),
)

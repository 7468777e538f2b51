"""Decides a request from its identity policies, their limits, and the policy of the resource.

See "Policy evaluation logic", "Cross-account policy evaluation logic" and "Permissions boundaries
for IAM entities" in the IAM User Guide, "SCP evaluation" in the Organizations User Guide, and "Key
policies in AWS KMS" in the KMS Developer Guide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from sandbox.iam.policy.conditions import is_met, missing_variables
from sandbox.iam.policy.model import (
    UNLIMITED,
    AccessRequest,
    Decision,
    Effect,
    Limits,
    NamedPolicy,
    Principal,
    PrincipalElement,
    ResourcePolicyKind,
    Selector,
    Statement,
)
from sandbox.iam.policy.patterns import Context, matches


class _Reach(Enum):
    """How a Principal element includes the caller, the strongest form first."""

    ITSELF = "itself"
    ANYONE = "anyone"
    ACCOUNT = "its account"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The effect of one statement; `mismatch` is the reason why it does not apply."""

    effect: Effect
    where: str
    names_caller: bool  # the caller or everyone, not only the caller's account
    names_session: bool  # a user, a session of a role or everyone, not only a role or an account
    mismatch: str | None


def decide(
    request: AccessRequest,
    *,
    identity_policies: Sequence[NamedPolicy],
    resource_policy: NamedPolicy | None,
    kind: ResourcePolicyKind,
    limits: Limits = UNLIMITED,
) -> Decision:
    """`ValueError`: a policy was parsed as another kind than `kind`."""
    _check_kinds(identity_policies, resource_policy, kind)
    if refusal := _refusal_by_control_policies(request, limits):
        return refusal
    by_identity = [v for policy in identity_policies for v in _verdicts(policy, request)]
    by_resource = list(_verdicts(resource_policy, request)) if resource_policy else []
    by_boundary = list(_verdicts(limits.boundary, request)) if limits.boundary else []
    for verdict in chain(by_identity, by_resource, by_boundary):
        if verdict.effect is Effect.DENY and verdict.mismatch is None:
            return Decision(allowed=False, reason=f"denied by {verdict.where}")
    if request.principal.is_account_root and kind is ResourcePolicyKind.TRUST:
        return Decision(allowed=False, reason="an account's root user cannot assume a role")
    decision = _grant(request, by_identity, by_resource, kind)
    if limits.boundary and decision.allowed:
        return _within_boundary(request, decision, by_boundary, by_resource)
    return decision


def _refusal_by_control_policies(request: AccessRequest, limits: Limits) -> Decision | None:
    """A policy at any level can deny; a policy at each level must allow."""
    levels = [
        [verdict for policy in level for verdict in _verdicts(policy, request)]
        for level in limits.control_policies
    ]
    for verdict in chain.from_iterable(levels):
        if verdict.effect is Effect.DENY and verdict.mismatch is None:
            where = f"with an explicit deny in a service control policy: {verdict.where}"
            return Decision(allowed=False, reason=where)
    if all(_strongest(level) for level in levels):
        return None
    return Decision(
        allowed=False, reason=f"no service control policy allows the {request.action} action"
    )


def _within_boundary(
    request: AccessRequest,
    decision: Decision,
    by_boundary: Sequence[_Verdict],
    by_resource: Sequence[_Verdict],
) -> Decision:
    """A boundary does not limit what a resource's policy grants to a user or session itself."""
    is_same_account = request.resource_account in (None, request.principal.account)
    grants = (v for v in by_resource if v.effect is Effect.ALLOW and v.mismatch is None)
    exempt = is_same_account and any(grant.names_session for grant in grants)
    if exempt or _strongest(by_boundary):
        return decision
    reason = f"no permissions boundary allows the {request.action} action"
    return Decision(allowed=False, reason=reason)


def _check_kinds(
    identity_policies: Sequence[NamedPolicy],
    resource_policy: NamedPolicy | None,
    kind: ResourcePolicyKind,
) -> None:
    for policy in identity_policies:
        if policy.kind is not None:
            raise ValueError(
                f"{policy.name}: got a {policy.kind.value}, expected an identity policy"
            )
    if resource_policy is not None and resource_policy.kind is not kind:
        raise ValueError(f"{resource_policy.name}: expected a {kind.value}")


def _grant(
    request: AccessRequest,
    by_identity: Sequence[_Verdict],
    by_resource: Sequence[_Verdict],
    kind: ResourcePolicyKind,
) -> Decision:
    principal = request.principal
    is_service = principal.service is not None
    is_same_account = request.resource_account in (None, principal.account)
    identity_suffices = is_same_account and kind is ResourcePolicyKind.ORDINARY and not is_service
    resource_grant = _strongest(by_resource)
    if resource_grant is None and not identity_suffices:
        return _refusal(request, f"no {kind.value} allows", by_resource)
    if resource_grant and (is_service or (is_same_account and resource_grant.names_caller)):
        return Decision(allowed=True, reason=f"allowed by {resource_grant.where}")
    identity_grant = _identity_grant(request, by_identity)
    if identity_grant is None:
        needed = f"{resource_grant.where} needs an identity policy too: " if resource_grant else ""
        verdicts = [*by_identity, *by_resource]
        return _refusal(request, f"{needed}no identity policy allows", verdicts)
    also = f" and {resource_grant.where}" if resource_grant else ""
    return Decision(allowed=True, reason=f"allowed by {identity_grant}{also}")


def _strongest(verdicts: Sequence[_Verdict]) -> _Verdict | None:
    """Prefer a grant that names the caller to one that delegates to the caller's account."""
    grants = [v for v in verdicts if v.effect is Effect.ALLOW and v.mismatch is None]
    return max(grants, key=lambda grant: grant.names_caller, default=None)


def _identity_grant(request: AccessRequest, by_identity: Sequence[_Verdict]) -> str | None:
    if request.principal.is_account_root:
        return "the permissions of the account's root user"
    grant = _strongest(by_identity)
    return grant.where if grant else None


def _refusal(request: AccessRequest, what: str, verdicts: Sequence[_Verdict]) -> Decision:
    """The reason lists the statements that allow the action, and why each does not apply."""
    near = [
        f"{verdict.where}: {verdict.mismatch}"
        for verdict in verdicts
        if verdict.effect is Effect.ALLOW and verdict.mismatch
    ]
    who = request.principal.name
    reason = f"{what} {request.action} on {request.resource} for {who}"
    return Decision(allowed=False, reason="; ".join([reason, *near]))


def _verdicts(policy: NamedPolicy, request: AccessRequest) -> Iterator[_Verdict]:
    """The verdicts of the statements that select the request's action."""
    context = _context(request.context)
    for statement in policy.statements:
        if not _selects(statement.action, request.action, context, ignore_case=True):
            continue
        yield _Verdict(
            effect=statement.effect,
            where=f"{policy.name}, {statement.label}",
            names_caller=_names_caller(statement, request, policy.kind),
            names_session=_names_session(statement, request),
            mismatch=_mismatch(statement, request, context),
        )


def _names_caller(
    statement: Statement, request: AccessRequest, kind: ResourcePolicyKind | None
) -> bool:
    if statement.principal is None:
        return True
    found = _reach(statement.principal, request.principal)
    if found is _Reach.ANYONE:
        # A trust policy with Principal "*" delegates to identity policies, as one with an account.
        return kind is not ResourcePolicyKind.TRUST
    return found is _Reach.ITSELF


def _names_session(statement: Statement, request: AccessRequest) -> bool:
    element = statement.principal
    return element is not None and (element.anyone or request.principal.arn in element.arns)


def _reach(element: PrincipalElement, principal: Principal) -> _Reach | None:
    """None where the element does not include the principal."""
    if principal.service in element.services:
        return _Reach.ITSELF
    if element.arns & {principal.arn, principal.role_arn}:
        return _Reach.ITSELF
    if element.anyone:
        return _Reach.ANYONE
    return _Reach.ACCOUNT if principal.account in element.accounts else None


def _mismatch(statement: Statement, request: AccessRequest, context: Context) -> str | None:
    """Why the statement does not apply to the request, or None."""
    if statement.principal and _reach(statement.principal, request.principal) is None:
        return f"Principal is not {request.principal.name}"
    unknown = _missing_variables(statement, context)
    if unknown:
        return f"no value for ${{{unknown[0]}}}"
    resource = statement.resource
    if resource and not _selects(resource, request.resource, context, ignore_case=False):
        return f"{resource.element} is not {request.resource}"
    for condition in statement.conditions:
        if not is_met(condition, context):
            return f"condition {condition.written} is not met"
    return None


def _missing_variables(statement: Statement, context: Context) -> list[str]:
    resources = statement.resource.patterns if statement.resource else ()
    missing = [key for template in resources for key in template.missing_variables(context)]
    for condition in statement.conditions:
        missing += missing_variables(condition, context)
    return missing


def _selects(selector: Selector, text: str, context: Context, *, ignore_case: bool) -> bool:
    found = any(
        matches(pattern, text, context, ignore_case=ignore_case) for pattern in selector.patterns
    )
    return found != selector.negated


def _context(keys: Mapping[str, str | tuple[str, ...] | bool]) -> dict[str, tuple[str, ...]]:
    """Keys in lower case, values as tuples of text, without keys that have no value."""
    context: dict[str, tuple[str, ...]] = {}
    for key, value in keys.items():
        if isinstance(value, bool):
            context[key.lower()] = (str(value).lower(),)
        elif value != ():
            context[key.lower()] = value if isinstance(value, tuple) else (value,)
    return context

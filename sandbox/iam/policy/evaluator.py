"""Decide a request from the parsed policies that concern it.

It rests on the IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation
logic", and on the KMS Developer Guide, "Key policies in AWS KMS".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from sandbox.iam.policy.conditions import is_met, missing_variables
from sandbox.iam.policy.model import (
    AccessRequest,
    Decision,
    Effect,
    NamedPolicy,
    ResourcePolicyKind,
    Selector,
    Statement,
)
from sandbox.iam.policy.patterns import Context, matches
from sandbox.iam.policy.principals import Reach, reach


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one statement says; a `shortfall` is what kept it from applying."""

    effect: Effect
    where: str
    names_caller: bool  # itself or anyone, not only its account
    shortfall: str | None


def decide(
    request: AccessRequest,
    *,
    identity_policies: Sequence[NamedPolicy],
    resource_policy: NamedPolicy | None,
    kind: ResourcePolicyKind,
) -> Decision:
    """Decide; `ValueError` where a policy was parsed as another kind than it is used for."""
    _check_kinds(identity_policies, resource_policy, kind)
    by_identity = [v for policy in identity_policies for v in _verdicts(policy, request)]
    by_resource = list(_verdicts(resource_policy, request)) if resource_policy else []
    for verdict in chain(by_identity, by_resource):
        if verdict.effect is Effect.DENY and verdict.shortfall is None:
            return Decision(allowed=False, reason=f"denied by {verdict.where}")
    if request.principal.is_account_root and kind is ResourcePolicyKind.TRUST:
        return Decision(allowed=False, reason="an account's root user cannot assume a role")
    return _grant(request, by_identity, by_resource, kind)


def _check_kinds(
    identity_policies: Sequence[NamedPolicy],
    resource_policy: NamedPolicy | None,
    kind: ResourcePolicyKind,
) -> None:
    for policy in identity_policies:
        if policy.kind is not None:
            raise ValueError(f"{policy.name} is a {policy.kind.value}, no identity policy")
    if resource_policy is not None and resource_policy.kind is not kind:
        raise ValueError(f"{resource_policy.name} was not parsed as a {kind.value}")


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
    """Return a grant that names the caller before one that leaves it to the caller's account."""
    grants = [v for v in verdicts if v.effect is Effect.ALLOW and v.shortfall is None]
    return max(grants, key=lambda grant: grant.names_caller, default=None)


def _identity_grant(request: AccessRequest, by_identity: Sequence[_Verdict]) -> str | None:
    if request.principal.is_account_root:
        return "the rights of the account's root user"
    grant = _strongest(by_identity)
    return grant.where if grant else None


def _refusal(request: AccessRequest, what: str, verdicts: Sequence[_Verdict]) -> Decision:
    """Name the statements that allow the action, and what kept each from applying."""
    near = [
        f"{verdict.where}: {verdict.shortfall}"
        for verdict in verdicts
        if verdict.effect is Effect.ALLOW and verdict.shortfall
    ]
    who = request.principal.name
    reason = f"{what} {request.action} on {request.resource} for {who}"
    return Decision(allowed=False, reason="; ".join([reason, *near]))


def _verdicts(policy: NamedPolicy, request: AccessRequest) -> Iterator[_Verdict]:
    """Give the verdicts of the statements on the action of the request."""
    context = _context(request.context)
    for statement in policy.statements:
        if not _selects(statement.action, request.action, context, ignore_case=True):
            continue
        yield _Verdict(
            effect=statement.effect,
            where=f"{policy.name}, {statement.label}",
            names_caller=_names_caller(statement, request, policy.kind),
            shortfall=_shortfall(statement, request, context),
        )


def _names_caller(
    statement: Statement, request: AccessRequest, kind: ResourcePolicyKind | None
) -> bool:
    if statement.principal is None:
        return True
    found = reach(statement.principal, request.principal)
    if found is Reach.ANYONE:
        # A trust policy that trusts anyone leaves it to the identity policies, as one that
        # trusts an account does.
        return kind is not ResourcePolicyKind.TRUST
    return found is Reach.ITSELF


def _shortfall(statement: Statement, request: AccessRequest, context: Context) -> str | None:
    """Say what keeps the statement from applying to the request, `None` where it applies."""
    if statement.principal and reach(statement.principal, request.principal) is None:
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
    """Lower the keys, make all values tuples of text, and leave out keys without a value."""
    context: dict[str, tuple[str, ...]] = {}
    for key, value in keys.items():
        if isinstance(value, bool):
            context[key.lower()] = (str(value).lower(),)
        elif value != ():
            context[key.lower()] = value if isinstance(value, tuple) else (value,)
    return context

"""Parses policy documents, and validates them as AWS does.

See "Grammar of the IAM JSON policy language" in the IAM User Guide. `PolicyError`: AWS would refuse
the document, or the evaluator does not support it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from sandbox.iam.policy.conditions import COMPARISONS, NEGATIONS, read_operand
from sandbox.iam.policy.model import (
    Condition,
    Effect,
    NamedPolicy,
    Operand,
    PolicyLocation,
    PrincipalElement,
    Quantifier,
    ResourcePolicyKind,
    Selector,
    Statement,
)
from sandbox.iam.policy.patterns import Template, parse_template

_WITH_VARIABLES = "2012-10-17"
_WITHOUT_VARIABLES = "2008-10-17"
_POLICY_ELEMENTS = {"Version", "Id", "Statement"}
_STATEMENT_ELEMENTS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
}
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[\w*?-]+", re.ASCII)
_RESOURCE = re.compile(r"\*|arn:[^:]+:[^:*?]+:(.*\*|[^:]*:[^:]*:.+)", re.DOTALL)
_SID_OF_IAM = re.compile(r"[a-zA-Z0-9]*")
_OPERATOR = re.compile(r"((?P<quantifier>ForAllValues|ForAnyValue):)?(?P<name>\w+)")
_KEY = re.compile(r"[\w-]+:\S.*")
_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:[\w-]+:iam::([0-9]{12}):root")
_IDENTITY = re.compile(
    r"arn:[\w-]+:(iam::[0-9]{12}:(user|role)/[^*?\s]+"
    r"|sts::[0-9]{12}:(assumed-role/[^*?/\s]+/[^*?\s]+|federated-user/[^*?\s]+))"
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")


def parse_policy(
    document: str | dict[str, Any], name: str, kind: ResourcePolicyKind | None
) -> NamedPolicy:
    """Parse JSON text or its object; `kind` is `None` for an identity policy."""
    at = PolicyLocation(name)
    policy = _load(document, at)
    _refuse_unknown(policy, _POLICY_ELEMENTS, at)
    variables = _expands_variables(policy, at)
    statements = tuple(
        _statement(element, _location_of(name, position, element), kind, variables=variables)
        for position, element in enumerate(_statements(policy, at), 1)
    )
    if kind in (None, ResourcePolicyKind.TRUST):
        _check_sids(policy, at)
    return NamedPolicy(name=name, kind=kind, statements=statements)


def _load(document: str | dict[str, Any], at: PolicyLocation) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        loaded = dict(pairs)
        if len(loaded) < len(pairs):
            raise at.error(f"duplicate element in {[key for key, _ in pairs]}")
        return loaded

    try:
        policy = (
            json.loads(document, object_pairs_hook=unique)
            if isinstance(document, str)
            else document
        )
    except json.JSONDecodeError as error:
        raise at.error(f"not JSON: {error}") from error
    if not isinstance(policy, dict):
        raise at.error("expected a JSON object")
    return policy


def _refuse_unknown(element: dict[str, Any], known: set[str], at: PolicyLocation) -> None:
    unknown = sorted(set(element) - known)
    if unknown:
        raise at.error(f"unknown elements: got {unknown}, expected {sorted(known)}")


def _expands_variables(policy: dict[str, Any], at: PolicyLocation) -> bool:
    version = policy.get("Version", _WITHOUT_VARIABLES)
    if version not in (_WITH_VARIABLES, _WITHOUT_VARIABLES):
        raise at.error(
            f"Version: got {version!r}, expected {_WITH_VARIABLES!r} or {_WITHOUT_VARIABLES!r}"
        )
    return bool(version == _WITH_VARIABLES)


def _statements(policy: dict[str, Any], at: PolicyLocation) -> list[Any]:
    element = policy.get("Statement")
    statements = [element] if isinstance(element, dict) else element
    if not isinstance(statements, list) or not statements:
        raise at.error("Statement: expected at least one statement")
    return statements


def _location_of(policy: str, position: int, element: Any) -> PolicyLocation:
    sid = element.get("Sid") if isinstance(element, dict) else None
    return PolicyLocation(
        policy, f"statement {sid!r}" if sid and isinstance(sid, str) else f"statement {position}"
    )


def _check_sids(policy: dict[str, Any], at: PolicyLocation) -> None:
    statements = _statements(policy, at)
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    for sid in sids:
        if not _SID_OF_IAM.fullmatch(sid):
            raise at.error(f"Sid: got {sid!r}, expected letters and digits only")
        if sids.count(sid) > 1:
            raise at.error(f"Sid: {sid!r} is used more than once")


def _statement(
    element: Any, at: PolicyLocation, kind: ResourcePolicyKind | None, *, variables: bool
) -> Statement:
    if not isinstance(element, dict):
        raise at.error(f"expected a JSON object, got {element!r}")
    _refuse_unknown(element, _STATEMENT_ELEMENTS, at)
    _check_kind(element, kind, at)
    return Statement(
        label=at.statement or "",
        effect=_effect(element, at),
        principal=_parse_principal(element["Principal"], at) if kind else None,
        action=_action(element, kind, at),
        resource=_resource(element, kind, at, variables=variables),
        conditions=tuple(_conditions(element.get("Condition", {}), at, variables=variables)),
    )


def _check_kind(
    element: dict[str, Any], kind: ResourcePolicyKind | None, at: PolicyLocation
) -> None:
    if not isinstance(element.get("Sid", ""), str):
        raise at.error(f"Sid: got {element['Sid']!r}, expected a string")
    if "NotPrincipal" in element:
        raise at.error("NotPrincipal is not supported: use a Deny statement with conditions")
    if kind is None and "Principal" in element:
        raise at.error("Principal: an identity policy must not contain it")
    if kind is not None and "Principal" not in element:
        raise at.error(f"Principal: a {kind.value} must contain it")
    if kind is ResourcePolicyKind.TRUST and element.keys() & {"Resource", "NotResource"}:
        raise at.error("Resource: a trust policy must not contain it, since it applies to its role")


def _effect(element: dict[str, Any], at: PolicyLocation) -> Effect:
    effect = element.get("Effect")
    if effect not in tuple(Effect):
        raise at.error(f'Effect: got {effect!r}, expected "Allow" or "Deny"')
    return Effect(effect)


def _action(
    element: dict[str, Any], kind: ResourcePolicyKind | None, at: PolicyLocation
) -> Selector:
    selector = _selector(element, "Action", _ACTION, at, variables=False)
    for action in _texts(element[selector.element], selector.element, at):
        if kind is ResourcePolicyKind.TRUST and not action.lower().startswith("sts:"):
            raise at.error(
                f"{selector.element}: got {action!r}, expected an action of sts in a trust policy"
            )
    return selector


def _resource(
    element: dict[str, Any],
    kind: ResourcePolicyKind | None,
    at: PolicyLocation,
    *,
    variables: bool,
) -> Selector | None:
    if kind is ResourcePolicyKind.TRUST:
        return None
    return _selector(element, "Resource", _RESOURCE, at, variables=variables)


def _selector(
    element: dict[str, Any],
    name: str,
    form: re.Pattern[str],
    at: PolicyLocation,
    *,
    variables: bool,
) -> Selector:
    present = [key for key in (name, f"Not{name}") if key in element]
    if len(present) != 1:
        raise at.error(f"expected exactly one of {name} and Not{name}")
    texts = _texts(element[present[0]], present[0], at)
    for text in texts:
        # A colon in a variable's name does not separate the parts of an ARN.
        if not form.fullmatch(re.sub(r"\$\{[^}]*\}", "variable", text) if variables else text):
            raise at.error(f"{present[0]}: {text!r} is malformed")
    patterns = tuple(_pattern(text, at, variables=variables) for text in texts)
    return Selector(present[0], patterns, negated=present[0] != name)


def _texts(value: Any, name: str, at: PolicyLocation) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise at.error(f"{name}: got {value!r}, expected a string or a list of strings")
    return texts


def _pattern(text: str, at: PolicyLocation, *, variables: bool) -> Template:
    try:
        return parse_template(text, variables=variables, wildcards=True)
    except ValueError as error:
        raise at.error(str(error)) from error


def _conditions(element: Any, at: PolicyLocation, *, variables: bool) -> Iterator[Condition]:
    if not isinstance(element, dict):
        raise at.error(f"Condition: got {element!r}, expected an object")
    for operator, keys in element.items():
        if not isinstance(keys, dict):
            raise at.error(
                f"Condition {operator}: got {keys!r}, expected an object of condition keys"
            )
        for key, values in keys.items():
            yield _condition(operator, key, values, at, variables=variables)


def _condition(
    written: str, key: str, values: Any, at: PolicyLocation, *, variables: bool
) -> Condition:
    found = _OPERATOR.fullmatch(written)
    name = found["name"] if found else written
    plain = name.removesuffix("IfExists")
    comparison = NEGATIONS.get(plain, plain)
    if found is None or comparison not in COMPARISONS:
        raise at.error(f"Condition: unknown operator {written!r}")
    if comparison == "Null" and written != "Null":
        raise at.error("Condition: Null cannot be combined with a set operator or IfExists")
    if not _KEY.fullmatch(key):
        raise at.error(f"Condition {written}: {key!r} is not a condition key")
    return Condition(
        written=f"{written} {key}",
        comparison=comparison,
        negated=plain in NEGATIONS,
        quantifier=Quantifier(found["quantifier"]) if found["quantifier"] else None,
        if_exists=name != plain,
        key=key.lower(),
        operands=tuple(_operands(comparison, key, values, at, variables=variables)),
    )


def _operands(
    comparison: str, key: str, values: Any, at: PolicyLocation, *, variables: bool
) -> Iterator[Operand]:
    for value in values if isinstance(values, list) else [values]:
        if not isinstance(value, str | int | float):
            raise at.error(f"{key}: got {value!r}, expected a string, number or Boolean")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            yield read_operand(comparison, text, variables=variables)
        except ValueError as error:
            raise at.error(f"{key}: {error}") from error


def _parse_principal(element: Any, at: PolicyLocation) -> PrincipalElement:
    if element == "*":
        return _principal_element(["*"], [])
    if not isinstance(element, dict) or not element:
        raise at.error(
            f'Principal: got {element!r}, expected "*" or an object with AWS and Service'
        )
    unknown = sorted(set(element) - {"AWS", "Service"})
    if unknown:
        raise at.error(f"Principal: got {unknown}, expected AWS and Service only")
    identities = _principals(element, "AWS", at)
    services = _principals(element, "Service", at)
    _check_principals(identities, services, at)
    return _principal_element(identities, services)


def _principals(element: dict[str, Any], key: str, at: PolicyLocation) -> list[str]:
    return _texts(element[key], f"Principal {key}", at) if key in element else []


def _check_principals(identities: list[str], services: list[str], at: PolicyLocation) -> None:
    for text in identities:
        if text != "*" and not any(p.fullmatch(text) for p in (_ACCOUNT, _ROOT, _IDENTITY)):
            raise at.error(
                f"Principal AWS: got {text!r}, expected an account ID, the ARN of an identity "
                'or "*"'
            )
    for text in services:
        if not _SERVICE.fullmatch(text):
            raise at.error(f"Principal Service: got {text!r}, expected a service principal")


def _principal_element(identities: list[str], services: list[str]) -> PrincipalElement:
    roots = {text: found[1] for text in identities if (found := _ROOT.fullmatch(text))}
    return PrincipalElement(
        anyone="*" in identities,
        accounts=frozenset(roots.values()) | frozenset(filter(_ACCOUNT.fullmatch, identities)),
        arns=frozenset(filter(_IDENTITY.fullmatch, identities)),
        services=frozenset(services),
    )

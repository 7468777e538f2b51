"""Policy documents, checked as AWS checks them, to parsed policies.

It rests on the IAM User Guide, "Grammar of the IAM JSON policy language". What AWS refuses, or
the evaluator cannot judge, raises `PolicyError`.
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
    Place,
    Quantifier,
    ResourcePolicyKind,
    Selector,
    Statement,
)
from sandbox.iam.policy.patterns import Template, parse_template
from sandbox.iam.policy.principals import parse_principal

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


def parse_policy(
    document: str | dict[str, Any], name: str, kind: ResourcePolicyKind | None
) -> NamedPolicy:
    """Parse JSON text or its object; `kind` is `None` for an identity policy."""
    place = Place(name)
    policy = _load(document, place)
    _refuse_unknown(policy, _POLICY_ELEMENTS, place)
    variables = _expands_variables(policy, place)
    statements = tuple(
        _statement(element, _place(name, position, element), kind, variables=variables)
        for position, element in enumerate(_statements(policy, place), 1)
    )
    if kind in (None, ResourcePolicyKind.TRUST):
        _check_sids(policy, place)
    return NamedPolicy(name=name, kind=kind, statements=statements)


def _load(document: str | dict[str, Any], place: Place) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        loaded = dict(pairs)
        if len(loaded) < len(pairs):
            raise place.error(f"an element stands twice among {[key for key, _ in pairs]}")
        return loaded

    try:
        policy = (
            json.loads(document, object_pairs_hook=unique)
            if isinstance(document, str)
            else document
        )
    except json.JSONDecodeError as error:
        raise place.error(f"not JSON: {error}") from error
    if not isinstance(policy, dict):
        raise place.error("not a JSON object")
    return policy


def _refuse_unknown(element: dict[str, Any], known: set[str], place: Place) -> None:
    unknown = sorted(set(element) - known)
    if unknown:
        raise place.error(f"unknown elements {unknown}; known are {sorted(known)}")


def _expands_variables(policy: dict[str, Any], place: Place) -> bool:
    version = policy.get("Version", _WITHOUT_VARIABLES)
    if version not in (_WITH_VARIABLES, _WITHOUT_VARIABLES):
        raise place.error(
            f"Version is {version!r}: it is {_WITH_VARIABLES!r} or {_WITHOUT_VARIABLES!r}"
        )
    return bool(version == _WITH_VARIABLES)


def _statements(policy: dict[str, Any], place: Place) -> list[Any]:
    element = policy.get("Statement")
    statements = [element] if isinstance(element, dict) else element
    if not isinstance(statements, list) or not statements:
        raise place.error("Statement is missing or empty")
    return statements


def _place(policy: str, position: int, element: Any) -> Place:
    sid = element.get("Sid") if isinstance(element, dict) else None
    return Place(
        policy, f"statement {sid!r}" if sid and isinstance(sid, str) else f"statement {position}"
    )


def _check_sids(policy: dict[str, Any], place: Place) -> None:
    statements = _statements(policy, place)
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    for sid in sids:
        if not _SID_OF_IAM.fullmatch(sid):
            raise place.error(f"Sid {sid!r} has other characters than letters and digits")
        if sids.count(sid) > 1:
            raise place.error(f"Sid {sid!r} stands more than once")


def _statement(
    element: Any, place: Place, kind: ResourcePolicyKind | None, *, variables: bool
) -> Statement:
    if not isinstance(element, dict):
        raise place.error("a statement is an object")
    _refuse_unknown(element, _STATEMENT_ELEMENTS, place)
    _check_kind(element, kind, place)
    return Statement(
        label=place.statement or "",
        effect=_effect(element, place),
        principal=parse_principal(element["Principal"], place) if kind else None,
        action=_action(element, kind, place),
        resource=_resource(element, kind, place, variables=variables),
        conditions=tuple(_conditions(element.get("Condition", {}), place, variables=variables)),
    )


def _check_kind(element: dict[str, Any], kind: ResourcePolicyKind | None, place: Place) -> None:
    if not isinstance(element.get("Sid", ""), str):
        raise place.error("Sid is not a string")
    if "NotPrincipal" in element:
        raise place.error("NotPrincipal is not supported; use a Deny with conditions")
    if kind is None and "Principal" in element:
        raise place.error("an identity policy has no Principal")
    if kind is not None and "Principal" not in element:
        raise place.error(f"a {kind.value} needs a Principal")
    if kind is ResourcePolicyKind.TRUST and element.keys() & {"Resource", "NotResource"}:
        raise place.error("a trust policy has no Resource: it stands for its role")


def _effect(element: dict[str, Any], place: Place) -> Effect:
    effect = element.get("Effect")
    if effect not in tuple(Effect):
        raise place.error(f'Effect is {effect!r}: it is "Allow" or "Deny"')
    return Effect(effect)


def _action(element: dict[str, Any], kind: ResourcePolicyKind | None, place: Place) -> Selector:
    selector = _selector(element, "Action", _ACTION, place, variables=False)
    for action in _texts(element[selector.element], selector.element, place):
        if kind is ResourcePolicyKind.TRUST and not action.lower().startswith("sts:"):
            raise place.error(f"a trust policy allows actions of sts alone, not {action!r}")
    return selector


def _resource(
    element: dict[str, Any], kind: ResourcePolicyKind | None, place: Place, *, variables: bool
) -> Selector | None:
    if kind is ResourcePolicyKind.TRUST:
        return None
    return _selector(element, "Resource", _RESOURCE, place, variables=variables)


def _selector(
    element: dict[str, Any], name: str, form: re.Pattern[str], place: Place, *, variables: bool
) -> Selector:
    present = [key for key in (name, f"Not{name}") if key in element]
    if len(present) != 1:
        raise place.error(f"exactly one of {name} and Not{name} is needed")
    texts = _texts(element[present[0]], present[0], place)
    for text in texts:
        # A variable's name may hold a colon, which is none between the parts of an ARN.
        if not form.fullmatch(re.sub(r"\$\{[^}]*\}", "variable", text) if variables else text):
            raise place.error(f"{present[0]} {text!r} is malformed")
    patterns = tuple(_pattern(text, place, variables=variables) for text in texts)
    return Selector(present[0], patterns, negated=present[0] != name)


def _texts(value: Any, name: str, place: Place) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise place.error(f"{name} is {value!r}: it is a string or a list of strings")
    return texts


def _pattern(text: str, place: Place, *, variables: bool) -> Template:
    try:
        return parse_template(text, variables=variables, wildcards=True)
    except ValueError as error:
        raise place.error(str(error)) from error


def _conditions(element: Any, place: Place, *, variables: bool) -> Iterator[Condition]:
    if not isinstance(element, dict):
        raise place.error("Condition is not an object")
    for operator, keys in element.items():
        if not isinstance(keys, dict):
            raise place.error(f"Condition {operator} is not an object of condition keys")
        for key, values in keys.items():
            yield _condition(operator, key, values, place, variables=variables)


def _condition(written: str, key: str, values: Any, place: Place, *, variables: bool) -> Condition:
    found = _OPERATOR.fullmatch(written)
    name = found["name"] if found else written
    plain = name.removesuffix("IfExists")
    comparison = NEGATIONS.get(plain, plain)
    if found is None or comparison not in COMPARISONS:
        raise place.error(f"unknown condition operator {written!r}")
    if comparison == "Null" and written != "Null":
        raise place.error("the condition operator Null takes neither a set operator nor IfExists")
    if not _KEY.fullmatch(key):
        raise place.error(f"{key!r} is not a condition key")
    return Condition(
        written=f"{written} {key}",
        comparison=comparison,
        negated=plain in NEGATIONS,
        quantifier=Quantifier(found["quantifier"]) if found["quantifier"] else None,
        if_exists=name != plain,
        key=key.lower(),
        operands=tuple(_operands(comparison, key, values, place, variables=variables)),
    )


def _operands(
    comparison: str, key: str, values: Any, place: Place, *, variables: bool
) -> Iterator[Operand]:
    for value in values if isinstance(values, list) else [values]:
        if not isinstance(value, str | int | float):
            raise place.error(f"the value {value!r} of {key} is no string, number or Boolean")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            yield read_operand(comparison, text, variables=variables)
        except ValueError as error:
            raise place.error(f"{key}: {error}") from error

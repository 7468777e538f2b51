"""The Principal element: its forms, and whom it reaches."""

import re
from enum import Enum
from typing import Any

from sandbox.iam.policy.model import Place, Principal, PrincipalElement

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:[\w-]+:iam::([0-9]{12}):root")
_IDENTITY = re.compile(
    r"arn:[\w-]+:(iam::[0-9]{12}:(user|role)/[^*?\s]+"
    r"|sts::[0-9]{12}:(assumed-role/[^*?/\s]+/[^*?\s]+|federated-user/[^*?\s]+))"
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")


class Reach(Enum):
    """How an element names the caller, the strongest form first."""

    ITSELF = "itself"
    ANYONE = "anyone"
    ACCOUNT = "its account"


def parse_principal(element: Any, place: Place) -> PrincipalElement:
    if element == "*":
        return _principal_element(["*"], [])
    if not isinstance(element, dict) or not element:
        raise place.error(f'Principal is {element!r}: it is "*" or an object of AWS and Service')
    unknown = sorted(set(element) - {"AWS", "Service"})
    if unknown:
        raise place.error(f"Principal has {unknown}: only AWS and Service are supported")
    identities = _texts(element, "AWS", place)
    services = _texts(element, "Service", place)
    _check(identities, services, place)
    return _principal_element(identities, services)


def reach(element: PrincipalElement, principal: Principal) -> Reach | None:
    """How the element names this caller, or `None` where it does not."""
    if principal.service in element.services:
        return Reach.ITSELF
    if element.arns & {principal.arn, principal.role_arn}:
        return Reach.ITSELF
    if element.anyone:
        return Reach.ANYONE
    return Reach.ACCOUNT if principal.account in element.accounts else None


def _texts(element: dict[str, Any], key: str, place: Place) -> list[str]:
    if key not in element:
        return []
    value = element[key]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise place.error(f"Principal {key} is {value!r}: it is a string or a list of strings")
    return texts


def _check(identities: list[str], services: list[str], place: Place) -> None:
    for text in identities:
        if text != "*" and not any(p.fullmatch(text) for p in (_ACCOUNT, _ROOT, _IDENTITY)):
            raise place.error(
                f'Principal AWS {text!r} is no account number, no ARN of an identity and not "*"'
            )
    for text in services:
        if not _SERVICE.fullmatch(text):
            raise place.error(f"Principal Service {text!r} is no service principal")


def _principal_element(identities: list[str], services: list[str]) -> PrincipalElement:
    roots = {text: found[1] for text in identities if (found := _ROOT.fullmatch(text))}
    return PrincipalElement(
        anyone="*" in identities,
        accounts=frozenset(roots.values()) | frozenset(filter(_ACCOUNT.fullmatch, identities)),
        arns=frozenset(filter(_IDENTITY.fullmatch, identities)),
        services=frozenset(services),
    )

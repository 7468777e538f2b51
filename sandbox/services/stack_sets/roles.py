"""A template's roles, where moto makes and deletes them otherwise than CloudFormation does."""

from __future__ import annotations

import functools
import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.iam.models import Role
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from sandbox.organization import iam

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.cloudformation.models import Stack


@contextmanager
def installed() -> Iterator[None]:
    make: Any = classmethod(_making(Role.create_from_cloudformation_json))
    with ExitStack() as stack:
        stack.enter_context(patch.object(Role, "create_from_cloudformation_json", make))
        stack.enter_context(patch.object(Role, "put_policy", _putting_text(Role.put_policy)))
        yield


def forget_missing(stack: Stack) -> None:
    """CloudFormation takes a role that is gone for deleted; moto's then cannot be.

    It knows a role by its name: one that was made anew by other means is deleted with the stack.
    """
    names = {role.name for role in iam(stack.account_id).roles.values()}
    made = stack.resource_map._parsed_resources  # noqa: SLF001  moto tells it nowhere else
    for logical_id, resource in list(made.items()):
        if isinstance(resource, Role) and resource.name not in names:
            del made[logical_id]


def _making(make: Any) -> Any:
    """Moto looks at no policy; ours are looked at before there is a role that has them."""

    @functools.wraps(make)
    def making(_class: type[Role], name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        for policy in resource["Properties"].get("Policies", []):
            IAMPolicyDocumentValidator(_text(policy["PolicyDocument"])).validate()
        return make(name, resource, *args, **kwargs)

    return making


def _putting_text(put_policy: Any) -> Any:
    """Moto keeps a template's policy as it is: a mapping, which its IAM then answers as no JSON."""

    @functools.wraps(put_policy)
    def putting(role: Role, policy_name: str, policy_json: Any) -> None:
        text = policy_json if isinstance(policy_json, str) else _text(policy_json)
        put_policy(role, policy_name, text)

    return putting


def _text(policy: Any) -> str:
    return json.dumps(policy, default=str)  # YAML has dates

"""One stack of a stack set, in the account and Region that it is for.

A failed creation is rolled back, also that of a stack by itself; a failed update leaves the stack
as it was.
"""

import dataclasses
import functools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends
from moto.cloudformation.utils import generate_stack_id
from moto.core.exceptions import ServiceException
from moto.iam.models import Role
from werkzeug.exceptions import HTTPException

from sandbox.organizations.organization import iam

# What moto's resources raise where AWS's fail; a KeyError is a property that is required.
FAILURES = (ServiceException, HTTPException, KeyError)


class StackFailedError(Exception):
    """The reason, as the stack instance tells it."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a stack is made from."""

    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


@contextmanager
def installed() -> Iterator[None]:
    creating = _rolling_back(Stack.create_resources)
    with patch.object(Stack, "create_resources", creating):
        yield


def stack_name(stack_set: str) -> str:
    return f"StackSet-{stack_set}-{uuid.uuid4()}"


def create(account: str, region: str, design: Design) -> str:
    """The stack's id; StackFailedError where a resource cannot be made, and then none is left."""
    stack_id = generate_stack_id(design.name, region, account)
    _make(stack_id, account, region, design)
    return stack_id


def update(account: str, region: str, stack_id: str, design: Design) -> None:
    """StackFailedError where it cannot be made anew, and then it is as it was."""
    design = dataclasses.replace(design, name=stack_id.split("/")[1])
    stack = _stacks(account, region).stacks.get(stack_id)
    if stack is None:  # the account's owner deleted it
        _make(stack_id, account, region, design)
    elif (stack.template, stack.parameters) != (design.template, design.parameters):
        _replace(stack, design)


def delete(account: str, region: str, stack_id: str) -> None:
    """StackFailedError where a resource cannot be deleted; what is gone already does not matter."""
    stack = _stacks(account, region).stacks.get(stack_id)
    if stack is not None:
        _delete(stack)


def _stacks(account: str, region: str) -> CloudFormationBackend:
    return cloudformation_backends[account][region]


def _replace(stack: Stack, design: Design) -> None:
    before = Design(stack.name, str(stack.template), stack.parameters, stack.tags)
    _delete(stack)
    try:
        _make(stack.stack_id, stack.account_id, stack.region_name, design)
    except StackFailedError:
        _make(stack.stack_id, stack.account_id, stack.region_name, before)
        raise


def _delete(stack: Stack) -> None:
    _forget_missing_roles(stack)
    try:
        stack.delete()
    except FAILURES as error:
        stack.status = "DELETE_FAILED"
        raise StackFailedError(_reason(error)) from error
    stacks = _stacks(stack.account_id, stack.region_name)
    del stacks.stacks[stack.stack_id]
    stacks.deleted_stacks[stack.stack_id] = stack


def _forget_missing_roles(stack: Stack) -> None:
    """CloudFormation takes a role that is gone for deleted; moto's then cannot be.

    It knows a role by its name: one that was made anew by other means is deleted with the stack.
    """
    names = {role.name for role in iam(stack.account_id).roles.values()}
    made = stack.resource_map._parsed_resources  # noqa: SLF001  moto tells it nowhere else
    for logical_id, resource in list(made.items()):
        if isinstance(resource, Role) and resource.name not in names:
            del made[logical_id]


def _make(stack_id: str, account: str, region: str, design: Design) -> None:
    try:
        stack = Stack(  # type: ignore[abstract]  # moto makes them all the same
            stack_id=stack_id,
            name=design.name,
            template=design.template,
            parameters=dict(design.parameters),
            account_id=account,
            region_name=region,
            tags=dict(design.tags),
        )
    except FAILURES as error:
        raise StackFailedError(_reason(error)) from error
    _stacks(account, region).stacks[stack_id] = stack
    try:
        stack.create_resources()
    except FAILURES as error:
        raise StackFailedError(_reason(error)) from error


def _rolling_back(create_resources: Any) -> Any:
    """Moto leaves the stack as it was when it failed, and with it all that stands in a retry's way.

    AWS tells of the failure after the call, and leaves a stack without resources until it is
    deleted; the sandbox tells in the call that made it, and leaves none.
    """

    @functools.wraps(create_resources)
    def creating(stack: Stack) -> None:
        try:
            create_resources(stack)
        except FAILURES:
            _delete(stack)
            raise

    return creating


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"ResourceStatusReason:Properties validation failed: {error} is required"
    return f"ResourceStatusReason:{getattr(error, 'message', error)}"

"""Stacks of a stack set in their accounts and Regions.

A failed creation is rolled back, also for stacks outside of stack sets. A failed update restores
the previous stack.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends
from moto.cloudformation.utils import generate_stack_id
from moto.core.exceptions import ServiceException
from moto.iam.models import Role
from werkzeug.exceptions import HTTPException

from sandbox.cloudformation.stack_permissions import ResourceDeniedError, require
from sandbox.organizations.organization import iam
from sandbox.overrides import Override, wrap

# The exceptions of moto's resources; a KeyError is a missing required property.
FAILURES = (ServiceException, HTTPException, KeyError)


class StackFailedError(Exception):
    """The message is the status reason of the stack instance."""


@dataclass(frozen=True, slots=True)
class StackDefinition:
    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def overrides() -> list[Override]:
    return wrap(Stack, create_resources=_create_resources)


def stack_name(stack_set: str) -> str:
    return f"StackSet-{stack_set}-{uuid.uuid4()}"


def create(account: str, region: str, definition: StackDefinition) -> str:
    """The id of the stack. Raises StackFailedError and leaves no resource."""
    stack_id = generate_stack_id(definition.name, region, account)
    try:
        require(account, "cloudformation:CreateStack", stack_id)
    except ResourceDeniedError as error:
        raise StackFailedError(_reason(error)) from error
    _make(stack_id, account, region, definition)
    return stack_id


def update(account: str, region: str, stack_id: str, definition: StackDefinition) -> None:
    """Raises StackFailedError and restores the previous stack."""
    definition = dataclasses.replace(definition, name=stack_id.split("/")[1])
    stack = _stacks(account, region).stacks.get(stack_id)
    if stack is None:  # deleted in the account
        _make(stack_id, account, region, definition)
    elif (stack.template, stack.parameters) != (definition.template, definition.parameters):
        _replace(stack, definition)


def delete(account: str, region: str, stack_id: str) -> None:
    """Raises StackFailedError; resources that do not exist are ignored."""
    stack = _stacks(account, region).stacks.get(stack_id)
    if stack is not None:
        _delete(stack)


def _stacks(account: str, region: str) -> CloudFormationBackend:
    return cloudformation_backends[account][region]


def _replace(stack: Stack, definition: StackDefinition) -> None:
    before = StackDefinition(stack.name, str(stack.template), stack.parameters, stack.tags)
    _delete(stack)
    try:
        _make(stack.stack_id, stack.account_id, stack.region_name, definition)
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
    """CloudFormation ignores a deleted role; moto fails to delete the stack.

    A role is identified by its name: the stack deletes a role that was created again elsewhere.
    """
    names = {role.name for role in iam(stack.account_id).roles.values()}
    resources = stack.resource_map._parsed_resources  # noqa: SLF001  moto has no public attribute
    for logical_id, resource in list(resources.items()):
        if isinstance(resource, Role) and resource.name not in names:
            del resources[logical_id]


def _make(stack_id: str, account: str, region: str, definition: StackDefinition) -> None:
    try:
        stack = Stack(  # type: ignore[abstract]  # moto instantiates it, too
            stack_id=stack_id,
            name=definition.name,
            template=definition.template,
            parameters=dict(definition.parameters),
            account_id=account,
            region_name=region,
            tags=dict(definition.tags),
        )
    except FAILURES as error:
        raise StackFailedError(_reason(error)) from error
    _stacks(account, region).stacks[stack_id] = stack
    try:
        stack.create_resources()
    except FAILURES as error:
        raise StackFailedError(_reason(error)) from error


def _create_resources(create_resources: Any, stack: Stack) -> None:
    """Moto keeps a failed stack with its resources, which block a retry.

    AWS reports the failure after the call and keeps the stack without resources; the sandbox
    reports it in the call and keeps no stack.
    """
    try:
        create_resources(stack)
    except FAILURES:
        _delete(stack)
        raise


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"ResourceStatusReason:Properties validation failed: {error} is required"
    return f"ResourceStatusReason:{getattr(error, 'message', error)}"

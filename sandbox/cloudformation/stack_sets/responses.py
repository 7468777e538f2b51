"""CloudFormation's operations on service-managed stack sets; moto keeps the self-managed ones."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.cloudformation.exceptions import CloudFormationError, StackSetNotEmpty
from moto.cloudformation.models import Stack, StackSet
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from sandbox.cloudformation.stack_sets import reads, stacks, templates
from sandbox.cloudformation.stack_sets.errors import invalid
from sandbox.cloudformation.stack_sets.managed import ManagedStackSet
from sandbox.cloudformation.stack_sets.operations import Action, Operation
from sandbox.cloudformation.stack_sets.preferences import preferences_of
from sandbox.cloudformation.stack_sets.settings import managed_execution, overrides_of, settings_of
from sandbox.cloudformation.stack_sets.targets import (
    Targets,
    creation_targets,
    operation_targets,
    regions_of,
)
from sandbox.cloudformation.stack_sets.trusted_access import TrustedAccess
from sandbox.organizations.membership import Move, followed_by
from sandbox.organizations.organization import ONE_CHANGE_AT_A_TIME

type Request = dict[str, Any]
type Answer = dict[str, Any]
type Change = Callable[[ManagedStackSet, Request, CloudFormationResponse], Operation]
type Act = Callable[[ManagedStackSet, Request, Operation, Targets], None]


@contextmanager
def installed() -> Iterator[None]:
    with StackSetOperations().installed():
        yield


class StackSetOperations:
    def __init__(self) -> None:
        self._access = TrustedAccess()
        self._managed: dict[str, ManagedStackSet] = {}  # by the stack set's id

    @contextmanager
    def installed(self) -> Iterator[None]:
        moto = CloudFormationResponse
        operations: dict[str, Any] = {
            "create_stack_set": self._creating(moto.create_stack_set),
            "update_stack_set": self._changing(moto.update_stack_set, _update),
            "delete_stack_set": self._deleting(moto.delete_stack_set),
            "create_stack_instances": self._changing(
                moto.create_stack_instances, _on_instances("CREATE", creation_targets, _create)
            ),
            "update_stack_instances": self._changing(
                moto.update_stack_instances, _on_instances("UPDATE", operation_targets, _override)
            ),
            "delete_stack_instances": self._changing(
                moto.delete_stack_instances, _on_instances("DELETE", operation_targets, _delete)
            ),
            "activate_organizations_access": self._accessing(_activate),
            "deactivate_organizations_access": self._accessing(_deactivate),
            "describe_organizations_access": self._accessing(_describe_access),
            "list_stack_sets": _listing_stack_sets(moto.list_stack_sets),
            **{
                name: self._reading(getattr(moto, name, None), answer)
                for name, answer in reads.ANSWERS.items()
            },
        }
        with ExitStack() as stack:
            for name, operation in operations.items():
                stack.enter_context(patch.object(moto, name, operation, create=True))
            stack.enter_context(
                patch.object(Stack, "parse_template", staticmethod(templates.parse))
            )
            stack.enter_context(
                patch.object(StackSet, "managed_execution", property(managed_execution))
            )
            stack.enter_context(stacks.installed())
            stack.enter_context(followed_by(self._follow))
            yield

    def _follow(self, move: Move) -> None:
        if self._access.is_active:
            for managed in self._managed.values():
                managed.tell(move)

    def _find(self, response: CloudFormationResponse) -> ManagedStackSet | None:
        """None where the stack set is a self-managed one; where there is none, moto's error."""
        name = _request(response)["StackSetName"]
        return self._managed.get(response.cloudformation_backend.describe_stack_set(name).id)

    def _creating(self, original: Any) -> Any:
        @functools.wraps(original)
        def creating(response: CloudFormationResponse) -> Any:
            request = _request(response)
            with ONE_CHANGE_AT_A_TIME:
                _refuse_taken_name(response, request["StackSetName"])
                if request.get("PermissionModel") != "SERVICE_MANAGED":
                    return original(response)
                self._access.require(response.current_account)
                settings = settings_of(request, response, None)
                answer = original(response)
                sets = response.cloudformation_backend
                managed = ManagedStackSet(sets.describe_stack_set(request["StackSetName"]))
                managed.keep(settings)
                self._managed[managed.stack_set.id] = managed
                return answer

        return creating

    def _deleting(self, original: Any) -> Any:
        @functools.wraps(original)
        def deleting(response: CloudFormationResponse) -> Any:
            with ONE_CHANGE_AT_A_TIME:
                managed = self._find(response)
                if managed is None:
                    return original(response)
                self._access.require(response.current_account)
                if managed.instances:
                    raise StackSetNotEmpty
                del self._managed[managed.stack_set.id]
                return original(response)

        return deleting

    def _changing(self, original: Any, change: Change) -> Any:
        @functools.wraps(original)
        def changing(response: CloudFormationResponse) -> Any:
            with ONE_CHANGE_AT_A_TIME:
                managed = self._find(response)
                if managed is None:
                    return original(response)
                self._access.require(response.current_account)
                operation = change(managed, _request(response), response)
                return ActionResult({"OperationId": operation.id})

        return changing

    def _reading(self, original: Any, answer: Callable[[ManagedStackSet, Request], Answer]) -> Any:
        def reading(response: CloudFormationResponse) -> Any:
            with ONE_CHANGE_AT_A_TIME:
                managed = self._find(response)
                if managed:
                    return ActionResult(answer(managed, _request(response)))
                if original is None:
                    raise invalid("Only SERVICE_MANAGED stack sets have this")
                return original(response)

        return reading

    def _accessing(self, answer: Callable[[TrustedAccess, str], Answer]) -> Any:
        def accessing(response: CloudFormationResponse) -> ActionResult:
            with ONE_CHANGE_AT_A_TIME:
                return ActionResult(answer(self._access, response.current_account))

        return accessing


def _activate(access: TrustedAccess, caller: str) -> Answer:
    access.activate(caller)
    return {}


def _deactivate(access: TrustedAccess, caller: str) -> Answer:
    access.deactivate(caller)
    return {}


def _describe_access(access: TrustedAccess, caller: str) -> Answer:
    return {"Status": access.status(caller)}


def _request(response: CloudFormationResponse) -> Request:
    request: Request = response._get_params()  # noqa: SLF001  moto's own way
    return request


def _update(
    managed: ManagedStackSet, request: Request, response: CloudFormationResponse
) -> Operation:
    targets = operation_targets(request) if request.get("DeploymentTargets") else None
    regions = regions_of(request) if targets else managed.regions
    operation = _operation("UPDATE", managed, request, regions)
    managed.keep(settings_of(request, response, managed.stack_set))
    for name in ("Description", "Tags"):
        if name in request:
            vars(managed.stack_set)[name.lower()] = _plain(request[name])
    managed.outdate()
    managed.update_instances(operation, targets)
    return operation


def _on_instances(action: Action, targets_of: Callable[[Request], Targets], act: Act) -> Change:
    """An operation on the instances that a request's targets and Regions mean."""

    def change(
        managed: ManagedStackSet, request: Request, _response: CloudFormationResponse
    ) -> Operation:
        targets = targets_of(request)
        operation = _operation(action, managed, request, regions_of(request))
        act(managed, request, operation, targets)
        return operation

    return change


def _create(
    managed: ManagedStackSet, request: Request, operation: Operation, targets: Targets
) -> None:
    overrides = overrides_of(request, managed.stack_set)
    managed.create_instances(operation, targets, overrides or {})


def _override(
    managed: ManagedStackSet, request: Request, operation: Operation, targets: Targets
) -> None:
    managed.update_instances(operation, targets, overrides_of(request, managed.stack_set))


def _delete(
    managed: ManagedStackSet, _request: Request, operation: Operation, targets: Targets
) -> None:
    managed.delete_instances(operation, targets)


def _operation(
    action: Action, managed: ManagedStackSet, request: Request, regions: list[str]
) -> Operation:
    operation = Operation(
        action,
        regions,
        preferences_of(request),
        request.get("DeploymentTargets") or {},
        bool(request.get("RetainStacks")),
    )
    chosen = request.get("OperationId")
    if chosen and any(one.id == chosen for one in managed.operations):
        raise CloudFormationError(
            "OperationIdAlreadyExistsException", f"Operation {chosen} already exists"
        )
    operation.id = chosen or operation.id
    return operation


def _refuse_taken_name(response: CloudFormationResponse, name: str) -> None:
    sets = response.cloudformation_backend.stacksets.values()
    if any(one.name == name and one.status == "ACTIVE" for one in sets):
        raise CloudFormationError("NameAlreadyExistsException", f"StackSet {name} already exists")


def _listing_stack_sets(original: Any) -> Any:
    """Moto lists those that are deleted, whatever is asked for."""

    @functools.wraps(original)
    def listing(response: CloudFormationResponse) -> ActionResult:
        wanted = _request(response).get("Status")
        sets = response.cloudformation_backend.list_stack_sets()
        return ActionResult({"Summaries": [one for one in sets if wanted in (None, one.status)]})

    return listing


def _plain(value: Any) -> Any:
    """Tags as moto keeps them."""
    return {one["Key"]: one["Value"] for one in value} if isinstance(value, list) else value

"""CloudFormation's operations on service-managed stack sets; moto has the self-managed ones.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs.html
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, StackSetNotEmpty, ValidationError
from moto.cloudformation.models import Stack, StackSet
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from sandbox.cloudformation import stacks
from sandbox.cloudformation.stack_set import ManagedStackSet
from sandbox.cloudformation.stack_set_operations import (
    Action,
    Answer,
    StackInstance,
    StackSetOperation,
    preferences_of,
)
from sandbox.cloudformation.stack_set_settings import (
    managed_execution,
    overrides_of,
    parse,
    settings_of,
)
from sandbox.cloudformation.stack_set_targets import (
    TrustedAccess,
    creation_targets,
    operation_targets,
    regions_of,
)
from sandbox.organizations.organization import CHANGE_LOCK, Move, listening_to_moves
from sandbox.overrides import Override, add, replace, wrap
from sandbox.pages import BadTokenError, page

type Request = dict[str, Any]
type Change = Callable[[ManagedStackSet, Request, CloudFormationResponse], StackSetOperation]


class StackSetOperations:
    def __init__(self) -> None:
        self._access = TrustedAccess()
        self._managed: dict[str, ManagedStackSet] = {}  # by the stack set's id

    def overrides(self) -> list[Override]:
        return [
            *stacks.overrides(),
            *replace(Stack, parse_template=staticmethod(parse)),
            *replace(StackSet, managed_execution=property(managed_execution)),
            *wrap(
                CloudFormationResponse,
                create_stack_set=self._create_stack_set,
                delete_stack_set=self._delete_stack_set,
                update_stack_set=self._changing(_update),
                create_stack_instances=self._changing(_create),
                update_stack_instances=self._changing(_override),
                delete_stack_instances=self._changing(_delete),
                list_stack_sets=_list_stack_sets,
                **{name: self._reading(answer) for name, answer in ANSWERS.items()},
            ),
            *add(
                CloudFormationResponse,
                describe_organizations_access=self._accessing(TrustedAccess.describe),
                activate_organizations_access=self._accessing(TrustedAccess.activate),
                deactivate_organizations_access=self._accessing(TrustedAccess.deactivate),
                list_stack_set_auto_deployment_targets=self._list_auto_deployment_targets,
            ),
        ]

    def following(self) -> AbstractContextManager[None]:
        """Automatic deployment to accounts that join, move or leave."""
        return listening_to_moves(self._follow)

    def _follow(self, move: Move) -> None:
        if self._access.is_active:
            for managed in self._managed.values():
                managed.follow(move)

    def _find(self, response: CloudFormationResponse) -> ManagedStackSet | None:
        """None for a self-managed stack set. Raises moto's error if it does not exist."""
        name = _request(response)["StackSetName"]
        return self._managed.get(response.cloudformation_backend.describe_stack_set(name).id)

    def _create_stack_set(self, original: Any, response: CloudFormationResponse) -> Any:
        request = _request(response)
        with CHANGE_LOCK:
            _refuse_taken_name(response, request["StackSetName"])
            if request.get("PermissionModel") != "SERVICE_MANAGED":
                return original(response)
            self._access.require(response.current_account)
            settings = settings_of(request, response, None)
            answer = original(response)
            sets = response.cloudformation_backend
            managed = ManagedStackSet(sets.describe_stack_set(request["StackSetName"]))
            managed.apply(settings)
            self._managed[managed.stack_set.id] = managed
            return answer

    def _delete_stack_set(self, original: Any, response: CloudFormationResponse) -> Any:
        with CHANGE_LOCK:
            managed = self._find(response)
            if managed is None:
                return original(response)
            self._access.require(response.current_account)
            if managed.instances:
                raise StackSetNotEmpty
            del self._managed[managed.stack_set.id]
            return original(response)

    def _changing(self, change: Change) -> Any:
        def changing(original: Any, response: CloudFormationResponse) -> Any:
            with CHANGE_LOCK:
                managed = self._find(response)
                if managed is None:
                    return original(response)
                self._access.require(response.current_account)
                operation = change(managed, _request(response), response)
                return ActionResult({"OperationId": operation.id})

        return changing

    def _reading(self, answer: Callable[[ManagedStackSet, Request], Answer]) -> Any:
        def reading(original: Any, response: CloudFormationResponse) -> Any:
            with CHANGE_LOCK:
                managed = self._find(response)
                if managed is None:
                    return original(response)
                return ActionResult(answer(managed, _request(response)))

        return reading

    def _list_auto_deployment_targets(self, response: CloudFormationResponse) -> Any:
        return self._reading(_list_targets)(_refuse_self_managed, response)

    def _accessing(self, answer: Callable[[TrustedAccess, str], Answer]) -> Any:
        def accessing(response: CloudFormationResponse) -> ActionResult:
            with CHANGE_LOCK:
                return ActionResult(answer(self._access, response.current_account))

        return accessing


def _refuse_self_managed(_response: CloudFormationResponse) -> Any:
    raise ValidationError(message="Only SERVICE_MANAGED stack sets support this operation")


def _request(response: CloudFormationResponse) -> Request:
    request: Request = response._get_params()  # noqa: SLF001  moto has no public method
    return request


def _update(
    managed: ManagedStackSet, request: Request, response: CloudFormationResponse
) -> StackSetOperation:
    targets = operation_targets(request) if request.get("DeploymentTargets") else None
    regions = regions_of(request) if targets else managed.regions
    operation = _operation("UPDATE", managed, request, regions)
    managed.apply(settings_of(request, response, managed.stack_set))
    for name in ("Description", "Tags"):
        if name in request:
            vars(managed.stack_set)[name.lower()] = _plain(request[name])
    managed.mark_outdated()
    managed.update_instances(operation, targets)
    return operation


def _create(
    managed: ManagedStackSet, request: Request, _response: CloudFormationResponse
) -> StackSetOperation:
    targets = creation_targets(request)
    operation = _operation("CREATE", managed, request, regions_of(request))
    overrides = overrides_of(request, managed.stack_set)
    managed.create_instances(operation, targets, overrides or {})
    return operation


def _override(
    managed: ManagedStackSet, request: Request, _response: CloudFormationResponse
) -> StackSetOperation:
    targets = operation_targets(request)
    operation = _operation("UPDATE", managed, request, regions_of(request))
    managed.update_instances(operation, targets, overrides_of(request, managed.stack_set))
    return operation


def _delete(
    managed: ManagedStackSet, request: Request, _response: CloudFormationResponse
) -> StackSetOperation:
    targets = operation_targets(request)
    operation = _operation("DELETE", managed, request, regions_of(request))
    managed.delete_instances(operation, targets)
    return operation


def _operation(
    action: Action, managed: ManagedStackSet, request: Request, regions: list[str]
) -> StackSetOperation:
    operation = StackSetOperation(
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


def _list_stack_sets(_original: Any, response: CloudFormationResponse) -> ActionResult:
    """Moto ignores the requested status."""
    wanted = _request(response).get("Status")
    sets = response.cloudformation_backend.list_stack_sets()
    return ActionResult({"Summaries": [one for one in sets if wanted in (None, one.status)]})


def _plain(value: Any) -> Any:
    """Tags in moto's form."""
    return {one["Key"]: one["Value"] for one in value} if isinstance(value, list) else value


MAX_PAGE_ITEMS = 100


def _describe_stack_set(managed: ManagedStackSet, _request: Request) -> Answer:
    vars(managed.stack_set).update(organizational_unit_ids=managed.units, regions=managed.regions)
    return {"StackSet": managed.stack_set}


def _describe_instance(managed: ManagedStackSet, request: Request) -> Answer:
    instance = managed.instance(request["StackInstanceAccount"], request["StackInstanceRegion"])
    return {"StackInstance": instance.describe(managed.stack_set.id)}


def _list_instances(managed: ManagedStackSet, request: Request) -> Answer:
    found = [one for one in managed.instances if _is_requested(one, request)]
    instances, token = _page(found, request)
    summaries = [one.describe(managed.stack_set.id) for one in instances]
    return {"Summaries": summaries, "NextToken": token}


def _describe_operation(managed: ManagedStackSet, request: Request) -> Answer:
    operation = managed.operation(request["OperationId"])
    return {"StackSetOperation": operation.describe(managed.stack_set.id)}


def _list_operations(managed: ManagedStackSet, request: Request) -> Answer:
    """The newest first."""
    operations, token = _page(managed.operations[::-1], request)
    return {"Summaries": [one.summarize() for one in operations], "NextToken": token}


def _list_results(managed: ManagedStackSet, request: Request) -> Answer:
    results, token = _page(managed.operation(request["OperationId"]).results, request)
    return {"Summaries": results, "NextToken": token}


def _list_targets(managed: ManagedStackSet, request: Request) -> Answer:
    targets, token = _page(list(managed.auto_deployment_targets.items()), request)
    summaries = [{"OrganizationalUnitId": unit, "Regions": regions} for unit, regions in targets]
    return {"Summaries": summaries, "NextToken": token}


ANSWERS: dict[str, Callable[[ManagedStackSet, Request], Answer]] = {
    "describe_stack_set": _describe_stack_set,
    "describe_stack_instance": _describe_instance,
    "list_stack_instances": _list_instances,
    "describe_stack_set_operation": _describe_operation,
    "list_stack_set_operations": _list_operations,
    "list_stack_set_operation_results": _list_results,
}


def _is_requested(instance: StackInstance, request: Request) -> bool:
    filters = {one["Name"]: one["Values"] for one in request.get("Filters") or []}
    wanted = (
        (request.get("StackInstanceAccount"), instance.account),
        (request.get("StackInstanceRegion"), instance.region),
        (filters.get("DETAILED_STATUS"), instance.detail),
        (filters.get("LAST_OPERATION_ID"), instance.operation),
    )
    return all(requested in (None, actual) for requested, actual in wanted)


def _page[T](items: Sequence[T], request: Request) -> tuple[Sequence[T], str | None]:
    size = min(int(request.get("MaxResults") or MAX_PAGE_ITEMS), MAX_PAGE_ITEMS)
    try:
        return page(items, request.get("NextToken"), size)
    except BadTokenError as error:
        raise ValidationError(message=str(error)) from error

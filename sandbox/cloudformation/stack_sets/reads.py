"""What CloudFormation tells of a service-managed stack set."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.cloudformation.stack_sets.errors import invalid
from sandbox.cloudformation.stack_sets.managed import ManagedStackSet
from sandbox.cloudformation.stack_sets.operations import Instance
from sandbox.pages import BadTokenError, page

type Document = dict[str, Any]

ITEMS_A_PAGE = 100


def _describe_stack_set(managed: ManagedStackSet, _request: Document) -> Document:
    vars(managed.stack_set).update(organizational_unit_ids=managed.units, regions=managed.regions)
    return {"StackSet": managed.stack_set}


def _describe_instance(managed: ManagedStackSet, request: Document) -> Document:
    instance = managed.instance(request["StackInstanceAccount"], request["StackInstanceRegion"])
    return {"StackInstance": instance.describe(managed.stack_set.id)}


def _list_instances(managed: ManagedStackSet, request: Document) -> Document:
    found = [one for one in managed.instances if _is_asked_for(one, request)]
    instances, token = _page(found, request)
    summaries = [one.describe(managed.stack_set.id) for one in instances]
    return {"Summaries": summaries, "NextToken": token}


def _describe_operation(managed: ManagedStackSet, request: Document) -> Document:
    operation = managed.operation(request["OperationId"])
    return {"StackSetOperation": operation.describe(managed.stack_set.id)}


def _list_operations(managed: ManagedStackSet, request: Document) -> Document:
    """The newest first."""
    operations, token = _page(managed.operations[::-1], request)
    return {"Summaries": [one.summarize() for one in operations], "NextToken": token}


def _list_results(managed: ManagedStackSet, request: Document) -> Document:
    results, token = _page(managed.operation(request["OperationId"]).results, request)
    return {"Summaries": results, "NextToken": token}


def _list_targets(managed: ManagedStackSet, request: Document) -> Document:
    targets, token = _page(list(managed.auto_deployment_targets.items()), request)
    summaries = [{"OrganizationalUnitId": unit, "Regions": regions} for unit, regions in targets]
    return {"Summaries": summaries, "NextToken": token}


ANSWERS: dict[str, Callable[[ManagedStackSet, Document], Document]] = {
    "describe_stack_set": _describe_stack_set,
    "describe_stack_instance": _describe_instance,
    "list_stack_instances": _list_instances,
    "describe_stack_set_operation": _describe_operation,
    "list_stack_set_operations": _list_operations,
    "list_stack_set_operation_results": _list_results,
    "list_stack_set_auto_deployment_targets": _list_targets,
}


def _is_asked_for(instance: Instance, request: Document) -> bool:
    filters = {one["Name"]: one["Values"] for one in request.get("Filters") or []}
    wanted = (
        (request.get("StackInstanceAccount"), instance.account),
        (request.get("StackInstanceRegion"), instance.region),
        (filters.get("DETAILED_STATUS"), instance.detail),
        (filters.get("LAST_OPERATION_ID"), instance.operation),
    )
    return all(asked in (None, actual) for asked, actual in wanted)


def _page[T](items: Sequence[T], request: Document) -> tuple[Sequence[T], str | None]:
    size = min(int(request.get("MaxResults") or ITEMS_A_PAGE), ITEMS_A_PAGE)
    try:
        return page(items, request.get("NextToken"), size)
    except BadTokenError as error:
        raise invalid(str(error)) from error

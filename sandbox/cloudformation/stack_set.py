"""A service-managed stack set and its instances in the organization.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import StackSet

from sandbox.cloudformation import stacks
from sandbox.cloudformation.stack_set_operations import StackInstance, StackSetOperation
from sandbox.cloudformation.stack_set_targets import Targets
from sandbox.organizations.organization import MANAGEMENT, Ancestors, Move


class ManagedStackSet:
    def __init__(self, stack_set: StackSet) -> None:
        self.stack_set = stack_set
        self.operations: list[StackSetOperation] = []
        self._auto_deploys = self._retains = False
        self._instances: dict[tuple[str, str], StackInstance] = {}  # by account and Region
        self._targets: dict[str, set[str]] = defaultdict(set)  # the Regions of each unit

    @property
    def units(self) -> list[str]:
        return sorted(self._targets)

    @property
    def regions(self) -> list[str]:
        return sorted({region for _, region in self._instances})

    @property
    def instances(self) -> list[StackInstance]:
        return list(self._instances.values())

    def apply(self, settings: Mapping[str, Any]) -> None:
        vars(self.stack_set).update(settings)
        deployment = settings["auto_deployment"]
        self._auto_deploys = deployment["Enabled"]
        self._retains = deployment.get("RetainStacksOnAccountRemoval", False)

    def instance(self, account: str, region: str) -> StackInstance:
        found = self._instances.get((account, region))
        if found is None:
            message = f"Stack instance of {account} in {region} not found"
            raise CloudFormationError("StackInstanceNotFoundException", message)
        return found

    def create_instances(
        self, operation: StackSetOperation, targets: Targets, overrides: Mapping[str, str]
    ) -> None:
        """Current instances stay unchanged; the others are deployed again."""
        for unit in targets.units:
            self._targets[unit].update(operation.regions)
        chosen = [
            self._instances.setdefault(
                (account, region), StackInstance(account, region, unit, overrides)
            )
            for account, unit in targets.accounts_by_unit().items()
            for region in operation.regions
        ]
        self._perform(operation, chosen, self._deploy)

    def update_instances(
        self,
        operation: StackSetOperation,
        targets: Targets | None,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        """All instances without targets; None keeps the overridden parameters."""
        chosen = [
            one for one in self._chosen(operation.regions, targets) if one.status != "INOPERABLE"
        ]
        for instance in chosen:
            instance.overrides = instance.overrides if overrides is None else overrides
        self._perform(operation, chosen, self._deploy)

    def delete_instances(self, operation: StackSetOperation, targets: Targets) -> None:
        self._remove(operation, self._chosen(operation.regions, targets))
        self._remove_targets(targets.units, operation.regions)

    def mark_outdated(self) -> None:
        """After a change of the stack set, until an update deploys it."""
        for instance in self.instances:
            if instance.status != "INOPERABLE":
                instance.status, instance.detail = "OUTDATED", "PENDING"

    def operation(self, operation: str) -> StackSetOperation:
        found = next((one for one in self.operations if one.id == operation), None)
        if found is None:
            message = f"Operation {operation} not found"
            raise CloudFormationError("OperationNotFoundException", message)
        return found

    @property
    def auto_deployment_targets(self) -> dict[str, list[str]]:
        """The Regions of each unit."""
        return {unit: sorted(regions) for unit, regions in self._targets.items()}

    def follow(self, move: Move) -> None:
        """Automatic deployment ignores account filters and operation preferences."""
        if not self._auto_deploys or move.account == MANAGEMENT.id:
            return
        for region in sorted({region for regions in self._targets.values() for region in regions}):
            self._follow_in_region(move, region)

    def _follow_in_region(self, move: Move, region: str) -> None:
        before, after = (
            self._covering(move.source, region),
            self._covering(move.destination, region),
        )
        instance = self._instances.get((move.account, region))
        stays = set(before) & set(after)
        if instance and before and not stays:
            self._remove(StackSetOperation("DELETE", [region], retains=self._retains), [instance])
        elif instance and stays and instance.unit not in after:
            instance.unit = after[0]
        if set(after) - set(before) and (move.account, region) not in self._instances:
            instance = StackInstance(move.account, region, after[0])
            self._instances[move.account, region] = instance
            self._perform(StackSetOperation("CREATE", [region]), [instance], self._deploy)

    def _covering(self, units: Ancestors, region: str) -> list[str]:
        return [unit for unit in units if region in self._targets.get(unit, ())]

    def _chosen(self, regions: Sequence[str], targets: Targets | None) -> list[StackInstance]:
        in_regions = [one for one in self.instances if one.region in regions]
        if targets is None:
            return in_regions
        for unit in targets.units:
            if unit not in self._targets:
                raise ValidationError(message=f"Organizational unit {unit} not found in StackSet")
        return [
            one
            for one in in_regions
            if targets.include(one.account, is_under=one.unit in targets.units)
        ]

    def _perform(
        self,
        operation: StackSetOperation,
        instances: Sequence[StackInstance],
        act: Callable[[StackInstance], None],
    ) -> None:
        self.operations.append(operation)
        operation.perform(instances, act)

    def _deploy(self, instance: StackInstance) -> None:
        where, definition = (
            (instance.account, instance.region),
            self._definition(instance.overrides),
        )
        if instance.stack_id is None:
            instance.stack_id = stacks.create(*where, definition)
        else:
            stacks.update(*where, instance.stack_id, definition)

    def _remove(self, operation: StackSetOperation, instances: Sequence[StackInstance]) -> None:
        def remove(instance: StackInstance) -> None:
            where = instance.account, instance.region
            if instance.stack_id and not operation.retains:
                stacks.delete(*where, instance.stack_id)
            del self._instances[where]

        self._perform(operation, instances, remove)

    def _definition(self, overrides: Mapping[str, str]) -> stacks.StackDefinition:
        own: Any = self.stack_set
        return stacks.StackDefinition(
            stacks.stack_name(own.name),
            own.template,
            {**own.parameters, **overrides},
            own.tags or {},
        )

    def _remove_targets(self, units: Iterable[str], regions: Sequence[str]) -> None:
        """A unit remains a target while it has instances."""
        left = {(one.unit, one.region) for one in self.instances}
        for unit in units:
            self._targets[unit] -= {region for region in regions if (unit, region) not in left}
            if not self._targets[unit]:
                del self._targets[unit]

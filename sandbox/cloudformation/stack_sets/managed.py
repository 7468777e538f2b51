"""A service-managed stack set: its instances, and how they follow the organization.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.cloudformation.models import StackSet

from sandbox.cloudformation.stack_sets import stacks
from sandbox.cloudformation.stack_sets.errors import invalid, no_instance, no_operation
from sandbox.cloudformation.stack_sets.operations import Instance, Operation
from sandbox.cloudformation.stack_sets.settings import Settings
from sandbox.cloudformation.stack_sets.targets import Targets
from sandbox.organizations.membership import Lineage, Move
from sandbox.organizations.organization import MANAGEMENT


class ManagedStackSet:
    def __init__(self, stack_set: StackSet) -> None:
        self.stack_set = stack_set
        self.operations: list[Operation] = []
        self._deploys_itself = self._retains = False
        self._instances: dict[tuple[str, str], Instance] = {}  # by account and Region
        self._targets: dict[str, set[str]] = defaultdict(set)  # the Regions of each unit

    @property
    def units(self) -> list[str]:
        return sorted(self._targets)

    @property
    def regions(self) -> list[str]:
        return sorted({region for _, region in self._instances})

    @property
    def instances(self) -> list[Instance]:
        return list(self._instances.values())

    def keep(self, settings: Settings) -> None:
        """If they say so, it follows from now on the accounts that come and go."""
        settings.keep(self.stack_set)
        self._deploys_itself = settings.auto_deployment["Enabled"]
        self._retains = settings.auto_deployment.get("RetainStacksOnAccountRemoval", False)

    def instance(self, account: str, region: str) -> Instance:
        found = self._instances.get((account, region))
        if found is None:
            raise no_instance(account, region)
        return found

    def create_instances(
        self, operation: Operation, targets: Targets, overrides: Mapping[str, str]
    ) -> None:
        """Those that exist and are current are left as they are, the others are tried again."""
        for unit in targets.units:
            self._targets[unit].update(operation.regions)
        chosen = [
            self._instances.setdefault(
                (account, region), Instance(account, region, unit, overrides)
            )
            for account, unit in targets.accounts_by_unit().items()
            for region in operation.regions
        ]
        self._perform(operation, chosen, self._deploy)

    def update_instances(
        self,
        operation: Operation,
        targets: Targets | None,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        """All of them where there are no targets; None leaves the overridden parameters alone."""
        chosen = [
            one for one in self._chosen(operation.regions, targets) if one.status != "INOPERABLE"
        ]
        for instance in chosen:
            instance.overrides = instance.overrides if overrides is None else overrides
        self._perform(operation, chosen, self._deploy)

    def delete_instances(self, operation: Operation, targets: Targets) -> None:
        self._withdraw(operation, self._chosen(operation.regions, targets))
        self._forget_targets(targets.units, operation.regions)

    def outdate(self) -> None:
        """The stack set is another now; an update makes its instances current again."""
        for instance in self.instances:
            if instance.status != "INOPERABLE":
                instance.status, instance.detail = "OUTDATED", "PENDING"

    def operation(self, operation: str) -> Operation:
        found = next((one for one in self.operations if one.id == operation), None)
        if found is None:
            raise no_operation(operation)
        return found

    @property
    def auto_deployment_targets(self) -> dict[str, list[str]]:
        """The Regions of each unit."""
        return {unit: sorted(regions) for unit, regions in self._targets.items()}

    def tell(self, move: Move) -> None:
        """An account joined, moved or left; account filters and preferences do not matter here."""
        if not self._deploys_itself or move.account == MANAGEMENT.id:
            return
        for region in sorted({region for regions in self._targets.values() for region in regions}):
            self._follow(move, region)

    def _follow(self, move: Move, region: str) -> None:
        before, after = (
            self._covering(move.source, region),
            self._covering(move.destination, region),
        )
        instance = self._instances.get((move.account, region))
        stays = set(before) & set(after)
        if instance and before and not stays:
            self._withdraw(Operation("DELETE", [region], retains=self._retains), [instance])
        elif instance and stays and instance.unit not in after:
            instance.unit = after[0]
        if set(after) - set(before) and (move.account, region) not in self._instances:
            arrived = Instance(move.account, region, after[0])
            self._instances[move.account, region] = arrived
            self._perform(Operation("CREATE", [region]), [arrived], self._deploy)

    def _covering(self, units: Lineage, region: str) -> list[str]:
        return [unit for unit in units if region in self._targets.get(unit, ())]

    def _chosen(self, regions: Sequence[str], targets: Targets | None) -> list[Instance]:
        there = [one for one in self.instances if one.region in regions]
        if targets is None:
            return there
        for unit in targets.units:
            if unit not in self._targets:
                raise invalid(f"Organizational unit {unit} not found in StackSet")
        return [
            one for one in there if targets.picks(one.account, is_under=one.unit in targets.units)
        ]

    def _perform(
        self,
        operation: Operation,
        instances: Sequence[Instance],
        act: Callable[[Instance], None],
    ) -> None:
        self.operations.append(operation)
        operation.perform(instances, act)

    def _deploy(self, instance: Instance) -> None:
        where, design = (instance.account, instance.region), self._design(instance.overrides)
        if instance.stack_id is None:
            instance.stack_id = stacks.create(*where, design)
        else:
            stacks.update(*where, instance.stack_id, design)

    def _withdraw(self, operation: Operation, instances: Sequence[Instance]) -> None:
        def withdraw(instance: Instance) -> None:
            where = instance.account, instance.region
            if instance.stack_id and not operation.retains:
                stacks.delete(*where, instance.stack_id)
            del self._instances[where]

        self._perform(operation, instances, withdraw)

    def _design(self, overrides: Mapping[str, str]) -> stacks.Design:
        own: Any = self.stack_set
        return stacks.Design(
            stacks.stack_name(own.name),
            own.template,
            {**own.parameters, **overrides},
            own.tags or {},
        )

    def _forget_targets(self, units: Iterable[str], regions: Sequence[str]) -> None:
        """A unit is a target as long as an instance is left that was made for it."""
        left = {(one.unit, one.region) for one in self.instances}
        for unit in units:
            self._targets[unit] -= {region for region in regions if (unit, region) not in left}
            if not self._targets[unit]:
                del self._targets[unit]

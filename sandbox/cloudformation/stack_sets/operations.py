"""Operations on stack instances: they go on while not more of them fail than is tolerated.

An operation is over when the call that began it answers; AWS's take minutes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.cloudformation.stack_sets.preferences import Preferences
from sandbox.cloudformation.stack_sets.stacks import StackFailedError
from sandbox.organizations.organization import is_suspended

type Action = Literal["CREATE", "UPDATE", "DELETE"]
type Document = dict[str, Any]

EXCEEDED = "Cancelled since failure tolerance has exceeded"
SUSPENDED = "Skipped since the account is suspended"


@dataclass(slots=True)
class Instance:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html."""

    account: str
    region: str
    unit: str  # the target that the account was deployed to for
    overrides: Mapping[str, str] = field(default_factory=dict)
    stack_id: str | None = None  # an attempt that failed has none
    status: str = "OUTDATED"
    detail: str = "PENDING"
    reason: str | None = None
    operation: str | None = None

    def describe(self, stack_set_id: str) -> Document:
        return {
            "StackSetId": stack_set_id,
            "Region": self.region,
            "Account": self.account,
            "StackId": self.stack_id,
            "ParameterOverrides": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in self.overrides.items()
            ],
            "Status": self.status,
            "StatusReason": self.reason,
            "StackInstanceStatus": {"DetailedStatus": self.detail},
            "OrganizationalUnitId": self.unit,
            "DriftStatus": "NOT_CHECKED",
            "LastOperationId": self.operation,
        }


@dataclass(slots=True)
class Operation:
    action: Action
    regions: Sequence[str]
    preferences: Preferences = field(default_factory=Preferences)
    targets: Mapping[str, Any] = field(default_factory=dict)
    retains: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    results: list[Document] = field(default_factory=list)
    failures: int = 0

    def perform(self, instances: Sequence[Instance], act: Callable[[Instance], None]) -> None:
        """`act` raises a StackFailedError for an instance that fails."""
        self.status = "SUCCEEDED"
        for region in self.preferences.in_order(self.regions):
            there = [instance for instance in instances if instance.region == region]
            if self.status == "FAILED" and self.preferences.stops_between_regions:
                self._cancel(there)
            elif not self._perform_in_region(there, act):
                self.status = "FAILED"
        self.ended = datetime.now(UTC)

    def summarize(self) -> Document:
        return {
            "OperationId": self.id,
            "Action": self.action,
            "Status": self.status,
            "CreationTimestamp": self.begun,
            "EndTimestamp": self.ended,
            "StatusDetails": {"FailedStackInstancesCount": self.failures},
            "OperationPreferences": self.preferences.values,
        }

    def describe(self, stack_set_id: str) -> Document:
        own = {"StackSetId": stack_set_id, "DeploymentTargets": self.targets}
        retained = {"RetainStacks": self.retains} if self.action == "DELETE" else {}
        return {**self.summarize(), **own, **retained}

    def _perform_in_region(
        self, instances: Sequence[Instance], act: Callable[[Instance], None]
    ) -> bool:
        """As many at once as may be, and no more of them once too many have failed."""
        count, failures, waiting = len(instances), 0, list(instances)
        while waiting and failures <= self.preferences.tolerated(count):
            number = self.preferences.at_once(count, failures)
            batch, waiting = waiting[:number], waiting[number:]
            failures += sum(not self._attempt(instance, act) for instance in batch)
        self._cancel(waiting)
        self.failures += failures
        return failures <= self.preferences.tolerated(count)

    def _attempt(self, instance: Instance, act: Callable[[Instance], None]) -> bool:
        if is_suspended(instance.account) and not self.retains:
            self._skip(instance)
            return True
        try:
            act(instance)
        except StackFailedError as error:
            self._fail(instance, str(error))
            return False
        self._note(instance, "CURRENT", "SUCCEEDED", None)
        self._tell(instance, "SUCCEEDED", None)
        return True

    def _skip(self, instance: Instance) -> None:
        """It counts as no failure.

        https://aws.amazon.com/about-aws/whats-new/2023/06/aws-cloudformation-stacksets-suspended-accounts-deployments/
        """
        self._note(instance, self._unless_deleting(instance), "SKIPPED_SUSPENDED_ACCOUNT", None)
        self._tell(instance, "SUCCEEDED", SUSPENDED)

    def _fail(self, instance: Instance, reason: str) -> None:
        if self.action == "DELETE":
            self._note(instance, "INOPERABLE", "INOPERABLE", reason)
        else:
            self._note(instance, "OUTDATED", "FAILED", reason)
        self._tell(instance, "FAILED", reason)

    def _cancel(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._note(instance, self._unless_deleting(instance), "CANCELLED", EXCEEDED)
            self._tell(instance, "CANCELLED", EXCEEDED)

    def _unless_deleting(self, instance: Instance) -> str:
        return instance.status if self.action == "DELETE" else "OUTDATED"

    def _note(self, instance: Instance, status: str, detail: str, reason: str | None) -> None:
        instance.status, instance.detail, instance.reason = status, detail, reason
        instance.operation = self.id

    def _tell(self, instance: Instance, status: str, reason: str | None) -> None:
        self.results.append(
            {
                "Account": instance.account,
                "Region": instance.region,
                "Status": status,
                "StatusReason": reason,
                "OrganizationalUnitId": instance.unit,
                "AccountGateResult": {"Status": "SKIPPED"},
            }
        )

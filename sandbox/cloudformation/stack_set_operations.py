"""Operations on stack instances, their preferences and failure tolerance.

An operation ends in the call that starts it; in AWS it takes minutes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from moto.cloudformation.exceptions import ValidationError

from sandbox.cloudformation.stacks import StackFailedError
from sandbox.organizations.organization import is_suspended

# minimum and maximum
RANGES: dict[str, tuple[int, int | None]] = {
    "FailureToleranceCount": (0, None),
    "FailureTolerancePercentage": (0, 100),
    "MaxConcurrentCount": (1, None),
    "MaxConcurrentPercentage": (1, 100),
}
CHOICES = {
    "RegionConcurrencyType": ("SEQUENTIAL", "PARALLEL"),
    "ConcurrencyMode": ("STRICT_FAILURE_TOLERANCE", "SOFT_FAILURE_TOLERANCE"),
}
EXCLUSIVE = (
    ("FailureToleranceCount", "FailureTolerancePercentage"),
    ("MaxConcurrentCount", "MaxConcurrentPercentage"),
)


@dataclass(frozen=True, slots=True)
class Preferences:
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stops_between_regions(self) -> bool:
        return self.values.get("RegionConcurrencyType") != "PARALLEL"

    def in_order(self, regions: Sequence[str]) -> list[str]:
        first = [region for region in self.values.get("RegionOrder", []) if region in regions]
        return [*first, *(region for region in regions if region not in first)]

    def tolerated(self, accounts: int) -> int:
        """The number of failures that do not stop the operation in a Region."""
        count = self.values.get("FailureToleranceCount")
        if count is not None:
            return int(count)
        return accounts * int(self.values.get("FailureTolerancePercentage", 0)) // 100

    def concurrency(self, accounts: int, failures: int) -> int:
        """The number of accounts to deploy to concurrently after these failures.

        STRICT_FAILURE_TOLERANCE, the default, limits it to the remaining tolerance plus one.
        """
        maximum = self._max_concurrency(accounts)
        if self.values.get("ConcurrencyMode") == "SOFT_FAILURE_TOLERANCE":
            return maximum
        return min(maximum, self.tolerated(accounts) + 1 - failures)

    def _max_concurrency(self, accounts: int) -> int:
        percentage = self.values.get("MaxConcurrentPercentage")
        if percentage is not None:
            return max(1, accounts * int(percentage) // 100)
        return int(self.values.get("MaxConcurrentCount", 1))


def preferences_of(request: Mapping[str, Any]) -> Preferences:
    """Raises ValidationError."""
    values = request.get("OperationPreferences") or {}
    problems = [*_out_of_range(values), *_unknown_choices(values), *_conflicts(values)]
    if problems:
        raise ValidationError(message="; ".join(problems))
    return Preferences(values)


def _out_of_range(values: Mapping[str, Any]) -> Iterator[str]:
    for name, (low, high) in RANGES.items():
        value = values.get(name)
        if value is None:
            continue
        if int(value) < low:
            yield f"{name} {value} must be greater than or equal to {low}"
        if high is not None and int(value) > high:
            yield f"{name} {value} must be less than or equal to {high}"


def _unknown_choices(values: Mapping[str, Any]) -> Iterator[str]:
    for name, choices in CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            yield f"{name} {values[name]} must be one of {', '.join(choices)}"


def _conflicts(values: Mapping[str, Any]) -> Iterator[str]:
    for one, other in EXCLUSIVE:
        if one in values and other in values:
            yield f"{one} and {other} cannot both be specified"


type Action = Literal["CREATE", "UPDATE", "DELETE"]
type Answer = dict[str, Any]

EXCEEDED = "Cancelled since failure tolerance has exceeded"
SUSPENDED = "Skipped since the account is suspended"


@dataclass(slots=True)
class StackInstance:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html."""

    account: str
    region: str
    unit: str  # the deployment target of the account
    overrides: Mapping[str, str] = field(default_factory=dict)
    stack_id: str | None = None  # None after a failed deployment
    status: str = "OUTDATED"
    detail: str = "PENDING"
    reason: str | None = None
    operation: str | None = None

    def describe(self, stack_set_id: str) -> Answer:
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
class StackSetOperation:
    action: Action
    regions: Sequence[str]
    preferences: Preferences = field(default_factory=Preferences)
    targets: Mapping[str, Any] = field(default_factory=dict)
    retains: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    results: list[Answer] = field(default_factory=list)
    failures: int = 0

    def perform(
        self, instances: Sequence[StackInstance], act: Callable[[StackInstance], None]
    ) -> None:
        """`act` raises StackFailedError."""
        self.status = "SUCCEEDED"
        for region in self.preferences.in_order(self.regions):
            in_region = [instance for instance in instances if instance.region == region]
            if self.status == "FAILED" and self.preferences.stops_between_regions:
                self._cancel(in_region)
            elif not self._perform_in_region(in_region, act):
                self.status = "FAILED"
        self.ended = datetime.now(UTC)

    def summarize(self) -> Answer:
        return {
            "OperationId": self.id,
            "Action": self.action,
            "Status": self.status,
            "CreationTimestamp": self.begun,
            "EndTimestamp": self.ended,
            "StatusDetails": {"FailedStackInstancesCount": self.failures},
            "OperationPreferences": self.preferences.values,
        }

    def describe(self, stack_set_id: str) -> Answer:
        own = {"StackSetId": stack_set_id, "DeploymentTargets": self.targets}
        retained = {"RetainStacks": self.retains} if self.action == "DELETE" else {}
        return {**self.summarize(), **own, **retained}

    def _perform_in_region(
        self, instances: Sequence[StackInstance], act: Callable[[StackInstance], None]
    ) -> bool:
        """Stop after more failures than the tolerance."""
        count, failures, waiting = len(instances), 0, list(instances)
        while waiting and failures <= self.preferences.tolerated(count):
            number = self.preferences.concurrency(count, failures)
            batch, waiting = waiting[:number], waiting[number:]
            failures += sum(not self._attempt(instance, act) for instance in batch)
        self._cancel(waiting)
        self.failures += failures
        return failures <= self.preferences.tolerated(count)

    def _attempt(self, instance: StackInstance, act: Callable[[StackInstance], None]) -> bool:
        if is_suspended(instance.account) and not self.retains:
            self._skip(instance)
            return True
        try:
            act(instance)
        except StackFailedError as error:
            self._fail(instance, str(error))
            return False
        self._record(instance, "CURRENT", "SUCCEEDED")
        return True

    def _skip(self, instance: StackInstance) -> None:
        """It does not count as a failure.

        https://aws.amazon.com/about-aws/whats-new/2023/06/aws-cloudformation-stacksets-suspended-accounts-deployments/
        """
        status, detail = self._unless_deleting(instance), "SKIPPED_SUSPENDED_ACCOUNT"
        self._record(instance, status, detail, "SUCCEEDED", SUSPENDED)
        instance.reason = None

    def _fail(self, instance: StackInstance, reason: str) -> None:
        is_deletion = self.action == "DELETE"
        status, detail = ("INOPERABLE", "INOPERABLE") if is_deletion else ("OUTDATED", "FAILED")
        self._record(instance, status, detail, "FAILED", reason)

    def _cancel(self, instances: Sequence[StackInstance]) -> None:
        for instance in instances:
            status = self._unless_deleting(instance)
            self._record(instance, status, "CANCELLED", "CANCELLED", EXCEEDED)

    def _unless_deleting(self, instance: StackInstance) -> str:
        return instance.status if self.action == "DELETE" else "OUTDATED"

    def _record(
        self,
        instance: StackInstance,
        status: str,
        detail: str,
        result: str = "SUCCEEDED",
        reason: str | None = None,
    ) -> None:
        instance.status, instance.detail, instance.reason = status, detail, reason
        instance.operation = self.id
        self.results.append(
            {
                "Account": instance.account,
                "Region": instance.region,
                "Status": result,
                "StatusReason": reason,
                "OrganizationalUnitId": instance.unit,
                "AccountGateResult": {"Status": "SKIPPED"},
            }
        )

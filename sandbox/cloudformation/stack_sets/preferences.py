"""How many accounts an operation works on at once, and after how many failures it stops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloudformation.stack_sets.errors import invalid

# the smallest and the greatest value of each
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
    values: Mapping[str, Any] = field(default_factory=dict)  # as the request had them

    @property
    def stops_between_regions(self) -> bool:
        return self.values.get("RegionConcurrencyType") != "PARALLEL"

    def in_order(self, regions: Sequence[str]) -> list[str]:
        first = [region for region in self.values.get("RegionOrder", []) if region in regions]
        return [*first, *(region for region in regions if region not in first)]

    def tolerated(self, accounts: int) -> int:
        """The failures that do not stop the operation in a Region with so many accounts."""
        count = self.values.get("FailureToleranceCount")
        if count is not None:
            return int(count)
        return accounts * int(self.values.get("FailureTolerancePercentage", 0)) // 100

    def at_once(self, accounts: int, failures: int) -> int:
        """In so many of them the operation goes on, after so many failures.

        STRICT_FAILURE_TOLERANCE, the default, goes on in no more than are tolerated still, and one:
        no more ever fail. SOFT_FAILURE_TOLERANCE goes on in as many as wanted to the end.
        """
        wanted = self._concurrency(accounts)
        if self.values.get("ConcurrencyMode") == "SOFT_FAILURE_TOLERANCE":
            return wanted
        return min(wanted, self.tolerated(accounts) + 1 - failures)

    def _concurrency(self, accounts: int) -> int:
        percentage = self.values.get("MaxConcurrentPercentage")
        if percentage is not None:
            return max(1, accounts * int(percentage) // 100)
        return int(self.values.get("MaxConcurrentCount", 1))


def preferences_of(request: Mapping[str, Any]) -> Preferences:
    """Those of a request, or CloudFormation's ValidationError."""
    values = request.get("OperationPreferences") or {}
    problems = [*_out_of_range(values), *_no_choices(values), *_contradictions(values)]
    if problems:
        raise invalid("; ".join(problems))
    return Preferences(values)


def _out_of_range(values: Mapping[str, Any]) -> Iterator[str]:
    for name, (least, most) in RANGES.items():
        value = values.get(name)
        if value is None:
            continue
        if int(value) < least:
            yield f"{name} {value} must be greater than or equal to {least}"
        if most is not None and int(value) > most:
            yield f"{name} {value} must be less than or equal to {most}"


def _no_choices(values: Mapping[str, Any]) -> Iterator[str]:
    for name, choices in CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            yield f"{name} {values[name]} must be one of {', '.join(choices)}"


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    for one, other in EXCLUSIVE:
        if one in values and other in values:
            yield f"{one} and {other} cannot both be specified"

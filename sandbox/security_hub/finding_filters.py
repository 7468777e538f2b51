"""The filters of GetFindings; an unsupported filter is refused, never ignored.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_StringFilter.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sandbox.security_hub.errors import InvalidInputError

MAX_ATTRIBUTES = 10
MAX_FILTER_VALUES = 20

type Condition = Mapping[str, str]
type Filters = Mapping[str, Sequence[Condition]]

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": str.__eq__,
    "PREFIX": str.startswith,
    "CONTAINS": str.__contains__,
}
_NEGATIONS = {
    "NOT_EQUALS": "EQUALS",
    "PREFIX_NOT_EQUALS": "PREFIX",
    "NOT_CONTAINS": "CONTAINS",
}
_PATHS: dict[str, tuple[str, ...]] = {
    "AwsAccountId": ("AwsAccountId",),
    "CompanyName": ("CompanyName",),
    "ComplianceStatus": ("Compliance", "Status"),
    "Description": ("Description",),
    "GeneratorId": ("GeneratorId",),
    "Id": ("Id",),
    "ProductArn": ("ProductArn",),
    "ProductName": ("ProductName",),
    "RecordState": ("RecordState",),
    "Region": ("Region",),
    "ResourceId": ("Resources", "Id"),
    "ResourceType": ("Resources", "Type"),
    "SeverityLabel": ("Severity", "Label"),
    "Title": ("Title",),
    "Type": ("Types",),
    "VerificationState": ("VerificationState",),
    "WorkflowStatus": ("Workflow", "Status"),
}
_MAPS = ("ProductFields", "UserDefinedFields")
ATTRIBUTES = frozenset(_PATHS)
# The comparisons that cannot be combined with this one on the same field.
_EXCLUDES = {
    "EQUALS": {"NOT_EQUALS", "PREFIX_NOT_EQUALS"},
    "CONTAINS": {*_COMPARISONS, *_NEGATIONS} - {"CONTAINS"},
    "NOT_CONTAINS": {*_COMPARISONS, *_NEGATIONS} - {"NOT_CONTAINS"},
}


def check_filters(filters: Filters) -> None:
    """Raises InvalidInputError."""
    if len(filters) > MAX_ATTRIBUTES:
        raise InvalidInputError(
            f"Invalid parameter 'Filters': more than {MAX_ATTRIBUTES} attributes"
        )
    for name, conditions in filters.items():
        if name not in _PATHS and name not in _MAPS:
            raise InvalidInputError(f"Invalid parameter 'Filters': {name} is not supported")
        if len(conditions) > MAX_FILTER_VALUES:
            raise InvalidInputError(
                f"Invalid parameter 'Filters': {name} has more than {MAX_FILTER_VALUES} values"
            )
        for condition in conditions:
            _check_condition(name, condition)
        _check_combination(name, {condition["Comparison"] for condition in conditions})


def _check_condition(name: str, condition: Condition) -> None:
    required = {"Value", "Comparison"} | ({"Key"} if name in _MAPS else set())
    if missing := sorted(required - condition.keys()):
        raise InvalidInputError(
            f"Invalid parameter 'Filters': {name} requires {', '.join(missing)}"
        )
    comparison = condition["Comparison"]
    if comparison not in _COMPARISONS and comparison not in _NEGATIONS:
        raise InvalidInputError(
            f"Invalid parameter 'Filters': comparison {comparison} of {name} is not supported"
        )


def _check_combination(name: str, comparisons: set[str]) -> None:
    for comparison in sorted(comparisons):
        if excluded := sorted(comparisons & _EXCLUDES.get(comparison, set())):
            raise InvalidInputError(
                f"Invalid parameter 'Filters': {name} cannot combine {comparison} with "
                f"{', '.join(excluded)}"
            )


def matches(finding: Mapping[str, Any], filters: Filters) -> bool:
    return all(_filter_matches(finding, name, conditions) for name, conditions in filters.items())


def _filter_matches(finding: Mapping[str, Any], name: str, conditions: Sequence[Condition]) -> bool:
    """Positive conditions on one field are joined by OR, negative ones by AND."""
    positive = [one for one in conditions if one["Comparison"] in _COMPARISONS]
    negative = [one for one in conditions if one["Comparison"] in _NEGATIONS]
    return (not positive or any(_holds(finding, name, one) for one in positive)) and all(
        not _holds(finding, name, one) for one in negative
    )


def _holds(finding: Mapping[str, Any], name: str, condition: Condition) -> bool:
    comparison = condition["Comparison"]
    compare = _COMPARISONS[_NEGATIONS.get(comparison, comparison)]
    return any(compare(value, condition["Value"]) for value in _values(finding, name, condition))


def _values(finding: Mapping[str, Any], name: str, condition: Condition) -> Iterable[str]:
    if name in _MAPS:
        fields = finding.get(name, {})
        return [fields[condition["Key"]]] if condition["Key"] in fields else []
    return values_of(finding, name)


def values_of(finding: Mapping[str, Any], attribute: str) -> list[Any]:
    """All values of one of ATTRIBUTES; several for a list such as Resources."""
    values: list[Any] = [finding]
    for step in _PATHS[attribute]:
        reached = [value[step] for value in values if step in value]
        values = [
            item for value in reached for item in (value if isinstance(value, list) else [value])
        ]
    return values

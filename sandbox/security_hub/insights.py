"""Custom insights: findings that a filter selects, counted by one of their attributes.

https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-custom-insights.html
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from sandbox.security_hub.errors import (
    InvalidInputError,
    LimitExceededError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from sandbox.security_hub.finding_filters import ATTRIBUTES, check_filters, matches, values_of
from sandbox.security_hub.registry import Hub, Insight

# https://docs.aws.amazon.com/general/latest/gr/sechub.html
MAX_INSIGHTS = 100
MAX_RESULTS = 100
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-securityhub-insight.html
MAX_NAME = 128
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_MapFilter.html
AUTOMATION_RULES_ONLY = ("CONTAINS", "NOT_CONTAINS")


def create_insight(hub: Hub, parameters: Mapping[str, Any]) -> Insight:
    if len(hub.insights) >= MAX_INSIGHTS:
        raise LimitExceededError(f"An account has at most {MAX_INSIGHTS} custom insights a Region")
    arn = f"{hub.arn_prefix}:insight/{hub.account_id}/custom/{uuid4()}"
    return _store(
        hub,
        Insight(
            arn=arn,
            name=parameters["Name"],
            filters=parameters["Filters"],
            group_by=parameters["GroupByAttribute"],
        ),
    )


def update_insight(hub: Hub, arn: str, parameters: Mapping[str, Any]) -> None:
    known = find_insight(hub, arn)
    changed = Insight(
        arn=arn,
        name=parameters.get("Name", known.name),
        filters=parameters.get("Filters", known.filters),
        group_by=parameters.get("GroupByAttribute", known.group_by),
    )
    _store(hub, changed)


def find_insight(hub: Hub, arn: str) -> Insight:
    if arn not in hub.insights:
        raise ResourceNotFoundError(f"Insight {arn} not found")
    return hub.insights[arn]


def delete_insight(hub: Hub, arn: str) -> None:
    find_insight(hub, arn)
    del hub.insights[arn]


def results(insight: Insight, findings: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """How many findings have which value, the most frequent first; several values count each."""
    counted = Counter(
        value
        for finding in findings
        if matches(finding, insight.filters)
        for value in set(values_of(finding, insight.group_by))
    )
    return counted.most_common(MAX_RESULTS)


def _store(hub: Hub, insight: Insight) -> Insight:
    check_filters(insight.filters)
    _check_comparisons(insight.filters)
    if insight.group_by not in ATTRIBUTES:
        raise InvalidInputError(f"Invalid parameter 'GroupByAttribute': {insight.group_by}")
    if len(insight.name) > MAX_NAME:
        raise InvalidInputError(f"Invalid parameter 'Name': longer than {MAX_NAME} characters")
    if any(
        other.name == insight.name for other in hub.insights.values() if other.arn != insight.arn
    ):
        raise ResourceConflictError(f"An insight named {insight.name} exists")
    hub.insights[insight.arn] = insight
    return insight


def _check_comparisons(filters: Mapping[str, Any]) -> None:
    for name, conditions in filters.items():
        for condition in conditions:
            if condition["Comparison"] in AUTOMATION_RULES_ONLY:
                raise InvalidInputError(
                    f"Invalid parameter 'Filters': {condition['Comparison']} of {name} is for "
                    "automation rules only"
                )

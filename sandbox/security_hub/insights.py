"""Custom insights: findings that match a filter, counted by one of their attributes.

https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-custom-insights.html
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult

from sandbox.security_hub.administration import subscribed_hub
from sandbox.security_hub.aggregation import visible_findings
from sandbox.security_hub.errors import (
    HubConflictError,
    InvalidInputError,
    LimitExceededError,
    ResourceNotFoundError,
)
from sandbox.security_hub.finding_filters import ATTRIBUTES, check_filters, matches, values_of
from sandbox.security_hub.registry import Hub, Insight
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

# https://docs.aws.amazon.com/general/latest/gr/sechub.html
MAX_INSIGHTS = 100
MAX_RESULTS = 100
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-securityhub-insight.html
MAX_NAME = 128
# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_MapFilter.html
AUTOMATION_RULES_ONLY = ("CONTAINS", "NOT_CONTAINS")


class InsightOperations(SecurityHubRequest):
    def create_insight(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        if len(hub.insights) >= MAX_INSIGHTS:
            raise LimitExceededError(
                f"An account has at most {MAX_INSIGHTS} custom insights in a Region"
            )
        insight = Insight(
            arn=f"{hub.arn_prefix}:insight/{hub.account_id}/custom/{uuid4()}",
            name=parameters["Name"],
            filters=parameters["Filters"],
            group_by=parameters["GroupByAttribute"],
        )
        _store(hub, insight)
        return answer(InsightArn=insight.arn)

    def get_insights(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        wanted = parameters.get("InsightArns") or list(hub.insights)
        found, more = page([_find(hub, arn) for arn in wanted], parameters)
        return answer(Insights=[_describe(insight) for insight in found], **more)

    def update_insight(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        known = _find(hub, parameters["InsightArn"])
        changed = Insight(
            arn=known.arn,
            name=parameters.get("Name", known.name),
            filters=parameters.get("Filters", known.filters),
            group_by=parameters.get("GroupByAttribute", known.group_by),
        )
        _store(hub, changed)
        return answer()

    def delete_insight(self) -> ActionResult:
        hub, arn = subscribed_hub(*self.where), self.parameters()["InsightArn"]
        del hub.insights[_find(hub, arn).arn]
        return answer(InsightArn=arn)

    def get_insight_results(self) -> ActionResult:
        hub, arn = subscribed_hub(*self.where), self.parameters()["InsightArn"]
        insight = _find(hub, arn)
        counted = _results(insight, visible_findings(*self.where))
        return answer(
            InsightResults={
                "InsightArn": arn,
                "GroupByAttribute": insight.group_by,
                "ResultValues": [
                    {"GroupByAttributeValue": value, "Count": count} for value, count in counted
                ],
            }
        )


def _find(hub: Hub, arn: str) -> Insight:
    if arn not in hub.insights:
        raise ResourceNotFoundError(f"Insight {arn} not found")
    return hub.insights[arn]


def _results(insight: Insight, findings: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """The number of findings with each value, most frequent first."""
    counted = Counter(
        value
        for finding in findings
        if matches(finding, insight.filters)
        for value in set(values_of(finding, insight.group_by))
    )
    return counted.most_common(MAX_RESULTS)


def _store(hub: Hub, insight: Insight) -> None:
    check_filters(insight.filters)
    _check_comparisons(insight.filters)
    if insight.group_by not in ATTRIBUTES:
        raise InvalidInputError(f"Invalid parameter 'GroupByAttribute': {insight.group_by}")
    if len(insight.name) > MAX_NAME:
        raise InvalidInputError(f"Invalid parameter 'Name': longer than {MAX_NAME} characters")
    if any(
        other.name == insight.name for other in hub.insights.values() if other.arn != insight.arn
    ):
        raise HubConflictError(f"An insight named {insight.name} already exists")
    hub.insights[insight.arn] = insight


def _check_comparisons(filters: Mapping[str, Any]) -> None:
    for name, conditions in filters.items():
        for condition in conditions:
            if condition["Comparison"] in AUTOMATION_RULES_ONLY:
                raise InvalidInputError(
                    f"Invalid parameter 'Filters': {condition['Comparison']} of {name} is "
                    "supported in automation rules only"
                )


def _describe(insight: Insight) -> dict[str, Any]:
    return {
        "InsightArn": insight.arn,
        "Name": insight.name,
        "Filters": insight.filters,
        "GroupByAttribute": insight.group_by,
    }

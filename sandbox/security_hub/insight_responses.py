"""Security Hub's operations on custom insights."""

from typing import Any

from moto.core.responses import ActionResult

from sandbox.security_hub import insights
from sandbox.security_hub.administration import subscribed_hub
from sandbox.security_hub.aggregation import visible_findings
from sandbox.security_hub.registry import Insight
from sandbox.security_hub.requests import SecurityHubRequest, answer, page


class InsightOperations(SecurityHubRequest):
    def create_insight(self) -> ActionResult:
        insight = insights.create_insight(subscribed_hub(*self.where), self.parameters())
        return answer(InsightArn=insight.arn)

    def get_insights(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        wanted = parameters.get("InsightArns") or list(hub.insights)
        found, more = page([insights.find_insight(hub, arn) for arn in wanted], parameters)
        return answer(Insights=[_insight(insight) for insight in found], **more)

    def update_insight(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        insights.update_insight(hub, parameters["InsightArn"], parameters)
        return answer()

    def delete_insight(self) -> ActionResult:
        hub, arn = subscribed_hub(*self.where), self.parameters()["InsightArn"]
        insights.delete_insight(hub, arn)
        return answer(InsightArn=arn)

    def get_insight_results(self) -> ActionResult:
        hub, arn = subscribed_hub(*self.where), self.parameters()["InsightArn"]
        insight = insights.find_insight(hub, arn)
        counted = insights.results(insight, visible_findings(*self.where))
        return answer(
            InsightResults={
                "InsightArn": arn,
                "GroupByAttribute": insight.group_by,
                "ResultValues": [
                    {"GroupByAttributeValue": value, "Count": count} for value, count in counted
                ],
            }
        )


def _insight(insight: Insight) -> dict[str, Any]:
    return {
        "InsightArn": insight.arn,
        "Name": insight.name,
        "Filters": insight.filters,
        "GroupByAttribute": insight.group_by,
    }

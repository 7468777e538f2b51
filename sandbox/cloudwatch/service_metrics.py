"""The metrics that AWS services count.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from moto.awslambda.models import LambdaFunction
from moto.cloudwatch.models import cloudwatch_backends
from moto.events.models import Rule

from sandbox.clock import Clock

DEFAULT_BUS = "default"


@dataclass(frozen=True, slots=True)
class ServiceMetrics:
    clock: Clock

    def count(
        self,
        account: str,
        region: str,
        namespace: str,
        dimensions: Mapping[str, str],
        values: Mapping[str, float],
        when: datetime | None = None,
    ) -> None:
        """Values by the name of the metric, of now unless `when` is given."""
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": one, "Value": of} for one, of in dimensions.items()],
                "Value": float(value),
                "Timestamp": when or self.clock.now(),
            }
            for name, value in values.items()
        ]
        cloudwatch_backends[account][region].put_metric_data(namespace, data)

    def count_of_function(
        self, function: LambdaFunction, when: datetime | None = None, **values: float
    ) -> None:
        account = function.function_arn.split(":")[4]
        dimensions = {"FunctionName": function.function_name}
        self.count(account, function.region, "AWS/Lambda", dimensions, values, when)

    def count_of_rule(self, rule: Rule, metric: str) -> None:
        """A rule on the default bus has no dimension for the bus."""
        bus = {} if rule.event_bus_name == DEFAULT_BUS else {"EventBusName": rule.event_bus_name}
        dimensions = {**bus, "RuleName": rule.name}
        self.count(rule.account_id, rule.region_name, "AWS/Events", dimensions, {metric: 1.0})

    def count_log_events(
        self, account: str, region: str, group: str, number: int, when: datetime | None = None
    ) -> None:
        values = {"IncomingLogEvents": number}
        self.count(account, region, "AWS/Logs", {"LogGroupName": group}, values, when)

"""An alarm on one of AWS's own metrics, up at the first of what must not be there at all."""

from collections.abc import Mapping
from typing import Literal

from constructs import Construct

from modules import aws


def alarm_at_the_first(
    scope: Construct,
    id_: str,
    *,
    name: str,
    description: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    statistic: Literal["Maximum", "Sum"],
    topic: aws.SnsTopic,
    provider: aws.AwsProvider,
) -> aws.CloudwatchMetricAlarm:
    """The metrics of what has nothing to tell end after a while: then nothing is wrong."""
    return aws.CloudwatchMetricAlarm(
        scope,
        id_,
        alarm_name=name,
        alarm_description=description,
        namespace=namespace,
        metric_name=metric,
        dimensions=dict(dimensions),
        statistic=statistic,
        period=60,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[topic.arn],
        provider=provider,
    )

"""CloudWatch alarms: of a detection, and of Rootwatch's own queues and function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from collections.abc import Mapping
from typing import Literal

from constructs import Construct

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection
from modules import aws
from modules.naming import Names


def create_alarm(
    scope: Construct,
    id_: str,
    *,
    name: str,
    description: str,
    namespace: str,
    metric: str,
    statistic: Literal["Maximum", "Sum"],
    topic: aws.SnsTopic,
    provider: aws.AwsProvider,
    dimensions: Mapping[str, str] | None = None,
    threshold: int = 1,
    period_seconds: int = 60,
) -> aws.CloudwatchMetricAlarm:
    """An alarm on a count: in ALARM at the threshold in one period, and OK without data."""
    return aws.CloudwatchMetricAlarm(
        scope,
        id_,
        alarm_name=name,
        alarm_description=description,
        namespace=namespace,
        metric_name=metric,
        dimensions=dimensions,
        statistic=statistic,
        period=period_seconds,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        threshold=threshold,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[topic.arn],
        provider=provider,
    )


class DetectionAlarm(Construct):
    """A detection as a metric filter and an alarm, without a function between them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        detection: Detection,
        names: Names,
        topic: aws.SnsTopic,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        aws.CloudwatchLogMetricFilter(
            self,
            "metric_filter",
            name=names.metric_filter(detection.name),
            log_group_name=names.trail_log_group,
            pattern=metric_pattern(detection),
            metric_transformation={
                "name": detection.name,
                "namespace": names.metric_namespace,
                "value": "1",
                "default_value": "0",
            },
            provider=provider,
        )
        self.alarm = create_alarm(
            self,
            "alarm",
            name=names.alarm(detection.name),
            description=_description(detection),
            namespace=names.metric_namespace,
            metric=detection.name,
            statistic="Sum",
            threshold=detection.threshold.count,
            period_seconds=detection.threshold.seconds,
            topic=topic,
            provider=provider,
        )


def _description(detection: Detection) -> str:
    sentences = [f"{detection.title}.", detection.description]
    threshold = detection.threshold
    if threshold.count > 1:
        minutes = threshold.seconds // 60
        sentences.append(f"At least {threshold.count} events matched within {minutes} minutes.")
    if "importer" in detection.evaluated_by:
        sentences.append("A notification states the identity, the account and the time.")
    return " ".join(sentences)

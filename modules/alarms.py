"""CloudWatch alarms, and the metric filter and alarm of a detection.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from constructs import Construct

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection
from modules import aws
from modules.alarm_conditions import (
    MAX_DELIVERY_DELAY_SECONDS,
    MINUTE_SECONDS,
    AlarmCondition,
    occurrences,
)
from modules.naming import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    namespace: str
    name: str
    dimensions: Mapping[str, str] | None = None


def create_alarm(
    scope: Construct,
    id_: str,
    *,
    name: str,
    description: str,
    metric: Metric,
    condition: AlarmCondition,
    topic: aws.SnsTopic,
    provider: aws.AwsProvider,
    notifies_recovery: bool = False,
) -> aws.CloudwatchMetricAlarm:
    """Publishes to the topic when it changes to ALARM, and if wanted when it changes to OK."""
    return aws.CloudwatchMetricAlarm(
        scope,
        id_,
        alarm_name=name,
        alarm_description=description,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=metric.dimensions,
        statistic=condition.statistic,
        period=condition.period_seconds,
        evaluation_periods=condition.evaluated_periods,
        datapoints_to_alarm=condition.breaching_periods,
        threshold=condition.threshold,
        comparison_operator=condition.comparison,
        treat_missing_data=condition.missing_data,
        alarm_actions=[topic.arn],
        ok_actions=[topic.arn] if notifies_recovery else None,
        provider=provider,
    )


class DetectionAlarm(Construct):
    """A detection as a metric filter and an alarm, without a function between them.

    The metric has no default value: a datapoint for each minute without a match would hide a match
    whose datapoint arrives late.
    """

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
        metric = Metric(namespace=names.metric_namespace, name=detection.name)
        aws.CloudwatchLogMetricFilter(
            self,
            "metric_filter",
            name=names.metric_filter(detection.name),
            log_group_name=names.trail_log_group,
            pattern=metric_pattern(detection),
            metric_transformation={
                "name": metric.name,
                "namespace": metric.namespace,
                "value": "1",
            },
            provider=provider,
        )
        threshold = detection.threshold
        condition = occurrences(threshold.count, threshold.seconds, MAX_DELIVERY_DELAY_SECONDS)
        self.alarm = create_alarm(
            self,
            "alarm",
            name=names.alarm(detection.name),
            description=_description(detection, condition),
            metric=metric,
            condition=condition,
            topic=topic,
            provider=provider,
        )


def _description(detection: Detection, condition: AlarmCondition) -> str:
    sentences = [f"{detection.title}.", detection.description]
    if condition.threshold > 1:
        minutes = condition.period_seconds // MINUTE_SECONDS
        sentences.append(f"At least {condition.threshold} events matched within {minutes} minutes.")
    if "importer" in detection.evaluated_by:
        sentences.append("A notification states the identity, the account and the time.")
    return " ".join(sentences)

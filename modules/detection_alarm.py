"""A detection as a metric filter and an alarm, with no code in the path."""

from typing import Any

from constructs import Construct

from compiler.cloudwatch import metric_pattern
from compiler.detection import Detection
from modules import aws
from modules.naming import Names


class DetectionAlarm(Construct):
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
        in_security: dict[str, Any] = {"provider": provider}
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
            **in_security,
        )
        self.alarm = aws.CloudwatchMetricAlarm(
            self,
            "alarm",
            alarm_name=names.alarm(detection.name),
            alarm_description=_description(detection),
            metric_name=detection.name,
            namespace=names.metric_namespace,
            statistic="Sum",
            period=detection.threshold.seconds,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            threshold=detection.threshold.count,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic.arn],
            **in_security,
        )


def _description(detection: Detection) -> str:
    sentences = [f"{detection.title}.", detection.description]
    threshold = detection.threshold
    if threshold.count > 1:
        sentences.append(
            f"There were at least {threshold.count} within {threshold.seconds // 60} minutes."
        )
    if "importer" in detection.evaluated_by:
        sentences.append("A notification says who, where and when.")
    return " ".join(sentences)

"""A detection as a metric filter and an alarm, with no code in the path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs import Construct

from detections.cloudwatch import metric_pattern
from modules import aws

if TYPE_CHECKING:
    from detections.catalog import Detection
    from modules.naming import Names

PERIOD_SECONDS = 60


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
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic.arn],
            **in_security,
        )


def _description(detection: Detection) -> str:
    return f"{detection.title}. {detection.description} A notice says who, where and when."

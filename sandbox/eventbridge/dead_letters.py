"""What a target did not take: with the dead letters, or lost.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow
from moto.events.models import Rule

from sandbox.eventbridge.addresses import DEFAULT

NAMESPACE = "AWS/Events"


class UndeliveredError(Exception):
    """An event that its target does not take.

    All of these are of the kinds that EventBridge does not try again: missing permissions, missing
    targets, a second hop. `code` is one of those that it documents for dead letters.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEvent:
    """An event that neither its target nor a dead-letter queue has."""

    rule_arn: str
    target_arn: str
    reason: str
    event: Mapping[str, Any]


def attributes(rule: Rule, target_arn: str, error: UndeliveredError) -> dict[str, Any]:
    """Of the message to the dead-letter queue, whose body is the event."""
    texts = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": target_arn,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        "RETRY_ATTEMPTS": "0",
    }
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}


def count(rule: Rule, metric: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html."""
    dimensions = [{"Name": "RuleName", "Value": rule.name}]
    if rule.event_bus_name != DEFAULT:
        dimensions.insert(0, {"Name": "EventBusName", "Value": rule.event_bus_name})
    datum = {
        "MetricName": metric,
        "Dimensions": dimensions,
        "Value": 1.0,
        "Timestamp": utcnow(),
    }
    cloudwatch_backends[rule.account_id][rule.region_name].put_metric_data(NAMESPACE, [datum])

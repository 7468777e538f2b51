"""The importer's log, one JSON object a line, and its metrics in CloudWatch's embedded format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

_SERVICE = "finding_importer"
_LOGGER = Logger(service=_SERVICE, location=None)  # each step is told here, in this module


def configure(level: str) -> None:
    _LOGGER.setLevel(level)


def info(step: str, *, event_id: Any = None, **fields: Any) -> None:
    """One step; its line can be found by the event's eventID, as correlation_id."""
    _LOGGER.info(step, correlation_id=event_id, **fields)


def warning(step: str, *, event_id: str | None = None, **fields: Any) -> None:
    _LOGGER.warning(step, correlation_id=event_id, **fields)


def error(step: str, *, event_id: str | None = None, **fields: Any) -> None:
    _LOGGER.error(step, correlation_id=event_id, **fields)


def count(namespace: str, counts: Mapping[str, int]) -> None:
    """Write metrics without dimensions but the service."""
    metrics = Metrics(namespace=namespace, service=_SERVICE)
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()

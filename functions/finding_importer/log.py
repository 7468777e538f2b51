"""The importer's log, one JSON object a line, and its metrics in CloudWatch's embedded format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

_SERVICE = "finding_importer"
_LOGGER = Logger(service=_SERVICE, location=None)  # the location would always be this module


def configure(level: str) -> None:
    _LOGGER.setLevel(level)


def info(message: str, *, event_id: Any = None, **fields: Any) -> None:
    """Log a message. The record's eventID becomes correlation_id."""
    _LOGGER.info(message, correlation_id=event_id, **fields)


def warning(message: str, *, event_id: str | None = None, **fields: Any) -> None:
    _LOGGER.warning(message, correlation_id=event_id, **fields)


def error(message: str, *, event_id: str | None = None, **fields: Any) -> None:
    _LOGGER.error(message, correlation_id=event_id, **fields)


def count(namespace: str, counts: Mapping[str, int]) -> None:
    """Write metrics whose only dimension is the service."""
    metrics = Metrics(namespace=namespace, service=_SERVICE)
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()

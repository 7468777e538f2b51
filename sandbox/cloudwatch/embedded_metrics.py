"""The embedded metric format: log events that contain metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import Clock

MAX_DIMENSIONS = 30  # in a set
MAX_METRICS = 100  # in a directive
MAX_VALUES = 100  # of a metric
MAX_AGE, MAX_LEAD = timedelta(days=14), timedelta(hours=2)

type Datum = dict[str, Any]
type Document = dict[str, Any]


def metric_data(messages: Iterable[str], clock: Clock) -> dict[str, list[Datum]]:
    """By namespace; ignores log events of another format. Functions write them in real time."""
    data: defaultdict[str, list[Datum]] = defaultdict(list)
    for document in filter(None, map(_document, messages)):
        when = _time(document["_aws"].get("Timestamp"))
        if when is None:
            continue
        for directive in document["_aws"]["CloudWatchMetrics"]:
            if _conforms(directive):
                data[directive["Namespace"]] += _data(document, directive, clock.of_real_time(when))
    return data


def _document(message: str) -> Document | None:
    if '"_aws"' not in message:
        return None
    try:
        document = json.loads(message)
    except ValueError:
        return None
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if isinstance(metadata, dict) and isinstance(metadata.get("CloudWatchMetrics"), list):
        return dict(document)
    return None


def _time(milliseconds: Any) -> datetime | None:
    if not isinstance(milliseconds, int):
        return None
    now, when = datetime.now(UTC), datetime.fromtimestamp(milliseconds / 1000, UTC)
    return when.replace(tzinfo=None) if now - MAX_AGE <= when <= now + MAX_LEAD else None


def _conforms(directive: Any) -> bool:
    if not isinstance(directive, dict):
        return False
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics")
    sets = directive.get("Dimensions")
    named = isinstance(namespace, str) and bool(namespace)
    counted = isinstance(metrics, list) and len(metrics) <= MAX_METRICS
    return named and counted and isinstance(sets, list) and all(map(_is_dimension_set, sets))


def _is_dimension_set(names: Any) -> bool:
    return (
        isinstance(names, list)
        and len(names) <= MAX_DIMENSIONS
        and all(isinstance(name, str) for name in names)
    )


def _data(document: Document, directive: Document, when: Any) -> Iterator[Datum]:
    """One datum for each metric, value and set of dimensions that the document has."""
    for metric in directive["Metrics"]:
        name = metric.get("Name") if isinstance(metric, dict) else None
        for value in _values(document.get(name)) if isinstance(name, str) else ():
            for names in directive["Dimensions"]:
                if all(isinstance(document.get(one), str) for one in names):
                    dimensions = [{"Name": one, "Value": document[one]} for one in names]
                    yield {
                        "MetricName": name,
                        "Dimensions": dimensions,
                        "Value": value,
                        "Unit": metric.get("Unit", "None"),
                        "Timestamp": when,
                    }


def _values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    numbers = [float(one) for one in values if isinstance(one, int | float)]
    return numbers if len(numbers) == len(values) <= MAX_VALUES else []

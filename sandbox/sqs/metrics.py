"""The CloudWatch metric of a queue's visible messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import threading
from collections import defaultdict
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow
from moto.sqs.models import Queue

from sandbox.activity import Activity
from sandbox.sqs.messages import queues

NAMESPACE = "AWS/SQS"
VISIBLE = "ApproximateNumberOfMessagesVisible"


class QueueMetrics:
    """SQS publishes once a minute; the sandbox publishes each change, and once a second."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._published: dict[str, int] = {}  # by the queue's ARN
        self._lock = threading.Lock()

    def publish_all(self) -> None:
        with self._lock:
            self._publish(self._depths())

    def publish_changes(self) -> None:
        with self._lock:
            depths = self._depths()
            self._publish(
                [(queue, d) for queue, d in depths if self._published.get(queue.queue_arn) != d]
            )

    def _depths(self) -> list[tuple[Queue, int]]:
        with self._activity.changed:
            return [(queue, len(queue.messages)) for queue in queues()]

    def _publish(self, depths: list[tuple[Queue, int]]) -> None:
        data: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for queue, depth in depths:
            self._published[queue.queue_arn] = depth
            data[queue.account_id, queue.region].append(_datum(queue, depth))
        for (account, region), values in data.items():
            cloudwatch_backends[account][region].put_metric_data(NAMESPACE, values)


def _datum(queue: Queue, depth: int) -> dict[str, Any]:
    return {
        "MetricName": VISIBLE,
        "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
        "Value": float(depth),
        "Timestamp": utcnow(),
    }

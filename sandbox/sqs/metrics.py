"""The CloudWatch metrics of a queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import threading
from collections import defaultdict
from datetime import datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.sqs.models import Queue

from sandbox.activity import Activity
from sandbox.clock import Clock
from sandbox.sqs.messages import SENT_AT, all_messages, queues

NAMESPACE = "AWS/SQS"
VISIBLE = "ApproximateNumberOfMessagesVisible"
AGE = "ApproximateAgeOfOldestMessage"
MAX_RECEIVES = 3  # of a message that counts for the age

type Values = tuple[float, float]  # of VISIBLE and AGE


class QueueMetrics:
    """SQS publishes once a minute; the sandbox publishes each change of the depth, too."""

    def __init__(self, activity: Activity, clock: Clock) -> None:
        self._activity = activity
        self._clock = clock
        self._published: dict[str, float] = {}  # depth by the queue's ARN
        self._lock = threading.Lock()

    def publish_all(self, when: datetime) -> None:
        with self._lock:
            self._publish(self._values(), when)

    def publish_changes(self) -> None:
        with self._lock:
            changed = [
                (queue, values)
                for queue, values in self._values()
                if self._published.get(queue.queue_arn) != values[0]
            ]
            self._publish(changed, self._clock.now())

    def _values(self) -> list[tuple[Queue, Values]]:
        now = self._clock.time()
        with self._activity.changed:
            return [(queue, (len(queue.messages), _age(queue, now))) for queue in queues()]

    def _publish(self, queues_with_values: list[tuple[Queue, Values]], when: datetime) -> None:
        data: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for queue, values in queues_with_values:
            self._published[queue.queue_arn] = values[0]
            data[queue.account_id, queue.region] += [
                _datum(queue, name, value, when)
                for name, value in zip((VISIBLE, AGE), values, strict=True)
            ]
        for (account, region), published in data.items():
            cloudwatch_backends[account][region].put_metric_data(NAMESPACE, published)


def _age(queue: Queue, now: float) -> float:
    """In seconds. SQS ignores messages that were received too often."""
    sent = [
        vars(one)[SENT_AT]
        for one in all_messages(queue)
        if one.approximate_receive_count <= MAX_RECEIVES
    ]
    return max(0.0, now - min(sent)) if sent else 0.0


def _datum(queue: Queue, name: str, value: float, when: datetime) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
        "Value": float(value),
        "Timestamp": when,
    }

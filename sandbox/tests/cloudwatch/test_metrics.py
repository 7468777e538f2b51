"""Metrics of queues, and of log events in the embedded metric format."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import create_queue, unique

ACCOUNT = {"Name": "account", "Value": "444444444444"}
METRIC = {"Name": "imported", "Unit": "Count"}


@pytest.fixture(scope="module")
def cloudwatch(sandbox: Sandbox) -> Any:
    return sandbox.client("cloudwatch", SECURITY.id)


def datapoints(
    cloudwatch: Any, namespace: str, name: str, *dimensions: dict[str, str], **more: Any
) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return list(
        cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=list(dimensions),
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["Sum", "Maximum"],
            **more,
        )["Datapoints"]
    )


def log(sandbox: Sandbox, *messages: str) -> None:
    logs, group = sandbox.client("logs", SECURITY.id), unique("/test/group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)


def embedded(namespace: str, *, metadata: Any = None, **members: Any) -> str:
    directive = {"Namespace": namespace, "Dimensions": [["account"], []], "Metrics": [METRIC]}
    own = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    values = {"account": ACCOUNT["Value"], "imported": 3, **members}
    return json.dumps({"_aws": own if metadata is None else metadata(own), **values})


def test_a_queue_publishes_its_number_of_visible_messages(
    sandbox: Sandbox, cloudwatch: Any
) -> None:
    url, sqs = create_queue(sandbox, SECURITY.id), sandbox.client("sqs", SECURITY.id)
    queue = {"Name": "QueueName", "Value": url.rsplit("/", 1)[1]}
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="hello")
    sandbox.settle()
    points = datapoints(cloudwatch, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue)

    assert max(point["Maximum"] for point in points) == 3


def test_an_alarm_follows_the_metric_of_a_queue(sandbox: Sandbox, cloudwatch: Any) -> None:
    url, name = create_queue(sandbox, SECURITY.id), unique("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": url.rsplit("/", 1)[1]}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    sandbox.client("sqs", SECURITY.id).send_message(QueueUrl=url, MessageBody="hello")
    sandbox.settle()
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]

    assert alarm["StateValue"] == "ALARM"


def test_a_log_event_in_the_embedded_format_is_a_metric(sandbox: Sandbox, cloudwatch: Any) -> None:
    namespace = unique("Embedded")
    log(sandbox, "no JSON", embedded(namespace), embedded(namespace, imported=[1, 2.5]))
    with_account = datapoints(cloudwatch, namespace, "imported", ACCOUNT, Unit="Count")
    listed = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]

    assert sum(point["Sum"] for point in with_account) == 6.5
    assert {len(metric["Dimensions"]) for metric in listed} == {0, 1}


def test_an_invalid_embedded_metric_is_ignored(sandbox: Sandbox, cloudwatch: Any) -> None:
    cases: list[Any] = [
        lambda namespace: embedded(namespace, imported="three"),
        lambda namespace: embedded(namespace, imported=[1] * 101),
        lambda namespace: embedded(namespace, metadata=lambda own: {**own, "Timestamp": "now"}),
        lambda namespace: embedded(namespace, metadata=lambda own: {**own, "Timestamp": 1}),
        lambda namespace: embedded(namespace, metadata=lambda own: [own]),
        lambda namespace: embedded(
            namespace,
            metadata=lambda own: {
                **own,
                "CloudWatchMetrics": [{**own["CloudWatchMetrics"][0], "Dimensions": "account"}],
            },
        ),
        lambda namespace: embedded(namespace)[:-1],
    ]
    for message in cases:
        namespace = unique("Embedded")
        log(sandbox, message(namespace))

        assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == [], message


def test_a_dimension_set_with_a_missing_value_is_ignored(sandbox: Sandbox, cloudwatch: Any) -> None:
    namespace = unique("Embedded")
    log(sandbox, embedded(namespace, account=None))
    (listed,) = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]

    assert listed["Dimensions"] == []

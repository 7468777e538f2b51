"""Metric filters and subscription filters: their checks and effects."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.logs.models import logs_backends

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    code_of,
    create_function,
    log_lines,
    message_of,
    unique,
)

NAMESPACE = "Tests"
MATCHING = json.dumps({"name": "DeleteTrail"})
OTHER = json.dumps({"name": "DescribeTrails"})
PATTERN = '{ $.name = "DeleteTrail" }'
BAD_PATTERNS = ["{ $.name = }", "{ $.name IS NOT NULL }", "{ $.name = *a* && }", "{ name = 1 }"]
REGEX_PATTERN = "{ $.name = %^Delete% }"
SHOW_MESSAGES = """
import base64, gzip, json

def handler(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for one in data["logEvents"]:
        print(data["messageType"], data["logGroup"], data["subscriptionFilters"], one["message"])
"""


@pytest.fixture
def logs(sandbox: Sandbox) -> Any:
    return sandbox.client("logs", SECURITY.id)


@pytest.fixture
def group(logs: Any) -> str:
    name = unique("/test/group")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    return name


@pytest.fixture(scope="module")
def function(sandbox: Sandbox) -> str:
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    return create_function(sandbox, SECURITY.id, SHOW_MESSAGES, write)


def log(logs: Any, group: str, *messages: str) -> None:
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName="stream",
        logEvents=[{"timestamp": now, "message": message} for message in messages],
    )


def put_metric_filter(
    logs: Any, group: str, pattern: str = PATTERN, name: str = "filter", **changes: Any
) -> str:
    """The name of the metric."""
    metric = unique("metric")
    transformation = {"metricNamespace": NAMESPACE, "metricName": metric, "metricValue": "1"}
    logs.put_metric_filter(
        logGroupName=group,
        filterName=name,
        filterPattern=pattern,
        metricTransformations=[{**transformation, **changes}],
    )
    return metric


def admit(sandbox: Sandbox, function: str, group: str) -> None:
    sandbox.client("lambda", SECURITY.id).add_permission(
        FunctionName=function,
        StatementId=unique("logs"),
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:{REGION}:{SECURITY.id}:log-group:{group}:*",
        SourceAccount=SECURITY.id,
    )


def arn_of(function: str, account: str = SECURITY.id) -> str:
    return f"arn:aws:lambda:{REGION}:{account}:function:{function}"


def put_subscription(
    logs: Any, group: str, function: str, pattern: str = PATTERN, name: str = "filter"
) -> None:
    logs.put_subscription_filter(
        logGroupName=group,
        filterName=name,
        filterPattern=pattern,
        destinationArn=arn_of(function),
    )


def put_alarm(cloudwatch: Any, metric: str) -> None:
    """An alarm with the name of the metric."""
    cloudwatch.put_metric_alarm(
        AlarmName=metric,
        Namespace=NAMESPACE,
        MetricName=metric,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def counted(sandbox: Sandbox, metric: str, namespace: str = NAMESPACE) -> list[float]:
    """The sums of the metric in the last minutes; empty without data."""
    now = datetime.now(UTC)
    points = sandbox.client("cloudwatch", SECURITY.id).get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=600,
        Statistics=["Sum"],
    )["Datapoints"]
    return [point["Sum"] for point in points]


def test_a_metric_filter_with_an_invalid_pattern_is_refused(logs: Any, group: str) -> None:
    for pattern in BAD_PATTERNS:
        with pytest.raises(ClientError) as refused:
            put_metric_filter(logs, group, pattern)

        assert code_of(refused.value) == "InvalidParameterException", pattern
        assert "Invalid filter pattern" in message_of(refused.value), pattern
        assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == [], pattern


def test_a_subscription_with_an_invalid_pattern_is_refused(
    sandbox: Sandbox, logs: Any, group: str, function: str
) -> None:
    for pattern in BAD_PATTERNS:
        admit(sandbox, function, group)

        with pytest.raises(ClientError) as refused:
            put_subscription(logs, group, function, pattern)

        assert code_of(refused.value) == "InvalidParameterException", pattern
        assert "Invalid filter pattern" in message_of(refused.value), pattern


def test_a_metric_filter_counts_each_match(sandbox: Sandbox, logs: Any, group: str) -> None:
    metric = put_metric_filter(logs, group)

    log(logs, group, MATCHING, OTHER, MATCHING, "no JSON")

    assert counted(sandbox, metric) == [2.0]


def test_no_value_is_emitted_without_a_match_and_a_default(
    sandbox: Sandbox, logs: Any, group: str
) -> None:
    metric = put_metric_filter(logs, group)

    log(logs, group, OTHER)

    assert counted(sandbox, metric) == []


def test_the_default_value_is_emitted_without_a_match(
    sandbox: Sandbox, logs: Any, group: str
) -> None:
    metric = put_metric_filter(logs, group, defaultValue=0.0)

    log(logs, group, OTHER)

    assert counted(sandbox, metric) == [0.0]


def test_each_filter_has_its_own_metric(sandbox: Sandbox, logs: Any, group: str) -> None:
    matching = put_metric_filter(logs, group, name="matching")
    other = put_metric_filter(logs, group, '{ $.name = "D*" }', name="other", defaultValue=0.0)
    elsewhere = put_metric_filter(
        logs, group, "{ $.name IS NULL }", "else", metricNamespace="Elsewhere", defaultValue=0.0
    )

    log(logs, group, MATCHING, OTHER)

    assert (counted(sandbox, matching), counted(sandbox, other)) == ([1.0], [2.0])
    assert counted(sandbox, elsewhere, "Elsewhere") == [0.0]


def test_a_match_raises_only_the_alarms_of_its_filter(
    sandbox: Sandbox, logs: Any, group: str
) -> None:
    cloudwatch = sandbox.client("cloudwatch", SECURITY.id)
    patterns = [PATTERN, '{ $.name = "StopLogging" }', "{ $.name = D* }"]
    metrics = [
        put_metric_filter(logs, group, pattern, name=f"filter-{number}", defaultValue=0.0)
        for number, pattern in enumerate(patterns)
    ]
    for metric in metrics:
        put_alarm(cloudwatch, metric)

    log(logs, group, MATCHING)

    alarms = cloudwatch.describe_alarms(AlarmNames=metrics)["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
    assert [states[metric] for metric in metrics] == ["ALARM", "OK", "ALARM"]


def test_a_default_value_with_dimensions_is_refused(logs: Any, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        put_metric_filter(logs, group, defaultValue=0.0, dimensions={"Name": "$.name"})

    assert code_of(refused.value) == "InvalidParameterException"
    assert "mutually exclusive" in message_of(refused.value)


def test_a_metric_filter_replaces_one_of_the_same_name(
    sandbox: Sandbox, logs: Any, group: str
) -> None:
    first = put_metric_filter(logs, group)
    second = put_metric_filter(logs, group, '{ $.name = "DescribeTrails" }')

    log(logs, group, OTHER, MATCHING, MATCHING)

    assert len(logs.describe_metric_filters(logGroupName=group)["metricFilters"]) == 1
    assert (counted(sandbox, first), counted(sandbox, second)) == ([], [1.0])


def test_a_log_group_has_at_most_a_hundred_metric_filters(logs: Any, group: str) -> None:
    transformation = {"metricNamespace": NAMESPACE, "metricName": "m", "metricValue": "1"}
    transformations: Any = [transformation]  # moto's annotation says str
    for number in range(100):
        logs_backends[SECURITY.id][REGION].put_metric_filter(
            f"filter-{number}", PATTERN, group, transformations
        )

    with pytest.raises(ClientError) as refused:
        put_metric_filter(logs, group, name="one-more")
    put_metric_filter(logs, group, name="filter-0")

    assert code_of(refused.value) == "LimitExceededException"


def test_a_log_group_has_at_most_two_subscriptions(
    sandbox: Sandbox, logs: Any, group: str, function: str
) -> None:
    admit(sandbox, function, group)
    for name in ("first", "second"):
        put_subscription(logs, group, function, name=name)

    with pytest.raises(ClientError) as refused:
        put_subscription(logs, group, function, name="third")

    assert code_of(refused.value) == "LimitExceededException"


@pytest.fixture
def group_with_five_regexes(sandbox: Sandbox, logs: Any, group: str, function: str) -> str:
    """A subscription filter and the metric filters regex-0 to regex-3."""
    admit(sandbox, function, group)
    put_subscription(logs, group, function, REGEX_PATTERN)
    for number in range(4):
        put_metric_filter(logs, group, REGEX_PATTERN, name=f"regex-{number}")
    return group


def test_a_log_group_has_at_most_five_patterns_with_a_regex(
    logs: Any, group_with_five_regexes: str
) -> None:
    for pattern in [
        REGEX_PATTERN,
        "{ $.name != %Delete% }",
        '{ $.name = "a" && ($.name = "b" || $.name = %c%) }',
        "{ ($.name = %a% && $.other = %b%) || $.name = D* }",
    ]:
        with pytest.raises(ClientError) as refused:
            put_metric_filter(logs, group_with_five_regexes, pattern)

        filters = logs.describe_metric_filters(logGroupName=group_with_five_regexes)[
            "metricFilters"
        ]
        assert code_of(refused.value) == "LimitExceededException", pattern
        assert len(filters) == 4, pattern


def test_a_sixth_pattern_with_a_regex_is_refused_for_a_subscription(
    logs: Any, group_with_five_regexes: str, function: str
) -> None:
    with pytest.raises(ClientError) as refused:
        put_subscription(logs, group_with_five_regexes, function, REGEX_PATTERN, "second")
    put_subscription(logs, group_with_five_regexes, function, PATTERN, "second")

    assert code_of(refused.value) == "LimitExceededException"


def test_patterns_without_a_regex_do_not_count(logs: Any, group_with_five_regexes: str) -> None:
    put_metric_filter(logs, group_with_five_regexes, '{ $.name = "100%" || $.name = "5%" }')
    put_metric_filter(logs, group_with_five_regexes, "", name="all")

    filters = logs.describe_metric_filters(logGroupName=group_with_five_regexes)["metricFilters"]
    assert len(filters) == 6


def test_the_fifth_pattern_with_a_regex_can_be_replaced(
    logs: Any, group_with_five_regexes: str, function: str
) -> None:
    changed = "{ $.name = %^Stop% }"

    put_metric_filter(logs, group_with_five_regexes, changed, name="regex-0")
    put_subscription(logs, group_with_five_regexes, function, changed)

    filters = logs.describe_metric_filters(logGroupName=group_with_five_regexes)["metricFilters"]
    (subscription,) = logs.describe_subscription_filters(logGroupName=group_with_five_regexes)[
        "subscriptionFilters"
    ]
    assert sorted(one["filterPattern"] for one in filters) == [REGEX_PATTERN] * 3 + [changed]
    assert subscription["filterPattern"] == changed


def test_a_subscription_replaces_one_of_the_same_name(
    sandbox: Sandbox, logs: Any, group: str, function: str
) -> None:
    admit(sandbox, function, group)
    for name in ("first", "second"):
        put_subscription(logs, group, function, name=name)

    put_subscription(logs, group, function, "{ $.name = * }", name="second")

    filters = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert {one["filterName"]: one["filterPattern"] for one in filters} == {
        "first": PATTERN,
        "second": "{ $.name = * }",
    }


def test_a_subscription_without_permission_to_invoke_is_refused(
    logs: Any, group: str, function: str
) -> None:
    with pytest.raises(ClientError) as refused:
        put_subscription(logs, group, function)

    assert code_of(refused.value) == "InvalidParameterException"
    assert "Could not execute the lambda function" in message_of(refused.value)
    filters = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert filters == []


def test_a_permission_for_another_log_group_is_refused(
    sandbox: Sandbox, logs: Any, group: str, function: str
) -> None:
    admit(sandbox, function, f"{group}-other")

    with pytest.raises(ClientError) as refused:
        put_subscription(logs, group, function)

    assert "Could not execute the lambda function" in message_of(refused.value)


def test_an_unsupported_destination_is_refused(logs: Any, group: str) -> None:
    for service in ["kinesis", "firehose", "logs"]:
        destination = f"arn:aws:{service}:{REGION}:{SECURITY.id}:stream/archive"

        with pytest.raises(ClientError) as refused:
            logs.put_subscription_filter(
                logGroupName=group,
                filterName="filter",
                filterPattern=PATTERN,
                destinationArn=destination,
            )

        assert code_of(refused.value) == "InvalidParameterException", service
        assert "the sandbox supports Lambda functions only" in message_of(refused.value), service
        assert destination in message_of(refused.value), service


def test_a_function_of_another_account_is_refused(logs: Any, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        logs.put_subscription_filter(
            logGroupName=group,
            filterName="filter",
            filterPattern=PATTERN,
            destinationArn=arn_of("function", MANAGEMENT.id),
        )

    assert code_of(refused.value) == "InvalidParameterException"
    assert "another account" in message_of(refused.value)


def test_a_subscription_delivers_only_matching_events(
    sandbox: Sandbox, logs: Any, group: str, function: str
) -> None:
    admit(sandbox, function, group)
    put_subscription(logs, group, function)

    log(logs, group, OTHER, MATCHING, "no JSON")
    log(logs, group, OTHER)
    sandbox.settle()

    lines = log_lines(sandbox, SECURITY.id, function)
    delivered = [line for line in lines if group in line]
    assert delivered == [f"DATA_MESSAGE {group} ['filter'] {MATCHING}"]


def test_test_metric_filter_returns_matching_events(logs: Any) -> None:
    tried = logs.test_metric_filter(
        filterPattern=PATTERN, logEventMessages=[OTHER, MATCHING, "no JSON", MATCHING]
    )["matches"]

    assert [match["eventNumber"] for match in tried] == [2, 4]
    assert {match["eventMessage"] for match in tried} == {MATCHING}


def test_an_empty_pattern_matches_every_message(logs: Any) -> None:
    tried = logs.test_metric_filter(filterPattern="", logEventMessages=[OTHER, "no JSON"])

    assert [match["eventNumber"] for match in tried["matches"]] == [1, 2]


def test_test_metric_filter_refuses_an_invalid_pattern(logs: Any) -> None:
    for pattern in BAD_PATTERNS:
        with pytest.raises(ClientError) as refused:
            logs.test_metric_filter(filterPattern=pattern, logEventMessages=[MATCHING])

        assert code_of(refused.value) == "InvalidParameterException", pattern


def test_test_metric_filter_accepts_at_most_fifty_messages(logs: Any) -> None:
    with pytest.raises(ClientError) as refused:
        logs.test_metric_filter(filterPattern=PATTERN, logEventMessages=[MATCHING] * 51)

    assert code_of(refused.value) == "InvalidParameterException"

"""Token buckets, and throttled calls against a sandbox."""

from dataclasses import dataclass

import pytest

from sandbox.quotas import quota_of
from sandbox.throttling import Throttling

ACCOUNT, OTHER = "111111111111", "222222222222"
REGION = "us-east-1"


@dataclass
class Time:
    now: float = 0.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def throttling(time: Time) -> Throttling:
    return Throttling(applies=True, now=lambda: time.now)


def admitted(
    throttling: Throttling,
    calls: int,
    operation: str = "cloudwatch:PutMetricAlarm",
    account: str = ACCOUNT,
    region: str = REGION,
) -> int:
    service, _, name = operation.partition(":")
    return sum(throttling.admits(service, name, account, region) for _ in range(calls))


def test_a_bucket_admits_its_burst_and_refills(throttling: Throttling, time: Time) -> None:
    assert admitted(throttling, 10) == 3
    time.now += 1 / 3
    assert admitted(throttling, 10) == 1
    time.now += 60
    assert admitted(throttling, 10) == 3


def test_the_documented_rates_apply(throttling: Throttling) -> None:
    cases = {
        "cloudtrail:CreateTrail": 1,
        "cloudtrail:DescribeTrails": 10,
        "cloudwatch:DescribeAlarms": 9,
        "cloudwatch:DeleteAlarms": 3,
        "logs:PutMetricFilter": 5,
        "logs:PutSubscriptionFilter": 5,
        "lambda:GetFunction": 100,
        "events:PutRule": 50,
        "securityhub:BatchImportFindings": 30,
        "securityhub:GetFindings": 6,
        "sns:Subscribe": 100,
        "sns:ListTopics": 30,
        "organizations:ListAccounts": 15,
    }
    for operation, burst in cases.items():
        assert admitted(throttling, 150, operation) == burst, operation


def test_the_operations_of_a_group_share_a_bucket(throttling: Throttling) -> None:
    assert admitted(throttling, 10, "lambda:CreateFunction") == 10
    assert admitted(throttling, 10, "lambda:ListFunctions") == 5
    assert admitted(throttling, 1, "lambda:GetFunction") == 1


def test_each_account_and_region_has_its_own_bucket(throttling: Throttling) -> None:
    assert admitted(throttling, 5) == 3
    assert admitted(throttling, 5, account=OTHER) == 3
    assert admitted(throttling, 5, region="eu-central-1") == 3


def test_the_data_plane_is_not_throttled() -> None:
    operations = ("lambda:Invoke", "events:PutEvents", "sns:Publish", "dynamodb:PutItem")
    for operation in (*operations, "sqs:SendMessage", "logs:PutLogEvents", "s3:PutObject"):
        service, _, name = operation.partition(":")
        assert quota_of(service, name) is None, operation


def test_throttled_calls_are_counted(throttling: Throttling) -> None:
    admitted(throttling, 5)
    assert dict(throttling.throttled) == {"cloudwatch:PutMetricAlarm": 2}

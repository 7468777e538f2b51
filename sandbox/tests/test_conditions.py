"""Ideal and worst conditions, what a sandbox does under the worst ones, and throttling."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.conditions import Conditions, ideal, parse_conditions, worst
from sandbox.local import Sandbox
from sandbox.organizations.organization import ACCESS_ROLE, MEMBERS, SECURITY
from sandbox.quotas import quota_of
from sandbox.tests.cloudtrail.trail_resources import TrailCreator, create_bucket, trail_arn
from sandbox.tests.resources import REGION, code_of, create_role, session_of, unique
from sandbox.throttling import Throttling

MEMBER = MEMBERS[0].id
FILTER = {"filterPattern": "x", "logEventMessages": ["x"]}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The worst conditions, which end only when a test lets time pass."""
    endless = replace(
        worst(3),
        iam_propagation_seconds=3600.0,
        trail_delegation_seconds=3600.0,
        security_hub_sync_seconds=3600.0,
    )
    with Sandbox(conditions=endless) as running:
        yield running


@pytest.fixture
def drained(sandbox: Sandbox) -> Iterator[None]:
    """All buckets stay as they are."""
    before = sandbox.throttling.now
    moment = before()
    sandbox.throttling.now = lambda: moment
    yield
    sandbox.throttling.now = before


def refusal_of(operation: Any, *arguments: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        operation(*arguments, **parameters)
    return code_of(refused.value)


def test_ideal_conditions_have_no_delay_and_no_limit() -> None:
    assert ideal() == Conditions()
    assert not any(astuple(ideal()))


def test_the_worst_conditions_are_drawn_from_the_seed() -> None:
    assert worst(1) == worst(1)
    assert worst(1) != worst(2)
    for seed in range(20):
        assert all(astuple(worst(seed))[1:]), seed


def test_conditions_are_parsed_from_text() -> None:
    assert parse_conditions("ideal") == ideal()
    assert parse_conditions("worst") == worst()
    assert parse_conditions("worst:7") == worst(7)
    for text in ("", "bad", "worst:", "worst:x", "worst:-1", "ideal:1"):
        with pytest.raises(ValueError, match="expected ideal, worst or worst:SEED"):
            parse_conditions(text)


def test_a_sandbox_has_ideal_conditions_unless_it_is_told_otherwise() -> None:
    assert Sandbox().conditions == ideal()


def test_a_new_role_is_not_effective(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, {"AWS": MEMBER})

    assert refusal_of(session_of, sandbox, role) == "AccessDenied"
    sandbox.let_time_pass()
    assert session_of(sandbox, role)


@pytest.mark.usefixtures("drained")
def test_calls_are_throttled_with_the_errors_that_clients_retry(sandbox: Sandbox) -> None:
    cases: list[tuple[str, str, str, dict[str, Any], str, int]] = [
        ("cloudwatch", "DeleteAlarms", "delete_alarms", {"AlarmNames": ["a"]}, "Throttling", 400),
        ("cloudtrail", "StopLogging", "stop_logging", {"Name": "a"}, "ThrottlingException", 400),
        ("logs", "TestMetricFilter", "test_metric_filter", FILTER, "ThrottlingException", 400),
        ("lambda", "ListFunctions", "list_functions", {}, "TooManyRequestsException", 429),
        ("securityhub", "GetFindings", "get_findings", {}, "TooManyRequestsException", 429),
        ("organizations", "ListRoots", "list_roots", {}, "TooManyRequestsException", 400),
        ("sns", "ListTopics", "list_topics", {}, "Throttling", 400),
        ("iam", "DeleteUser", "delete_user", {"UserName": "a"}, "Throttling", 400),
        ("events", "ListRules", "list_rules", {}, "ThrottlingException", 400),
    ]
    for service, operation, method, parameters, code, status in cases:
        while sandbox.throttling.admits(service, operation, MEMBER, REGION):
            pass

        with pytest.raises(ClientError) as throttled:
            getattr(impatient(sandbox, service), method)(**parameters)

        metadata = throttled.value.response["ResponseMetadata"]
        assert (code_of(throttled.value), metadata["HTTPStatusCode"]) == (code, status), service


def impatient(sandbox: Sandbox, service: str) -> Any:
    """A client of an administrator that retries nothing."""
    key = sandbox.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{MEMBER}:role/{ACCESS_ROLE}", RoleSessionName="test"
    )["Credentials"]
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=sandbox.endpoint,
        config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )


def test_the_sandbox_s_own_clients_retry(sandbox: Sandbox) -> None:
    retries = sandbox.client("logs").meta.config.retries

    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 11)


def test_a_new_administrator_cannot_create_trails_at_once(sandbox: Sandbox) -> None:
    cloudtrail = sandbox.client("cloudtrail")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    name = unique("trail")
    bucket = create_bucket(sandbox, trail_arn(name))

    code = refusal_of(TrailCreator(sandbox), name, bucket)

    assert code == "InsufficientDependencyServiceAccessPermissionException"


def test_organization_data_is_not_synchronized_after_the_delegation(sandbox: Sandbox) -> None:
    sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=SECURITY.id)
    hub = sandbox.client("securityhub", SECURITY.id)
    hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")

    code = refusal_of(
        hub.update_organization_configuration,
        AutoEnable=False,
        OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
    )

    assert code == "ResourceNotFoundException"


ACCOUNT, OTHER = "111111111111", "222222222222"


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

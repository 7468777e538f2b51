"""Events of a trail are delivered, and a trail that can deliver is never silent."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.trails import SIGN_IN_SPELLINGS, UndeliverableEventError
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.cloudtrail.trail_resources import (
    CLOUDTRAIL,
    WRITE_LOG,
    TrailCreator,
    create_bucket,
    log_delivery,
    trail_arn,
)
from sandbox.tests.eventbridge.event_resources import EventRule, Queue, rule_in, target
from sandbox.tests.resources import REGION, allow, create_role, policy, unique

MEMBER = MEMBERS[0].id
SIGN_INS = {
    "source": ["aws.signin"],
    "detail-type": list(SIGN_IN_SPELLINGS),
    "detail": {"eventName": ["ConsoleLogin"], "userIdentity": {"type": ["Root"]}},
}
API_CALLS = {"detail-type": ["AWS API Call via CloudTrail"]}


class LoggedTrail:
    """An organization trail with a log group in the management account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._client = sandbox.client("cloudtrail")
        self._logs = sandbox.client("logs")
        self.name = unique("trail")
        self._group = unique("/test/trail")
        self._logs.create_log_group(logGroupName=self._group)
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
        group_arn = f"arn:aws:logs:{REGION}:{MANAGEMENT.id}:log-group:{self._group}:*"
        self._client.create_trail(
            Name=self.name,
            S3BucketName=_bucket(sandbox),
            IsMultiRegionTrail=True,
            IsOrganizationTrail=True,
            CloudWatchLogsLogGroupArn=group_arn,
            CloudWatchLogsRoleArn=create_role(sandbox, MANAGEMENT.id, CLOUDTRAIL, write),
        )
        self._client.start_logging(Name=self.name)

    def stop(self) -> None:
        self._client.stop_logging(Name=self.name)

    def start(self) -> None:
        self._client.start_logging(Name=self.name)

    def logged(self, event: Any) -> int:
        lines = self._logs.filter_log_events(logGroupName=self._group)["events"]
        return sum(json.loads(line["message"]) == event for line in lines)


def _bucket(sandbox: Sandbox) -> str:
    s3, name = sandbox.client("s3"), unique("bucket")
    s3.create_bucket(Bucket=name)
    arn = f"arn:aws:s3:::{name}"
    s3.put_bucket_policy(
        Bucket=name,
        Policy=policy(
            allow("s3:GetBucketAcl", arn, Principal=CLOUDTRAIL),
            allow("s3:PutObject", f"{arn}/AWSLogs/*", Principal=CLOUDTRAIL),
        ),
    )
    return name


@pytest.fixture(scope="module")
def trail(sandbox: Sandbox) -> LoggedTrail:
    return LoggedTrail(sandbox)


def listener(
    sandbox: Sandbox, pattern: Any, account: str = MEMBER, region: str = REGION, **settings: str
) -> tuple[EventRule, Queue]:
    rule = rule_in(account, region=region)
    queue = Queue(sandbox, account, rule, region)
    rule.put(sandbox, target(queue.arn), EventPattern=json.dumps(pattern), **settings)
    return rule, queue


@pytest.fixture
def queue(sandbox: Sandbox) -> Iterator[Queue]:
    """The target of a rule for root sign-ins in the member account."""
    rule, queue = listener(sandbox, SIGN_INS)
    yield queue
    sandbox.client("events", MEMBER).disable_rule(Name=rule.name)


def test_an_event_is_delivered_to_trails_and_eventbridge(
    sandbox: Sandbox, trail: LoggedTrail, queue: Queue
) -> None:
    event = sign_ins.root_without_mfa(MEMBER)
    trails = sandbox.record(event)
    [arrived] = queue.events()

    assert trails == trail.logged(event) == 1
    assert arrived.pop("id") != event["eventID"]
    assert arrived == {
        "version": "0",
        "detail-type": "AWS Console Sign In via CloudTrail",
        "source": "aws.signin",
        "account": MEMBER,
        "time": event["eventTime"],
        "region": "us-east-1",
        "resources": [],
        "detail": event,
    }


@pytest.mark.parametrize("spelling", SIGN_IN_SPELLINGS)
def test_the_spelling_of_the_detail_type_can_be_chosen(
    sandbox: Sandbox, trail: LoggedTrail, queue: Queue, spelling: str
) -> None:
    event = sign_ins.root_without_mfa(MEMBER)
    sandbox.record(event, detail_type=spelling)
    sandbox.services.trails.emit(event, detail_type=spelling)

    assert [one["detail-type"] for one in queue.events()] == [spelling] * 2
    assert trail.logged(event) == 1


def test_an_event_can_be_delivered_one_way_only(
    sandbox: Sandbox, trail: LoggedTrail, queue: Queue
) -> None:
    by_bus, by_trail = sign_ins.root_without_mfa(MEMBER), sign_ins.root_without_mfa(MEMBER)
    triggered = sandbox.services.trails.emit(by_bus)
    covering = sandbox.services.trails.log(by_trail)

    assert (triggered, covering) == (1, 1)
    assert (trail.logged(by_bus), trail.logged(by_trail)) == (0, 1)
    assert [one["detail"] for one in queue.events()] == [by_bus]


def test_an_event_without_a_trail_is_not_delivered(
    sandbox: Sandbox, trail: LoggedTrail, queue: Queue
) -> None:
    trail.stop()
    event = sign_ins.root_without_mfa(MEMBER)
    trails = sandbox.record(event)
    trail.start()

    assert trails == trail.logged(event) == 0
    assert queue.events() == []


@pytest.mark.usefixtures("trail")
def test_an_event_stays_in_its_account_and_region(sandbox: Sandbox, queue: Queue) -> None:
    _, elsewhere = listener(sandbox, SIGN_INS, region="eu-west-1")
    _, another = listener(sandbox, SIGN_INS, account=MEMBERS[1].id)
    event = sign_ins.root_without_mfa(MEMBER)
    sandbox.record({**event, "awsRegion": "eu-west-1"})

    assert [one["region"] for one in elsewhere.events()] == ["eu-west-1"]
    assert queue.events() == another.events() == []


def api_call(name: str, **more: Any) -> Any:
    event = {**sign_ins.root_without_mfa(MEMBER), **more}
    return {**event, "eventName": name, "eventSource": "iam.amazonaws.com"} | {
        "eventType": "AwsApiCall"
    }


@pytest.mark.usefixtures("trail")
def test_read_only_events_trigger_only_rules_that_enable_them(sandbox: Sandbox) -> None:
    _, ordinary = listener(sandbox, API_CALLS)
    everything = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    _, all_of_them = listener(sandbox, API_CALLS, State=everything)
    sandbox.record(api_call("CreateUser"))
    sandbox.record(api_call("GenerateReport", readOnly=True))
    sandbox.record(api_call("ListUsers"))

    names = [one["detail"]["eventName"] for one in all_of_them.events()]
    assert names == ["CreateUser", "GenerateReport", "ListUsers"]
    assert [one["detail"]["eventName"] for one in ordinary.events()] == ["CreateUser"]


@pytest.mark.usefixtures("trail")
def test_an_event_too_large_for_eventbridge_is_not_delivered(
    sandbox: Sandbox, queue: Queue
) -> None:
    event = sign_ins.root_without_mfa(MEMBER) | {"userAgent": "x" * 262_144}

    assert sandbox.services.trails.emit(event) == 0
    assert queue.events() == []
    assert sandbox.services.trails.emit(event | {"userAgent": "x" * 260_000}) == 1


@pytest.mark.usefixtures("trail")
def test_an_invalid_record_is_refused(sandbox: Sandbox) -> None:
    cases: list[dict[str, Any]] = [
        {"eventType": "Login"},
        {"eventType": None},
        {"eventTime": "yesterday"},
    ]
    for change in cases:
        with pytest.raises(UndeliverableEventError, match="expected a CloudTrail record"):
            sandbox.record(sign_ins.root_without_mfa(MEMBER) | change)


class StoppedTrail:
    """An organization trail that can deliver once it logs."""

    def __init__(self, sandbox: Sandbox, create: TrailCreator) -> None:
        self._sandbox = sandbox
        self._name = unique("trail")
        self.role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG).rpartition("/")[2]
        delivery = log_delivery(sandbox, CloudWatchLogsRoleArn=self._role_arn)
        self.log_group = delivery["CloudWatchLogsLogGroupArn"].split(":")[6]
        create(self._name, create_bucket(sandbox, trail_arn(self._name)), **delivery)

    @property
    def _role_arn(self) -> str:
        return f"arn:aws:iam::{SECURITY.id}:role/{self.role}"

    def start(self) -> None:
        cloudtrail = self._sandbox.client("cloudtrail", SECURITY.id)
        cloudtrail.start_logging(Name=trail_arn(self._name))

    def incoming(self) -> list[dict[str, Any]]:
        """The counted events of the log group."""
        self._sandbox.services.trails.publish_activity()
        now = datetime.now(UTC)
        answer = self._sandbox.client("cloudwatch", SECURITY.id).get_metric_statistics(
            Namespace="AWS/Logs",
            MetricName="IncomingLogEvents",
            Dimensions=[{"Name": "LogGroupName", "Value": self.log_group}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )
        return list(answer["Datapoints"])


@pytest.fixture
def stopped_trail(sandbox: Sandbox, delegated: None) -> Iterator[StoppedTrail]:  # noqa: ARG001  made before it
    creator = TrailCreator(sandbox)
    yield StoppedTrail(sandbox, creator)
    creator.remove()


def test_a_trail_that_logs_counts_events_in_its_log_group(stopped_trail: StoppedTrail) -> None:
    before = stopped_trail.incoming()
    stopped_trail.start()

    assert before == []
    assert stopped_trail.incoming()[0]["Sum"] >= 1


def without_permissions(sandbox: Sandbox, stopped_trail: StoppedTrail) -> None:
    sandbox.client("iam", SECURITY.id).delete_role_policy(
        RoleName=stopped_trail.role, PolicyName="own"
    )


def without_log_group(sandbox: Sandbox, stopped_trail: StoppedTrail) -> None:
    sandbox.client("logs", SECURITY.id).delete_log_group(logGroupName=stopped_trail.log_group)


@pytest.mark.parametrize("change", [without_permissions, without_log_group])
def test_a_trail_that_cannot_deliver_counts_nothing(
    sandbox: Sandbox, stopped_trail: StoppedTrail, change: Callable[[Sandbox, StoppedTrail], None]
) -> None:
    change(sandbox, stopped_trail)
    stopped_trail.start()

    assert stopped_trail.incoming() == []

"""A trail that can deliver is never silent."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.cloudtrail.trail_resources import (
    CLOUDTRAIL,
    WRITE_LOG,
    TrailCreator,
    create_bucket,
    log_delivery,
    trail_arn,
)
from sandbox.tests.resources import create_role, unique


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
def trail(sandbox: Sandbox, delegated: None) -> Iterator[StoppedTrail]:  # noqa: ARG001  made before it
    creator = TrailCreator(sandbox)
    yield StoppedTrail(sandbox, creator)
    creator.remove()


def test_a_trail_that_logs_counts_events_in_its_log_group(trail: StoppedTrail) -> None:
    before = trail.incoming()
    trail.start()

    assert before == []
    assert trail.incoming()[0]["Sum"] >= 1


def without_permissions(sandbox: Sandbox, trail: StoppedTrail) -> None:
    sandbox.client("iam", SECURITY.id).delete_role_policy(RoleName=trail.role, PolicyName="own")


def without_log_group(sandbox: Sandbox, trail: StoppedTrail) -> None:
    sandbox.client("logs", SECURITY.id).delete_log_group(logGroupName=trail.log_group)


@pytest.mark.parametrize("change", [without_permissions, without_log_group])
def test_a_trail_that_cannot_deliver_counts_nothing(
    sandbox: Sandbox, trail: StoppedTrail, change: Callable[[Sandbox, StoppedTrail], None]
) -> None:
    change(sandbox, trail)
    trail.start()

    assert trail.incoming() == []

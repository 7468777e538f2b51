"""`check --before`: organization trails that exist, paid for twice or read instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modules.naming import Names
from operations.preflight.result import Status
from sandbox import sign_ins
from sandbox.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, ORGANIZATION_ID, SECURITY
from tests.service.preflight_operator import MINIMAL, Operator, config_of, lines, only
from tests.service.sandbox_resources import (
    REGION,
    allow,
    create_function,
    create_role,
    policy,
    service,
    unique,
)
from tests.unit.operations_answers import write_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.local import Sandbox

CLOUDTRAIL = service("cloudtrail")
GROUP = "trails/organization"
READ_ONLY = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
DATA = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
}
DELEGATED = "aws_cloudtrail_organization_delegated_admin_account"


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    return Operator(sandbox, tmp_path)


class Trails:
    """Organization trails of others, all of them removed in the end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.client = sandbox.client("cloudtrail")
        self.bucket = unique("logs")

    def __call__(self, account: str | None = None, *, starts: bool = True, **more: Any) -> str:
        """The name of one that delivers to a log group in the account, or to none."""
        name, group = unique("main"), {} if account is None else self._delivery(account)
        settings = {"IsOrganizationTrail": True, "IsMultiRegionTrail": True, **group, **more}
        self._admit(name)
        self._sandbox.client("cloudtrail", account or MANAGEMENT.id).create_trail(
            Name=name, S3BucketName=self.bucket, **settings
        )
        if starts:
            self.client.start_logging(Name=name)
        return name

    def _admit(self, name: str) -> None:
        s3, arn = self._sandbox.client("s3", LOG_ARCHIVE.id), f"arn:aws:s3:::{self.bucket}"
        s3.create_bucket(Bucket=self.bucket)
        own = {"aws:SourceArn": arn_of(name)}
        acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
        read = allow("s3:GetBucketAcl", arn, Principal=CLOUDTRAIL, Condition={"StringEquals": own})
        write = {
            **allow("s3:PutObject", Principal=CLOUDTRAIL, Condition={"StringEquals": own | acl}),
            "Resource": [f"{arn}/AWSLogs/{one}/*" for one in (MANAGEMENT.id, ORGANIZATION_ID)],
        }
        s3.put_bucket_policy(Bucket=self.bucket, Policy=policy(read, write))

    def _delivery(self, account: str) -> dict[str, str]:
        self._sandbox.client("logs", account).create_log_group(logGroupName=GROUP)
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
        return {
            "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{account}:log-group:{GROUP}:*",
            "CloudWatchLogsRoleArn": create_role(self._sandbox, account, CLOUDTRAIL, write),
        }

    def remove(self) -> None:
        for trail in self.client.describe_trails()["trailList"]:
            self.client.delete_trail(Name=trail["TrailARN"])
        for account in (MANAGEMENT.id, SECURITY.id):
            logs = self._sandbox.client("logs", account)
            for group in logs.describe_log_groups()["logGroups"]:
                logs.delete_log_group(logGroupName=group["logGroupName"])


def arn_of(name: str) -> str:
    return f"arn:aws:cloudtrail:{REGION}:{MANAGEMENT.id}:trail/{name}"


@pytest.fixture
def trails(sandbox: Sandbox) -> Iterator[Trails]:
    made = Trails(sandbox)
    yield made
    made.remove()


@pytest.fixture
def delegated(sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """The security account may make organization trails, as if Rootwatch had seen to it."""
    write_state(tmp_path, "organization", [DELEGATED])
    cloudtrail = sandbox.client("cloudtrail")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    yield
    cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=SECURITY.id)


class TestSecondTrail:
    @pytest.mark.usefixtures("delegated")
    def test_one_with_a_log_group_in_the_security_account_is_read_instead(
        self, operator: Operator, trails: Trails
    ) -> None:
        name = trails(SECURITY.id)
        found = only(operator.not_ok(), "trail.second")

        assert found.detail == f"there is {name} (log group {GROUP} in {SECURITY.id}, {REGION})"
        assert config_of(found) == (
            "trail:",
            "  managed: false",
            f"  name: {name}",
            f"  log_group: {GROUP}",
            f"  bucket: {trails.bucket}",
        )
        assert operator.taking(found).not_ok() == {}

    def test_the_account_of_its_log_group_becomes_the_security_account(
        self, operator: Operator, trails: Trails
    ) -> None:
        """As with Control Tower's, whose log group the management account has."""
        trails(MANAGEMENT.id)
        found = only(operator.not_ok(), "trail.second")
        reading = operator.taking(found)

        assert config_of(found)[-4:] == (
            "accounts:",
            f'  security: "{MANAGEMENT.id}"',
            "security_hub:",
            "  managed: false",
        )
        assert reading.settings.accounts.security == MANAGEMENT.id
        off = only(reading.not_ok(), "security_hub.security")
        reading.do(off)
        assert reading.not_ok() == {}
        operator.sandbox.client("securityhub").disable_security_hub()

    def test_one_without_a_log_group_gets_one_that_it_delivers_to(
        self, operator: Operator, trails: Trails, sandbox: Sandbox
    ) -> None:
        name = trails()
        found = only(operator.not_ok(), "trail.second")
        operator.do(found)
        reading = operator.taking(found)
        sandbox.record(sign_ins.root_without_mfa(MEMBERS[0].id))
        logs = sandbox.client("logs", SECURITY.id)
        group = f"cloudtrail/{name}"
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        sandbox.client("cloudtrail").deregister_organization_delegated_admin(
            DelegatedAdminAccountId=SECURITY.id
        )

        assert found.detail == f"there is {name} (no log group)"
        assert [line.split()[1:3] for line in lines(found)] == [
            ["cloudtrail", "register-organization-delegated-admin"],
            ["logs", "create-log-group"],
            ["iam", "create-role"],
            ["iam", "put-role-policy"],
            ["cloudtrail", "update-trail"],
        ]
        assert reading.settings.trail.log_group == group
        assert reading.not_ok() == {}
        assert streams

    def test_one_that_is_stopped_costs_nothing(self, operator: Operator, trails: Trails) -> None:
        trails(starts=False)

        assert operator.not_ok() == {}

    def test_one_of_data_events_is_another_matter(self, operator: Operator, trails: Trails) -> None:
        name = trails()
        trails.client.put_event_selectors(TrailName=name, AdvancedEventSelectors=[DATA])

        assert operator.not_ok() == {}

    def test_one_that_records_what_is_read_only_is_paid_for_all_the_same(
        self, operator: Operator, trails: Trails
    ) -> None:
        name = trails()
        trails.client.put_event_selectors(TrailName=name, EventSelectors=[READ_ONLY])

        only(operator.not_ok(), "trail.second")

    def test_a_trail_of_one_account_is_none_of_the_organizations(
        self, operator: Operator, trails: Trails
    ) -> None:
        trails(IsOrganizationTrail=False)

        assert operator.not_ok() == {}

    def test_rootwatchs_own_is_not_paid_for_twice(self, operator: Operator, trails: Trails) -> None:
        name = trails()
        own = operator.of(trail={"name": name})
        by_others = own.look("trail.second")
        tags = [{"Key": "project", "Value": MINIMAL.name_prefix}]
        trails.client.add_tags(ResourceId=arn_of(name), TagsList=tags)

        assert by_others.status == Status.MISSING
        assert own.not_ok() == {}


class TestExistingTrail:
    @pytest.fixture
    def name(self, trails: Trails, delegated: None) -> str:  # noqa: ARG002  made before it
        return trails(SECURITY.id)

    @pytest.fixture
    def reading(self, operator: Operator, trails: Trails, name: str) -> Operator:
        return operator.of(
            trail={"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
        )

    def test_nothing_is_missing_where_it_records_and_delivers(self, reading: Operator) -> None:
        assert reading.not_ok() == {}

    def test_a_trail_that_is_not_there_is_told_with_one_that_is(
        self, reading: Operator, name: str
    ) -> None:
        lost = reading.of(trail={"name": "nowhere"})
        found = lost.not_ok()
        coverage = found.pop("trail.coverage")

        assert coverage.detail == "there is no trail nowhere"
        assert f"  name: {name}" in config_of(coverage)
        assert set(found) == {"trail.recording", "trail.delivery", "trail.destination"}
        told = {(one.status, one.detail) for one in found.values()}
        because = "not looked at, because there is no trail nowhere"
        assert told == {(Status.UNKNOWN, because)}

    @pytest.mark.parametrize(
        ("setting", "told"),
        [
            ("IsOrganizationTrail", "no organization trail"),
            ("IsMultiRegionTrail", "of one region only"),
        ],
    )
    def test_a_trail_that_covers_less_is_widened(
        self, reading: Operator, trails: Trails, name: str, setting: str, told: str
    ) -> None:
        trails.client.update_trail(Name=name, **{setting: False})
        found = only(reading.not_ok(), "trail.coverage")
        reading.do(found)

        assert found.detail == told
        assert reading.not_ok() == {}

    @pytest.mark.parametrize(
        "selectors", [{"EventSelectors": [READ_ONLY]}, {"AdvancedEventSelectors": [DATA]}]
    )
    def test_a_trail_that_records_no_sign_ins_is_made_to(
        self, reading: Operator, trails: Trails, name: str, selectors: dict[str, Any]
    ) -> None:
        trails.client.put_event_selectors(TrailName=name, **selectors)
        found = only(reading.not_ok(), "trail.recording")
        reading.do(found)

        assert reading.not_ok() == {}
        kept = trails.client.get_event_selectors(TrailName=name)
        advanced = selectors.get("AdvancedEventSelectors", [])
        assert kept.get("AdvancedEventSelectors", [])[: len(advanced)] == advanced

    def test_a_trail_that_is_stopped_is_started(
        self, reading: Operator, trails: Trails, name: str
    ) -> None:
        trails.client.stop_logging(Name=name)
        found = only(reading.not_ok(), "trail.delivery")
        reading.do(found)

        assert found.detail == "is stopped"
        assert reading.not_ok() == {}

    @pytest.mark.parametrize("key", ["log_group", "bucket"])
    def test_names_that_are_not_the_trails_are_told_as_they_are(
        self, reading: Operator, operator: Operator, key: str
    ) -> None:
        found = reading.of(trail={key: "another"}).look("trail.destination")

        assert found.status == Status.MISSING
        assert operator.taking(found).settings.trail == reading.settings.trail

    def test_another_region_is_told(self, reading: Operator) -> None:
        found = reading.of(home_region="eu-west-1").look("trail.destination")

        assert found.status == Status.MISSING
        assert config_of(found)[0] == f"home_region: {REGION}"

    def test_a_trail_without_a_log_group_gets_the_one_of_the_configuration(
        self, operator: Operator, trails: Trails, sandbox: Sandbox
    ) -> None:
        name = trails()
        wanted = {"managed": False, "name": name, "log_group": GROUP, "bucket": trails.bucket}
        reading = operator.of(trail=wanted)
        found = reading.not_ok()
        reading.do(found["trail.destination"])
        mended = reading.not_ok()
        sandbox.client("cloudtrail").deregister_organization_delegated_admin(
            DelegatedAdminAccountId=SECURITY.id
        )

        assert set(found) == {"trail.destination", "trail.log_group"}
        assert found["trail.log_group"].detail == f"{GROUP} does not exist"
        assert mended == {}

    def test_a_log_group_without_room_for_a_subscription_gets_it(
        self, reading: Operator, subscriptions: Subscriptions
    ) -> None:
        subscriptions("one", "two")
        found = only(reading.not_ok(), "trail.log_group")
        reading.do(found)

        assert found.detail.startswith("2 of 2 subscription filters")
        assert len(lines(found)) == 2
        assert reading.not_ok() == {}

    def test_rootwatchs_own_subscription_takes_no_room_away(
        self, reading: Operator, subscriptions: Subscriptions
    ) -> None:
        subscriptions("one", Names(MINIMAL).importer)
        found = reading.look("trail.log_group")

        assert found.status == Status.OK
        assert found.detail.startswith("1 of 2 subscription filters")


class Subscriptions:
    def __init__(self, sandbox: Sandbox) -> None:
        self._logs = sandbox.client("logs", SECURITY.id)
        name = create_function(sandbox, SECURITY.id, "handler = print")
        functions = sandbox.client("lambda", SECURITY.id)
        functions.add_permission(
            FunctionName=name,
            StatementId="logs",
            Action="lambda:InvokeFunction",
            Principal="logs.amazonaws.com",
        )
        self._function = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    def __call__(self, *names: str) -> None:
        for name in names:
            self._logs.put_subscription_filter(
                logGroupName=GROUP,
                filterName=name,
                filterPattern="",
                destinationArn=self._function,
            )


@pytest.fixture
def subscriptions(sandbox: Sandbox) -> Subscriptions:
    return Subscriptions(sandbox)

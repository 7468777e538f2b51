"""What the preflight finds in states that no sandbox can be brought to, and in Terraform's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from config import S3State
from modules.naming import Names
from operations.preflight import run
from operations.preflight.existing_trail import METRIC_FILTERS
from operations.preflight.result import Status
from tests.unit.operations_answers import (
    DETECTIONS,
    HEALTHY,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    Aws,
    Refusal,
    check,
    facts,
    results,
    write_state,
)

if TYPE_CHECKING:
    from pathlib import Path

EXISTING = replace(
    MINIMAL,
    trail=replace(
        MINIMAL.trail, managed=False, name="main", log_group="trails/main", bucket="logs"
    ),
)
TRAIL = {
    "Name": "main",
    "TrailARN": f"arn:aws:cloudtrail:us-east-1:{MANAGEMENT}:trail/main",
    "HomeRegion": "us-east-1",
    "S3BucketName": "logs",
    "IsOrganizationTrail": True,
    "IsMultiRegionTrail": True,
    "CloudWatchLogsLogGroupArn": f"arn:aws:logs:us-east-1:{SECURITY}:log-group:trails/main:*",
    "CloudWatchLogsRoleArn": f"arn:aws:iam::{SECURITY}:role/logs",
}
EXISTING_TRAIL = {
    "cloudtrail:DescribeTrails": {"trailList": [TRAIL]},
    "cloudtrail:ListTags": {"ResourceTagList": []},
    "cloudtrail:GetTrailStatus": {"IsLogging": True},
    "cloudtrail:GetEventSelectors": {
        "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    },
    "logs:DescribeLogGroups": {"logGroups": [{"logGroupName": "trails/main", "arn": "a"}]},
    "logs:DescribeMetricFilters": {"metricFilters": []},
    "logs:DescribeSubscriptionFilters": {"subscriptionFilters": []},
}
OWN_TAGS = [{"Key": "project", "Value": "rootwatch"}]
OWN_STACK_SET = {"StackSet": {"Tags": OWN_TAGS}}


class TestWhatNoSandboxHas:
    def test_consolidated_billing_is_not_all_features(self, tmp_path: Path) -> None:
        organization = HEALTHY["organizations:DescribeOrganization"]["Organization"]
        billing = {"Organization": organization | {"FeatureSet": "CONSOLIDATED_BILLING"}}
        found = check(
            facts(tmp_path, {"organizations:DescribeOrganization": billing}),
            "organization.features",
        )

        assert found.status == Status.MISSING
        assert found.remedy
        assert [one.line for one in found.remedy.commands] == [
            "aws organizations enable-all-features"
        ]

    def test_stack_sets_need_both_sides(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeOrganizationsAccess": {"Status": "DISABLED_PERMANENTLY"}}
        found = check(facts(tmp_path, answers), "trusted_access.stack_sets")

        assert found.status == Status.MISSING
        assert found.detail == "CloudFormation says DISABLED_PERMANENTLY"

    @pytest.mark.parametrize("error", ["LatestDeliveryError", "LatestCloudWatchLogsDeliveryError"])
    def test_a_trail_that_cannot_deliver_is_told_in_its_own_words(
        self, tmp_path: Path, error: str
    ) -> None:
        status = {"cloudtrail:GetTrailStatus": {"IsLogging": True, error: "AccessDenied"}}
        found = check(facts(tmp_path, EXISTING_TRAIL | status, EXISTING), "trail.delivery")

        assert found.status == Status.MISSING
        assert found.detail == f"{error}: AccessDenied"

    def test_a_log_group_of_another_class_has_no_metric_filters(self, tmp_path: Path) -> None:
        group = {"logGroupName": "trails/main", "arn": "a", "logGroupClass": "INFREQUENT_ACCESS"}
        answers = EXISTING_TRAIL | {"logs:DescribeLogGroups": {"logGroups": [group]}}
        found = check(facts(tmp_path, answers, EXISTING), "trail.log_group")

        assert found.status == Status.MISSING
        assert found.detail == "is of the class INFREQUENT_ACCESS"

    @pytest.mark.parametrize(("too_many", "status"), [(0, Status.OK), (1, Status.MISSING)])
    def test_the_detections_need_room_for_a_metric_filter_each(
        self, tmp_path: Path, too_many: int, status: Status
    ) -> None:
        own = [one for one in DETECTIONS if "metric_filter" in one.evaluated_by]
        others = METRIC_FILTERS - len(own) + too_many
        listed = [{"filterName": f"other-{number}"} for number in range(others)]
        answers = EXISTING_TRAIL | {"logs:DescribeMetricFilters": {"metricFilters": listed}}

        assert own
        assert check(facts(tmp_path, answers, EXISTING), "trail.log_group").status == status

    def test_an_existing_trail_takes_the_checks_of_an_own_one_away(self, tmp_path: Path) -> None:
        report = run(facts(tmp_path, EXISTING_TRAIL, EXISTING))

        assert report.is_ok
        own = {"names.log_archive", "access.log_archive", "delegation.cloudtrail"}
        assert own.isdisjoint(results(report))


class TestNames:
    # What Terraform writes over, what may be there twice, and what another check tells of.
    NOT_LOOKED_AT = frozenset({"lost_events_alarm", "insight", "security_hub_policy"})

    def test_every_name_that_rootwatch_gives_is_looked_at(self, tmp_path: Path) -> None:
        aws = Aws({})
        run(facts(tmp_path, aws=aws))
        properties = [name for name, one in vars(Names).items() if isinstance(one, property)]
        names = {name: str(getattr(Names(MINIMAL), name)) for name in properties}

        asked = " ".join(aws.requests)
        unasked = {name for name, value in names.items() if value not in asked}
        assert {name for name in unasked if "_arn" not in name} == self.NOT_LOOKED_AT


class TestState:
    @pytest.mark.parametrize(
        ("stack", "answers"),
        [
            ("trail", {"s3:HeadBucket": {}, "s3:GetBucketTagging": {"TagSet": OWN_TAGS}}),
            (
                "detection",
                {
                    "sns:GetTopicAttributes": {"Attributes": {}},
                    "sns:ListTagsForResource": {"Tags": OWN_TAGS},
                },
            ),
            ("organization", {"cloudformation:DescribeStackSet": OWN_STACK_SET}),
        ],
    )
    def test_a_deployed_stack_without_its_state_here_is_missing(
        self, tmp_path: Path, stack: str, answers: dict[str, Any]
    ) -> None:
        for other in {"trail", "detection", "organization"} - {stack}:
            write_state(tmp_path, other, [])
        found = results(run(facts(tmp_path, answers)))

        state = found["deployment.state"]
        assert state.status == Status.MISSING
        assert state.detail == (
            f"{stack}: Rootwatch is deployed, and no state of it is in this folder"
        )
        names = [result for id_, result in found.items() if id_.startswith("names.")]
        (taken,) = (result for result in names if result.status == Status.MISSING)
        assert "Rootwatch's by its tag, and in no state" in taken.detail
        # What may be in use is not to be deleted.
        assert taken.remedy
        assert taken.remedy.commands == ()

    def test_what_is_deployed_is_told_by_its_states(self, tmp_path: Path) -> None:
        nothing = check(facts(tmp_path), "deployment.state")
        write_state(tmp_path, "trail", [])
        write_state(tmp_path, "detection", ["aws_sqs_queue"])
        found = check(facts(tmp_path), "deployment.state")

        assert nothing.detail == "in this folder; nothing is deployed yet"
        assert found.detail == "in this folder; deployed: detection"

    def test_a_stack_set_of_that_name_by_others_is_no_deployment(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeStackSet": {"StackSet": {"Tags": []}}}
        found = results(run(facts(tmp_path, answers)))

        assert found["deployment.state"].status == Status.OK
        assert found["names.management"].status == Status.MISSING

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "no JSON", '{"resources": [{}]}', '{"resources": [1]}', '{"resources": null}'],
    )
    def test_a_file_that_is_no_state_is_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "terraform.organization.tfstate").write_text(text)
        answers = {"cloudformation:DescribeStackSet": OWN_STACK_SET}

        assert check(facts(tmp_path, answers), "deployment.state").status == Status.MISSING

    @pytest.mark.parametrize("kinds", [[], ["aws_cloudtrail_organization_delegated_admin_account"]])
    def test_what_has_no_tags_is_rootwatchs_if_its_state_has_it(
        self, tmp_path: Path, kinds: list[str]
    ) -> None:
        write_state(tmp_path, "trail", kinds)
        delegated = {"DelegatedAdministrators": [{"Id": SECURITY}]}
        answers = {
            "cloudformation:DescribeStackSet": OWN_STACK_SET,
            "organizations:ListDelegatedAdministrators": delegated,
        }
        found = check(facts(tmp_path, answers), "delegation.cloudtrail")

        assert found.status == (Status.OK if kinds else Status.MISSING)

    def test_a_bucket_for_the_state_has_to_exist(self, tmp_path: Path) -> None:
        state = S3State(bucket="states", region="eu-west-1", key_prefix="x", kms_key_id=None)
        answers = {"s3:GetObject": Refusal("NoSuchBucket", status=404)}
        found = check(facts(tmp_path, answers, replace(MINIMAL, state=state)), "deployment.state")

        assert found.status == Status.MISSING
        assert found.remedy
        (command,) = found.remedy.commands
        assert command.line == (
            "aws s3api create-bucket --bucket states --create-bucket-configuration"
            " LocationConstraint=eu-west-1 --region eu-west-1"
        )

"""What the preflight finds in states that no sandbox can be brought to."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.preflight import run
from operations.preflight.existing_trail import METRIC_FILTERS
from operations.preflight.result import Status
from operations.preflight.suspended import LISTED
from tests.unit.operations.answers import (
    DETECTIONS,
    HEALTHY,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    Aws,
    check,
    facts,
    results,
)

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


class TestSuspended:
    def answers(self, accounts: int, state: str) -> dict[str, Any]:
        """Of pages without an end."""
        listed = [{"Id": f"{number:012}", "State": state} for number in range(accounts)]
        return {
            "organizations:ListAccounts": lambda page: {"Accounts": listed, "NextToken": f"{page}"}
        }

    def test_a_few_of_many_are_named_by_as_few_calls_for_thousands(self, tmp_path: Path) -> None:
        aws = Aws(self.answers(20, "SUSPENDED"))
        found = check(facts(tmp_path, aws=aws), "security_hub.suspended")

        assert found.status == Status.WARNING
        assert found.detail == (
            "below the targets: 000000000000, 000000000001, 000000000002, and maybe others"
        )
        assert aws.asked.count("organizations:ListAccounts") == LISTED / 20
        assert aws.asked.count("organizations:ListParents") == 3

    def test_that_not_all_were_looked_at_is_told(self, tmp_path: Path) -> None:
        found = check(facts(tmp_path, self.answers(20, "ACTIVE")), "security_hub.suspended")

        assert found.status == Status.OK
        assert found.detail == "none below the targets, among the first accounts"

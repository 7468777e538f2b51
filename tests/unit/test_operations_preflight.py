"""The preflight: what depends on what, refusals, and what no sandbox can be brought to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from config import Accounts, S3State
from modules.naming import Names
from operations.preflight import CHECKS, run
from operations.preflight.errors import NotLookedAtError
from operations.preflight.existing_trail import METRIC_FILTERS
from operations.preflight.result import Status
from tests.unit.operations_answers import (
    DEPLOYER,
    DETECTIONS,
    HEALTHY,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    Aws,
    Refusal,
    check,
    facts,
    failing,
    results,
    write_state,
)

if TYPE_CHECKING:
    from pathlib import Path

# Where the first target holds an account, and nobody administers Security Hub.
NOT_ASKED = {
    "organizations:ListOrganizationalUnitsForParent",
    "securityhub:DescribeOrganizationConfiguration",
}
DENIED = Refusal("AccessDeniedException", "User is not authorized.", 403)
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
    "cloudtrail:GetTrailStatus": {"IsLogging": True},
    "cloudtrail:GetEventSelectors": {
        "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    },
    "logs:DescribeLogGroups": {"logGroups": [{"logGroupName": "trails/main", "arn": "a"}]},
    "logs:DescribeMetricFilters": {"metricFilters": []},
    "logs:DescribeSubscriptionFilters": {"subscriptionFilters": []},
}
OWN_STACK_SET = {"StackSet": {"Tags": [{"Key": "project", "Value": "rootwatch"}]}}


def test_nothing_is_missing_in_a_healthy_organization(tmp_path: Path) -> None:
    report = run(facts(tmp_path))

    assert {result.status for result in results(report).values()} == {Status.OK}
    assert report.is_ok


def test_each_check_has_an_id_of_its_own() -> None:
    ids = [one.id for one in CHECKS]

    assert len(ids) == len(set(ids))


def test_a_fact_is_read_once_however_many_ask(tmp_path: Path) -> None:
    known, read = facts(tmp_path), []

    def fact(_facts: object) -> object:
        read.append(1)
        return object()

    answers = set(known.each(lambda _: known.of(fact), range(100)))

    assert len(answers) == len(read) == 1


def test_a_fact_that_cannot_be_read_is_the_same_error_for_all(tmp_path: Path) -> None:
    known, read = facts(tmp_path), []

    def fact(_facts: object) -> None:
        read.append(1)
        raise NotLookedAtError("it is so")

    for _ in range(2):
        with pytest.raises(NotLookedAtError, match="it is so"):
            known.of(fact)

    assert read == [1]


class TestRefusals:
    @pytest.mark.parametrize("operation", sorted(set(HEALTHY) - NOT_ASKED - {"sts:AssumeRole"}))
    def test_one_call_that_is_refused_leaves_the_other_checks_as_they_are(
        self, tmp_path: Path, operation: str
    ) -> None:
        report = run(facts(tmp_path, {operation: DENIED}))

        unknown = failing(report)
        assert unknown
        assert unknown != {one.id for one in CHECKS}
        for id_ in unknown:
            assert results(report)[id_].status == Status.UNKNOWN

    def test_it_says_what_was_called_where_and_what_would_allow_it(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeOrganizationsAccess": DENIED}
        found = check(facts(tmp_path, answers), "trusted_access.stack_sets")

        assert found.detail == (
            "could not be read: cloudformation:DescribeOrganizationsAccess in 111111111111,"
            " us-east-1: AccessDeniedException: User is not authorized."
        )
        assert found.remedy
        assert found.remedy.right == (
            f"{DEPLOYER} is allowed cloudformation:DescribeOrganizationsAccess"
        )

    def test_in_other_accounts_the_deployment_role_needs_the_permission(
        self, tmp_path: Path
    ) -> None:
        found = check(
            facts(tmp_path, {"securityhub:DescribeHub": DENIED}), "security_hub.aggregator"
        )

        assert found.remedy
        assert found.remedy.right == (
            f"arn:aws:iam::{SECURITY}:role/OrganizationAccountAccessRole is allowed"
            " securityhub:DescribeHub"
        )

    def test_no_answer_is_no_refusal(self, tmp_path: Path) -> None:
        broken = Refusal("InternalFailure", "<html>\n  <h1>Broken</h1>\n</html>", 500)
        found = check(facts(tmp_path, {"organizations:ListRoots": broken}), "organization.targets")

        assert found.status == Status.UNKNOWN
        assert found.detail.endswith("InternalFailure: <html> <h1>Broken</h1> </html>")
        assert found.remedy is None

    def test_a_name_that_cannot_be_looked_at_does_not_hide_one_that_is_taken(
        self, tmp_path: Path
    ) -> None:
        answers = {
            "lambda:GetFunction": DENIED,
            "sqs:GetQueueUrl": {"QueueUrl": "https://sqs/queue"},
            "sqs:ListQueueTags": {},
        }
        found = check(facts(tmp_path, answers), "names.security")

        assert found.status == Status.MISSING
        assert "queue rootwatch-finding-importer exists, not Rootwatch's" in found.detail
        assert "could not be looked at: lambda:GetFunction" in found.detail


class TestDependencies:
    def test_credentials_of_another_account_are_missing_and_the_rest_is_not_looked_at(
        self, tmp_path: Path
    ) -> None:
        report = run(facts(tmp_path, account="444444444444"))

        found = results(report)
        own = found.pop("access.credentials")
        assert own.status == Status.MISSING
        assert own.detail == "user/deployer of the account 444444444444"
        told = {(result.status, result.detail) for result in found.values()}
        because = "not looked at, because the credentials are of the account 444444444444"
        assert told == {(Status.UNKNOWN, because)}

    def test_an_account_that_cannot_be_entered_is_missing_once(self, tmp_path: Path) -> None:
        answers = {"sts:AssumeRole": Refusal("AccessDenied", "not authorized", 403)}
        found = results(run(facts(tmp_path, answers)))

        assert found["access.security"].status == Status.MISSING
        assert found["names.security"].detail == (
            f"not looked at, because the account {SECURITY} cannot be entered"
        )
        assert found["names.security"].status == Status.UNKNOWN
        assert found["names.management"].status == Status.OK

    def test_throttling_is_no_refusal_of_the_role(self, tmp_path: Path) -> None:
        answers = {"sts:AssumeRole": Refusal("Throttling", "Rate exceeded")}
        found = check(facts(tmp_path, answers), "access.security")

        assert found.status == Status.UNKNOWN
        assert (
            "sts:AssumeRole in 333333333333, us-east-1: Throttling: Rate exceeded" in found.detail
        )

    @pytest.mark.parametrize(
        ("changes", "because", "config"),
        [
            (
                {"Id": "o-anotherorgid"},
                "the organization is o-anotherorgid",
                ("organization:", "  id: o-anotherorgid"),
            ),
            (
                {"MasterAccountId": "999999999999"},
                "the credentials are not of the organization's management account",
                ("accounts:", '  management: "999999999999"'),
            ),
        ],
    )
    def test_another_organization_is_told_with_its_config_and_not_looked_into(
        self, tmp_path: Path, changes: dict[str, str], because: str, config: tuple[str, ...]
    ) -> None:
        organization = HEALTHY["organizations:DescribeOrganization"]["Organization"] | changes
        answers = {"organizations:DescribeOrganization": {"Organization": organization}}
        found = results(run(facts(tmp_path, answers)))

        identity = found["organization.identity"]
        assert identity.status == Status.MISSING
        assert identity.remedy
        assert identity.remedy.config == config
        assert found["organization.targets"].detail == f"not looked at, because {because}"

    def test_an_account_of_no_organization_is_told_how_to_make_one(self, tmp_path: Path) -> None:
        none = Refusal("AWSOrganizationsNotInUseException")
        found = results(run(facts(tmp_path, {"organizations:DescribeOrganization": none})))

        identity = found["organization.identity"]
        assert identity.status == Status.MISSING
        assert identity.remedy
        assert [one.line for one in identity.remedy.commands] == [
            "aws organizations create-organization --feature-set ALL"
        ]
        assert "there is no organization" in found["delegation.cloudtrail"].detail


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
        own = {"names.log_archive", "trail.second", "access.log_archive", "delegation.cloudtrail"}
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
    def test_a_deployment_without_its_state_here_is_missing(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeStackSet": OWN_STACK_SET}
        found = check(facts(tmp_path, answers), "deployment.state")

        assert found.status == Status.MISSING
        assert found.detail == "Rootwatch is deployed, and no state is in this folder"

    def test_a_stack_set_of_that_name_by_others_is_no_deployment(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeStackSet": {"StackSet": {"Tags": []}}}
        found = results(run(facts(tmp_path, answers)))

        assert found["deployment.state"].status == Status.OK
        assert found["names.management"].status == Status.MISSING

    @pytest.mark.parametrize("text", ["", "[]", "no JSON", '{"resources": [{}]}'])
    def test_a_file_that_is_no_state_is_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "terraform.organization.tfstate").write_text(text)
        answers = {"cloudformation:DescribeStackSet": OWN_STACK_SET}

        assert check(facts(tmp_path, answers), "deployment.state").status == Status.MISSING

    @pytest.mark.parametrize("kinds", [[], ["aws_cloudtrail_organization_delegated_admin_account"]])
    def test_what_has_no_tags_is_rootwatchs_if_its_state_has_it(
        self, tmp_path: Path, kinds: list[str]
    ) -> None:
        write_state(tmp_path, "organization", kinds)
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


def test_one_account_that_plays_every_part_is_entered_by_nobody(tmp_path: Path) -> None:
    alone = replace(
        MINIMAL,
        accounts=Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT),
        security_hub=replace(MINIMAL.security_hub, managed=False),
    )
    hub = {"securityhub:DescribeHub": {"HubArn": "arn"}, "sts:AssumeRole": DENIED}
    report = run(facts(tmp_path, hub, alone))

    assert report.is_ok
    assert {"access.log_archive", "access.security", "delegation.cloudtrail"}.isdisjoint(
        results(report)
    )

"""Trails: what they log, where they deliver, duplicates, and the commands that change them."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from compiler.cloudwatch import MAX_METRIC_FILTERS
from config.settings import DEPLOYMENT_TAG
from operations.preflight import run_checks
from operations.preflight.result import Status
from operations.preflight.trails import (
    logs_event,
    logs_management_events,
    root_sign_in,
    with_management_events,
)
from tests.unit.operations.fake_aws import (
    ALL_EVENTS,
    DETECTIONS,
    EXISTING,
    EXISTING_TRAIL,
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    FakeCall,
    config_of,
    context_of,
    delivering,
    lines,
    results,
    run_one,
    trail,
    with_trails,
    write_state,
)

SIGN_IN = root_sign_in("aws", SECURITY)
ROOT_ARN = f"arn:aws:iam::{SECURITY}:root"
MANAGEMENT_EVENTS = {"Field": "eventCategory", "Equals": ["Management"]}
DATA = {"Field": "eventCategory", "Equals": ["Data"]}
S3_OBJECTS = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}


OTHER_QUOTA = {"QuotaName": "Metric filters per log group", "Value": 100.0}
FIVE_FILTERS = {"QuotaName": "Subscription filters per log group", "Value": 5.0}


def basic(**selector: Any) -> dict[str, Any]:
    return {"EventSelectors": [selector]}


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


ROOT_SIGN_INS = [
    (basic(ReadWriteType="All", IncludeManagementEvents=True), True),
    (basic(ReadWriteType="WriteOnly", IncludeManagementEvents=True), True),
    (basic(ReadWriteType="ReadOnly", IncludeManagementEvents=True), False),
    (basic(ReadWriteType="All", IncludeManagementEvents=False), False),
    (
        basic(
            ReadWriteType="All",
            IncludeManagementEvents=True,
            ExcludeManagementEventSources=["kms.amazonaws.com"],
        ),
        True,
    ),
    (advanced(MANAGEMENT_EVENTS), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "readOnly", "Equals": ["false"]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "userIdentity.arn", "Equals": [ROOT_ARN]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "userIdentity.arn", "NotEquals": [ROOT_ARN]}), False),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventType", "Equals": ["AwsConsoleSignIn"]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "Equals": ["ConsoleLogin"]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "StartsWith": ["onsole"]}), False),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "EndsWith": ["Login"]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "EndsWith": ["Console"]}), False),
    (advanced(MANAGEMENT_EVENTS, {"Field": "readOnly", "Equals": ["true"]}), False),
    (advanced(DATA, S3_OBJECTS), False),
    (
        advanced(MANAGEMENT_EVENTS, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}),
        True,
    ),
    (
        advanced(
            MANAGEMENT_EVENTS, {"Field": "eventSource", "NotEquals": ["signin.amazonaws.com"]}
        ),
        False,
    ),
    (
        advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "NotStartsWith": ["Get", "Console"]}),
        False,
    ),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "StartsWith": ["Get", "Console"]}), True),
    (advanced(MANAGEMENT_EVENTS, {"Field": "eventName", "EndsWith": ["Role"]}), False),
    (advanced(MANAGEMENT_EVENTS, {"Field": "userIdentity.arn", "NotEndsWith": [":root"]}), False),
    (
        advanced(MANAGEMENT_EVENTS, {"Field": "sessionCredentialFromConsole", "Equals": ["true"]}),
        False,
    ),
    ({"EventSelectors": [], "AdvancedEventSelectors": []}, False),
    ({}, False),
]


def test_selectors_that_log_root_sign_ins() -> None:
    for selectors, is_logged in ROOT_SIGN_INS:
        assert logs_event(selectors, SIGN_IN) is is_logged, selectors


def test_one_matching_selector_is_sufficient() -> None:
    selectors = {
        "AdvancedEventSelectors": [
            {"FieldSelectors": [DATA, S3_OBJECTS]},
            {"FieldSelectors": [MANAGEMENT_EVENTS]},
        ]
    }

    assert logs_event(selectors, SIGN_IN)


def test_selectors_that_log_management_events() -> None:
    for selectors, is_logged in (
        (basic(ReadWriteType="ReadOnly", IncludeManagementEvents=True), True),
        (basic(ReadWriteType="All", IncludeManagementEvents=False), False),
        (advanced(MANAGEMENT_EVENTS, {"Field": "readOnly", "Equals": ["true"]}), True),
        (advanced(DATA, S3_OBJECTS), False),
        ({}, False),
    ):
        assert logs_management_events(selectors) is is_logged, selectors


@pytest.mark.parametrize(
    ("selectors", "option", "key"),
    [
        (
            basic(
                ReadWriteType="ReadOnly",
                IncludeManagementEvents=True,
                DataResources=[{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::logs/"]}],
            ),
            "--event-selectors",
            "EventSelectors",
        ),
        (advanced(DATA, S3_OBJECTS), "--advanced-event-selectors", "AdvancedEventSelectors"),
        ({}, "--event-selectors", "EventSelectors"),
    ],
)
def test_added_management_events_keep_the_other_events(
    selectors: dict[str, Any], option: str, key: str
) -> None:
    found, complete = with_management_events(selectors)

    assert found == option
    assert logs_event({key: complete}, SIGN_IN)
    data = [one.get("DataResources") for one in selectors.get("EventSelectors", [])]
    assert [one.get("DataResources") for one in complete][: len(data)] == data
    assert complete[: len(selectors.get("AdvancedEventSelectors", []))] == selectors.get(
        "AdvancedEventSelectors", []
    )


class TestExistingTrail:
    def test_all_checks_pass_and_those_of_a_managed_trail_do_not_apply(
        self, tmp_path: Path
    ) -> None:
        aws = FakeAws(EXISTING_TRAIL)
        report = run_checks(context_of(tmp_path, settings=EXISTING, aws=aws))

        assert report.is_ok
        managed = {"names.log_archive", "access.log_archive", "delegation.cloudtrail"}
        assert managed.isdisjoint(results(report))
        assert LOG_ARCHIVE not in {call.account for call in aws.calls}

    def test_passing_checks_describe_the_trail(self, tmp_path: Path) -> None:
        context = context_of(tmp_path, EXISTING_TRAIL, EXISTING)

        details = {
            name: run_one(context, f"trail.{name}").detail
            for name in ("coverage", "events", "delivery", "destination", "log_group", "former")
        }
        assert details == {
            "coverage": "main, an organization trail for all Regions",
            "events": "logs root sign-ins",
            "delivery": "logging, without delivery errors",
            "destination": f"log group trails/main in {SECURITY}, us-east-1; bucket main-logs",
            "log_group": (
                "0 other subscription filters of an unknown quota, 0 other metric filters of 100"
            ),
            "former": "none",
        }

    def test_a_trail_with_another_home_region_is_read_and_changed_there(
        self, tmp_path: Path
    ) -> None:
        stopped = {
            **with_trails(delivering("main", "eu-west-1", IsMultiRegionTrail=False)),
            "cloudtrail:GetTrailStatus": {"IsLogging": False},
            "cloudtrail:GetEventSelectors": basic(IncludeManagementEvents=False),
        }
        aws = FakeAws(stopped)
        found = results(run_checks(context_of(tmp_path, settings=EXISTING, aws=aws)))

        arn = f"arn:aws:cloudtrail:eu-west-1:{MANAGEMENT}:trail/main"
        for id_, words in {
            "trail.coverage": f"update-trail --name {arn} --is-multi-region-trail",
            "trail.delivery": f"start-logging --name {arn}",
        }.items():
            assert found[id_].status == Status.FAIL
            assert lines(found[id_]) == [f"aws cloudtrail {words} --region eu-west-1"]
        (line,) = lines(found["trail.events"])
        assert line.startswith(f"aws cloudtrail put-event-selectors --trail-name {arn}")
        assert line.endswith("--region eu-west-1")
        for operation in ("GetTrailStatus", "GetEventSelectors", "ListTags"):
            calls = aws.named(f"cloudtrail:{operation}")
            assert calls
            assert {(call.account, call.region) for call in calls} == {(MANAGEMENT, "eu-west-1")}

    def test_the_destination_in_another_region_changes_the_home_region(
        self, tmp_path: Path
    ) -> None:
        context = context_of(tmp_path, with_trails(delivering("main", "eu-west-1")), EXISTING)
        found = run_one(context, "trail.destination")

        assert found.status == Status.FAIL
        assert found.detail == f"log group trails/main in {SECURITY}, eu-west-1; bucket main-logs"
        assert found.remedy
        assert found.remedy.expected == (
            f"log group trails/main in {SECURITY}, us-east-1; bucket main-logs, as in the"
            " configuration"
        )
        assert config_of(found) == (
            "home_region: eu-west-1",
            "trail:",
            "  managed: false",
            "  name: main",
            "  log_group: trails/main",
            "  bucket: main-logs",
        )

    def test_each_part_of_the_destination_has_to_match(self, tmp_path: Path) -> None:
        aws = FakeAws()
        for other in (
            delivering("main", account=LOG_ARCHIVE),
            delivering("main", S3BucketName="another"),
            {**delivering("other"), "Name": "main"},
        ):
            aws.responses = with_trails(other)
            context = context_of(tmp_path, settings=EXISTING, aws=aws)

            assert run_one(context, "trail.destination").status == Status.FAIL, other

    def test_a_missing_log_group_is_created_in_the_home_region_of_the_trail(
        self, tmp_path: Path
    ) -> None:
        context = context_of(tmp_path, with_trails(trail("main", "eu-west-1")), EXISTING)
        found = run_one(context, "trail.destination")

        assert found.detail == "no log group"
        assert found.remedy
        assert found.remedy.expected == f"main delivers to a log group in {SECURITY}"
        delegate, create, _, put_policy, update = (shlex.split(one) for one in lines(found))
        assert delegate[1:3] == ["cloudtrail", "register-organization-delegated-admin"]
        assert create[-6:] == [
            *("--log-group-name", "trails/main"),
            *("--region", "eu-west-1", "--profile", "security"),
        ]
        arn = f"arn:aws:logs:eu-west-1:{SECURITY}:log-group:trails/main:*"
        assert json.loads(put_policy[put_policy.index("--policy-document") + 1]) == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": arn,
                }
            ],
        }
        assert update[update.index("--cloud-watch-logs-log-group-arn") + 1] == arn
        assert update[-4:] == ["--region", "eu-west-1", "--profile", "security"]

    def test_an_administrator_of_cloudtrail_is_not_registered_again(self, tmp_path: Path) -> None:
        admin = {"DelegatedAdministrators": [{"Id": SECURITY}]}
        registered = {"organizations:ListDelegatedAdministrators": admin}
        context = context_of(tmp_path, {**with_trails(trail("main")), **registered}, EXISTING)
        commands = lines(run_one(context, "trail.destination"))

        assert [command.split()[1:3] for command in commands] == [
            ["logs", "create-log-group"],
            ["iam", "create-role"],
            ["iam", "put-role-policy"],
            ["cloudtrail", "update-trail"],
        ]

    def test_the_name_of_the_delivery_role_fits_into_64_characters(self, tmp_path: Path) -> None:
        name = "t" * 128
        settings = replace(EXISTING, trail=replace(EXISTING.trail, name=name))
        context = context_of(tmp_path, with_trails(trail(name)), settings)
        words = shlex.split(lines(run_one(context, "trail.destination"))[2])

        role = words[words.index("--role-name") + 1]
        assert role == f"{'t' * 48}-log-delivery"

    def test_a_trail_is_found_by_its_whole_name(self, tmp_path: Path) -> None:
        context = context_of(
            tmp_path, with_trails(trail("a-main"), delivering("main"), trail("main-2")), EXISTING
        )

        assert run_one(context, "trail.coverage").status == Status.PASS
        assert run_one(context, "trail.destination").status == Status.PASS
        context = context_of(tmp_path, with_trails(trail("a-main"), trail("main-2")), EXISTING)
        assert run_one(context, "trail.coverage").detail == "trail main does not exist"
        assert run_one(context, "trail.events").detail == "skipped: trail main does not exist"

    def test_the_suggested_trail_is_an_organization_trail_with_a_log_group(
        self, tmp_path: Path
    ) -> None:
        candidates = (
            delivering("a", IsOrganizationTrail=False),
            trail("b"),
            delivering("d", "eu-west-1", MANAGEMENT),
            delivering("c", "eu-west-1", MANAGEMENT),
        )
        context = context_of(tmp_path, with_trails(*candidates), EXISTING)
        found = run_one(context, "trail.coverage")

        assert found.remedy
        assert found.remedy.expected == "the name of an existing organization trail"
        assert config_of(found) == (
            "home_region: eu-west-1",
            "trail:",
            "  managed: false",
            "  name: c",
            "  log_group: trails/c",
            "  bucket: c-logs",
            "accounts:",
            f'  security: "{MANAGEMENT}"',
        )
        none = context_of(tmp_path, with_trails(*candidates[:2]), EXISTING)
        assert config_of(run_one(none, "trail.coverage")) == ("trail:", "  managed: true")

    def test_the_coverage_of_a_trail_is_changed_in_one_command(self, tmp_path: Path) -> None:
        narrow = delivering("main", IsOrganizationTrail=False, IsMultiRegionTrail=False)
        found = run_one(context_of(tmp_path, with_trails(narrow), EXISTING), "trail.coverage")

        assert found.detail == "not an organization trail, not a multi-Region trail"
        (line,) = lines(found)
        assert "--is-organization-trail --is-multi-region-trail --region" in line

    @pytest.mark.parametrize("error", ["LatestDeliveryError", "LatestCloudWatchLogsDeliveryError"])
    def test_a_delivery_error_is_reported_as_cloudtrail_reports_it(
        self, tmp_path: Path, error: str
    ) -> None:
        status = {"cloudtrail:GetTrailStatus": {"IsLogging": True, error: "AccessDenied"}}
        context = context_of(tmp_path, EXISTING_TRAIL | status, EXISTING)
        found = run_one(context, "trail.delivery")

        assert found.status == Status.FAIL
        assert found.detail == f"{error}: AccessDenied"


class TestLogGroup:
    def test_another_log_class_does_not_support_metric_filters(self, tmp_path: Path) -> None:
        for log_class, status in {
            "INFREQUENT_ACCESS": Status.FAIL,
            "STANDARD": Status.PASS,
        }.items():
            group = {"logGroupName": "trails/main", "arn": "a", "logGroupClass": log_class}
            responses = EXISTING_TRAIL | {"logs:DescribeLogGroups": {"logGroups": [group]}}
            found = run_one(context_of(tmp_path, responses, EXISTING), "trail.log_group")

            assert found.status == status
            assert status is Status.PASS or found.detail == "log class INFREQUENT_ACCESS"

    def test_a_log_group_whose_name_begins_with_the_expected_one_is_not_it(
        self, tmp_path: Path
    ) -> None:
        longer = {"logGroupName": "trails/main-2", "arn": "a"}
        other_class = {**longer, "logGroupClass": "INFREQUENT_ACCESS"}
        expected = {"logGroupName": "trails/main", "arn": "a"}

        def found(*groups: dict[str, str]) -> Any:
            responses = EXISTING_TRAIL | {"logs:DescribeLogGroups": {"logGroups": list(groups)}}
            return run_one(context_of(tmp_path, responses, EXISTING), "trail.log_group")

        assert found(other_class, expected).status == Status.PASS
        only_longer = found(longer)
        assert only_longer.detail == "log group trails/main does not exist"
        (line,) = lines(only_longer)
        assert line == (
            "aws logs describe-log-groups --log-group-name-prefix trails/main --region us-east-1"
            " --profile security"
        )

    def test_the_detections_require_a_metric_filter_each(self, tmp_path: Path) -> None:
        own = [one for one in DETECTIONS if "metric_filter" in one.evaluated_by]
        assert own
        for too_many, status in ((0, Status.PASS), (1, Status.FAIL)):
            count = MAX_METRIC_FILTERS - len(own) + too_many
            others = [{"filterName": f"other-{number}"} for number in range(count)]
            mine = [{"filterName": f"rootwatch-{one.name.replace('_', '-')}"} for one in own]
            responses = EXISTING_TRAIL | {
                "logs:DescribeMetricFilters": {"metricFilters": [*others, *mine]}
            }
            found = run_one(context_of(tmp_path, responses, EXISTING), "trail.log_group")

            assert found.status == status
            assert f"{count} other metric filters of 100" in found.detail
            if found.remedy:
                assert lines(found) == []
                assert found.remedy.expected == (
                    f"capacity for 1 subscription filter and {len(own)} metric filters; delete"
                    " unused filters, or request a higher quota"
                )

    @pytest.mark.parametrize(
        ("quota", "others", "status"),
        [
            ({"Quotas": []}, 1, Status.PASS),
            ({"Quotas": []}, 2, Status.WARN),
            (ErrorResponse("AccessDeniedException", status=403), 1, Status.PASS),
            (ErrorResponse("AccessDeniedException", status=403), 5, Status.WARN),
            ({"Quotas": [OTHER_QUOTA, FIVE_FILTERS]}, 4, Status.PASS),
            ({"Quotas": [OTHER_QUOTA, FIVE_FILTERS]}, 5, Status.FAIL),
            ({"Quotas": [FIVE_FILTERS, FIVE_FILTERS]}, 5, Status.WARN),
        ],
    )
    def test_service_quotas_decides_how_many_subscription_filters_there_can_be(
        self, tmp_path: Path, quota: Any, others: int, status: Status
    ) -> None:
        names = [*(f"other-{number}" for number in range(others)), "rootwatch-finding-importer"]
        responses = {
            **EXISTING_TRAIL,
            "logs:DescribeSubscriptionFilters": {
                "subscriptionFilters": [{"filterName": name} for name in names]
            },
            "service-quotas:ListServiceQuotas": quota,
        }
        found = run_one(context_of(tmp_path, responses, EXISTING), "trail.log_group")

        assert found.status == status
        number = "5" if status is Status.FAIL or others == 4 else "an unknown quota"
        assert found.detail.startswith(f"{others} other subscription filters of {number},")
        if found.remedy:
            assert lines(found) == []
            warning = "the deployment fails with LimitExceededException" in found.remedy.expected
            assert warning is (status is Status.WARN)


class TestQuota:
    def test_the_management_account_has_at_most_five_trails(self, tmp_path: Path) -> None:
        own = trail("rootwatch-organization-trail")
        others = [trail(f"other-{number}", IsOrganizationTrail=False) for number in range(5)]
        for trails, status in (
            ([own, *others[:4]], Status.PASS),
            (others[:4], Status.PASS),
            (others, Status.FAIL),
            ([own, *others], Status.FAIL),
        ):
            responses = {"cloudtrail:DescribeTrails": {"trailList": trails}}
            found = run_one(context_of(tmp_path, responses), "trail.quota")

            assert found.status == status
            count = sum(one is not own for one in trails)
            assert found.detail == f"{count} other trails of 5 in us-east-1"
        assert found.remedy
        assert "the quota of 5 cannot be increased" in found.remedy.expected


class TestDuplicates:
    def test_the_suggested_duplicate_has_a_log_group(self, tmp_path: Path) -> None:
        for names in (["a", "b"], ["b", "a"]):
            trails = [delivering(one) if one == names[0] else trail(one) for one in names]
            found = run_one(context_of(tmp_path, with_trails(*trails)), "trail.duplicate")

            assert found.status == Status.FAIL
            described = {
                names[0]: f"{names[0]} (log group trails/{names[0]} in {SECURITY}, us-east-1)",
                names[1]: f"{names[1]} (no log group)",
            }
            assert found.detail == f"{described['a']}, {described['b']}"
            assert f"  name: {names[0]}" in config_of(found)
            assert lines(found) == []

    def test_of_several_without_a_log_group_the_first_is_suggested(self, tmp_path: Path) -> None:
        context = context_of(tmp_path, with_trails(trail("b", "eu-west-1"), trail("a")))
        found = run_one(context, "trail.duplicate")

        # In the order of their ARNs, which contain the Region.
        assert found.detail == "b (no log group), a (no log group)"
        assert config_of(found) == (
            "home_region: eu-west-1",
            "trail:",
            "  managed: false",
            "  name: b",
            "  log_group: cloudtrail/b",
            "  bucket: b-logs",
        )
        assert found.remedy
        assert found.remedy.expected.endswith("; it requires a log group in the security account")
        assert not found.remedy.config_is_alternative
        assert all("--region eu-west-1" in one for one in lines(found) if " iam " not in one)

    def test_a_log_group_in_the_management_account_makes_it_the_security_account(
        self, tmp_path: Path
    ) -> None:
        context = context_of(tmp_path, with_trails(delivering("a", account=MANAGEMENT)))
        found = run_one(context, "trail.duplicate")

        assert config_of(found)[-4:] == (
            "accounts:",
            f'  security: "{MANAGEMENT}"',
            "security_hub:",
            "  managed: false",
        )
        assert found.remedy
        assert "cannot be the Security Hub administrator" in found.remedy.expected
        other = run_one(
            context_of(tmp_path, with_trails(delivering("a", account=LOG_ARCHIVE))),
            "trail.duplicate",
        )
        assert config_of(other)[-2:] == ("accounts:", f'  security: "{LOG_ARCHIVE}"')

    def test_only_trails_that_log_management_events_are_duplicates(self, tmp_path: Path) -> None:
        def status(call: FakeCall) -> dict[str, Any]:
            return {"IsLogging": not call.parameters["Name"].endswith("stopped")}

        def selectors(call: FakeCall) -> dict[str, Any]:
            is_data = call.parameters["TrailName"].endswith("data")
            return advanced(DATA, S3_OBJECTS) if is_data else ALL_EVENTS

        def tags(call: FakeCall) -> dict[str, Any]:
            (arn,) = call.parameters["ResourceIdList"]
            own = [{"Key": DEPLOYMENT_TAG, "Value": MINIMAL.deployment}]
            tags = own if arn.endswith("own") else []
            return {"ResourceTagList": [{"ResourceId": arn, "TagsList": tags}]}

        names = ("stopped", "data", "own", "duplicate")
        account_trail = trail("account", IsOrganizationTrail=False)
        responses = {
            **with_trails(*map(trail, names), account_trail),
            "cloudtrail:GetTrailStatus": status,
            "cloudtrail:GetEventSelectors": selectors,
            "cloudtrail:ListTags": tags,
        }
        found = run_one(context_of(tmp_path, responses), "trail.duplicate")

        assert found.detail == "duplicate (no log group)"

    def test_duplicates_of_an_existing_trail_are_stopped_in_their_home_regions(
        self, tmp_path: Path
    ) -> None:
        trails = (delivering("main"), trail("x", "eu-west-1"), trail("y"))
        found = run_one(context_of(tmp_path, with_trails(*trails), EXISTING), "trail.duplicate")

        assert found.status == Status.WARN
        assert found.detail == "x (no log group), y (no log group), in addition to main"
        assert found.remedy
        assert found.remedy.expected == (
            "one organization trail that logs management events; before you stop one of them,"
            " check who reads its bucket and its log group"
        )
        assert lines(found) == []


class TestFormerTrail:
    OWN: ClassVar[dict[str, Any]] = {
        "ResourceTagList": [{"TagsList": [{"Key": DEPLOYMENT_TAG, "Value": MINIMAL.deployment}]}]
    }

    def test_other_trails_of_rootwatch_are_former_ones(self, tmp_path: Path) -> None:
        responses = {**with_trails(delivering("main"), trail("b"), trail("a"))}
        own = {**responses, "cloudtrail:ListTags": self.OWN}
        others = run_one(context_of(tmp_path, responses, EXISTING), "trail.former")
        former = run_one(context_of(tmp_path, own, EXISTING), "trail.former")

        assert others.status == Status.PASS
        assert former.status == Status.FAIL
        assert former.detail == "a, b still exists"
        assert lines(former) == ["ROOTWATCH_CONFIG=former.yaml make destroy STACK=trail"]

    def test_the_stack_is_former_unless_it_created_the_existing_trail(self, tmp_path: Path) -> None:
        for resources, status in (
            ([], Status.PASS),
            ([("aws_s3_bucket", "main-logs")], Status.FAIL),
            ([("aws_cloudtrail", "another")], Status.FAIL),
            ([("aws_s3_bucket", "main-logs"), ("aws_cloudtrail", "main")], Status.PASS),
        ):
            write_state(tmp_path, "trail", resources)
            found = run_one(context_of(tmp_path, EXISTING_TRAIL, EXISTING), "trail.former")

            assert found.status == status, resources
            assert status is Status.PASS or found.detail == "the stack trail is still deployed"

"""Which names conflict, by existing resources, their tags and Terraform's states."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import DEPLOYMENT_TAG, Accounts, S3State
from modules.naming import Names
from operations.preflight import run_checks
from operations.preflight.check import CheckContext
from operations.preflight.names import NamedResource, in_log_archive, in_management, in_security
from operations.preflight.result import Status
from tests.unit.operations.fake_aws import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    FakeCall,
    assume_role,
    config_of,
    context_of,
    lines,
    results,
    run_one,
    trail,
    write_state,
)

SNAPSHOTS = Path(__file__).parents[2] / "synth" / "snapshots"
OWN_TAGS = [{"Key": DEPLOYMENT_TAG, "Value": MINIMAL.deployment}]
OWN_TAG_MAP = {one["Key"]: one["Value"] for one in OWN_TAGS}
OWN_STACK_SET = {"StackSet": {"Tags": OWN_TAGS}}
QUEUE: dict[str, Any] = {
    "sqs:GetQueueUrl": {"QueueUrl": "https://sqs/queue"},
    "sqs:ListQueueTags": {},
}
NAMES = Names(MINIMAL)


def only_in_security(call: FakeCall) -> Any:
    """The role of the log archive account cannot be assumed."""
    is_denied = LOG_ARCHIVE in call.parameters["RoleArn"]
    return ErrorResponse("AccessDenied", status=403) if is_denied else assume_role(call)


class TestNames:
    def test_each_resource_is_in_the_state_of_the_stack_that_creates_it(
        self, tmp_path: Path
    ) -> None:
        lists: list[Callable[[CheckContext], Iterable[NamedResource]]] = [
            in_management,
            in_log_archive,
            in_security,
        ]
        for resource in (one for names in lists for one in names(context_of(tmp_path))):
            resource_type, name = resource.in_state
            text = (SNAPSHOTS / f"minimal-{resource.stack}.json").read_text("utf-8")
            created = json.loads(text)["resource"][resource_type].values()
            names = {one.get(key) for one in created for key in ("name", "bucket", "function_name")}

            assert name.rpartition(":")[2].removeprefix("trail/") in names

    # Terraform overwrites alarms, an insight need not be unique, the policy has its own check.
    NOT_CHECKED = frozenset(
        {
            "event_rule_failures_alarm",
            "event_rule_lost_events_alarm",
            "importer_backlog_alarm",
            "importer_errors_alarm",
            "importer_throttles_alarm",
            "insight",
            "lost_events_alarm",
            "security_hub_policy",
            "trail_silence_alarm",
        }
    )

    def test_every_name_is_checked(self, tmp_path: Path) -> None:
        aws = FakeAws()
        run_checks(context_of(tmp_path, aws=aws))
        properties = [name for name, one in vars(Names).items() if isinstance(one, property)]
        names = {name: str(getattr(NAMES, name)) for name in properties}

        parameters = " ".join(str(call.parameters) for call in aws.calls)
        missing = {name for name, value in names.items() if value not in parameters}
        assert {name for name in missing if "_arn" not in name} == self.NOT_CHECKED

    def test_names_are_read_in_their_account_and_region(self, tmp_path: Path) -> None:
        settings = replace(MINIMAL, home_region="eu-west-1")
        aws = FakeAws()
        run_checks(context_of(tmp_path, settings=settings, aws=aws))

        def places(name: str) -> set[tuple[str, str]]:
            return {(call.account, call.region) for call in aws.named(name)}

        assert places("sqs:GetQueueUrl") == {(SECURITY, "eu-west-1")}
        assert places("kms:DescribeKey") == {(SECURITY, "eu-west-1"), (LOG_ARCHIVE, "eu-west-1")}
        assert places("cloudformation:DescribeStackSet") == {(MANAGEMENT, "us-east-1")}
        assert places("cloudformation:DescribeStacks") == {(MANAGEMENT, "us-east-1")}
        assert places("events:DescribeRule") == {
            (MANAGEMENT, "us-east-1"),
            (SECURITY, "us-east-1"),
        }

    def test_the_member_access_of_a_single_account_is_checked_once(self, tmp_path: Path) -> None:
        accounts = Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT)
        context = context_of(tmp_path, settings=replace(MINIMAL, accounts=accounts))

        rules = [str(one) for one in (*in_management(context), *in_security(context))]
        assert rules.count(f"event rule {NAMES.event_rule}") == 1

    def test_a_trail_that_rootwatch_does_not_create_has_no_names(self, tmp_path: Path) -> None:
        settings = replace(MINIMAL, trail=replace(MINIMAL.trail, managed=False))
        managed, unmanaged = context_of(tmp_path), context_of(tmp_path, settings=settings)

        assert {one.stack for one in in_management(unmanaged)} == {"organization"}
        assert {one.stack for one in in_security(unmanaged)} == {"detection", "organization"}
        assert "trail" in {one.stack for one in in_management(managed)}
        assert "trail" in {one.stack for one in in_security(managed)}


class TestConflicts:
    def test_a_log_group_whose_name_begins_with_ours_is_no_conflict(self, tmp_path: Path) -> None:
        def groups(call: FakeCall) -> dict[str, Any]:
            name = f"{call.parameters['logGroupNamePrefix']}-of-others"
            return {"logGroups": [{"logGroupName": name, "arn": f"arn:{name}:*"}]}

        context = context_of(tmp_path, {"logs:DescribeLogGroups": groups})

        assert run_one(context, "names.security").status == Status.PASS

    def test_a_log_group_is_found_among_those_whose_names_begin_with_ours(
        self, tmp_path: Path
    ) -> None:
        def groups(call: FakeCall) -> dict[str, Any]:
            name = call.parameters["logGroupNamePrefix"]
            names = [f"{name}-0", name, f"{name}-1"]
            return {"logGroups": [{"logGroupName": one, "arn": f"arn:{one}:*"} for one in names]}

        aws = FakeAws({"logs:DescribeLogGroups": groups, "logs:ListTagsForResource": {"tags": {}}})
        found = run_one(context_of(tmp_path, aws=aws), "names.security")

        assert found.detail == "; ".join(
            f"log group {name} exists, not created by Rootwatch"
            for name in (NAMES.trail_log_group, NAMES.importer_log_group)
        )
        arns = {call.parameters["resourceArn"] for call in aws.named("logs:ListTagsForResource")}
        assert arns == {f"arn:{NAMES.trail_log_group}", f"arn:{NAMES.importer_log_group}"}

    def test_a_trail_of_another_region_is_no_conflict(self, tmp_path: Path) -> None:
        """DescribeTrails may return shadow trails, whose ARN is that of their home Region."""
        elsewhere = NAMES.trail_arn.replace("us-east-1", "eu-west-1")

        def trails(_call: FakeCall) -> dict[str, Any]:
            trail = {"TrailARN": elsewhere, "Name": NAMES.trail, "HomeRegion": "eu-west-1"}
            return {"trailList": [{**trail, "S3BucketName": "b"}]}

        context = context_of(tmp_path, {"cloudtrail:DescribeTrails": trails})

        assert run_one(context, "names.management").status == Status.PASS

    def test_a_bucket_in_another_account_leaves_only_another_prefix(self, tmp_path: Path) -> None:
        aws = FakeAws({"s3:HeadBucket": ErrorResponse("403", status=403)})
        found = run_one(context_of(tmp_path, aws=aws), "names.log_archive")

        assert found.status == Status.FAIL
        assert found.detail == f"bucket {NAMES.trail_bucket} exists, in another account"
        assert found.remedy
        assert found.remedy.expected == "another name_prefix"
        assert lines(found) == []
        assert config_of(found) == ("name_prefix: rootwatch-2",)
        (call,) = aws.named("s3:HeadBucket")
        assert call.parameters == {
            "Bucket": NAMES.trail_bucket,
            "ExpectedBucketOwner": LOG_ARCHIVE,
        }
        assert "s3:GetBucketTagging" not in aws.names

    def test_another_error_of_the_bucket_is_an_error(self, tmp_path: Path) -> None:
        context = context_of(tmp_path, {"s3:HeadBucket": ErrorResponse("500", status=500)})

        assert run_one(context, "names.log_archive").status == Status.ERROR

    def test_a_bucket_without_tags_was_not_created_by_rootwatch(self, tmp_path: Path) -> None:
        untagged = {"s3:HeadBucket": {}, "s3:GetBucketTagging": ErrorResponse("NoSuchTagSet")}
        found = run_one(context_of(tmp_path, untagged), "names.log_archive")

        assert found.detail == f"bucket {NAMES.trail_bucket} exists, not created by Rootwatch"
        assert found.remedy
        assert found.remedy.expected == "another name_prefix"
        assert lines(found) == []

    def test_the_suggested_prefix_is_valid_after_it_is_shortened(self, tmp_path: Path) -> None:
        aws = FakeAws(QUEUE)
        for prefix, suggested in {
            "rootwatch": "rootwatch-2",
            "a" * 18: f"{'a' * 18}-2",
            "a" * 19: f"{'a' * 18}-2",
            "a" * 20: f"{'a' * 18}-2",
            f"{'a' * 17}-bc": f"{'a' * 17}-2",
            f"{'a' * 16}--bc": f"{'a' * 16}-2",
        }.items():
            settings = replace(MINIMAL, name_prefix=prefix)
            context = context_of(tmp_path, settings=settings, aws=aws)
            found = run_one(context, "names.security")

            assert config_of(found) == (f"name_prefix: {suggested}",)
            assert len(suggested) <= 20

    def test_the_expected_state_depends_on_the_conflicts(self, tmp_path: Path) -> None:
        tagged = {**QUEUE, "sqs:ListQueueTags": {"Tags": {DEPLOYMENT_TAG: MINIMAL.deployment}}}
        aws = FakeAws(QUEUE)
        other = run_one(context_of(tmp_path, aws=aws), "names.security")
        aws.responses = tagged
        unused = run_one(context_of(tmp_path, aws=aws), "names.security")
        aws.responses = {**tagged, "cloudformation:DescribeStackSet": OWN_STACK_SET}
        in_use = run_one(context_of(tmp_path, aws=aws), "names.security")

        expected = [one.remedy and one.remedy.expected for one in (other, unused, in_use)]
        assert expected == [
            "another name_prefix",
            "no resources of a former deployment, or another name_prefix",
            (
                "the states that contain these resources, from the folder or the bucket of the"
                " deployment that created them; or another name_prefix"
            ),
        ]
        assert [len(lines(one)) for one in (other, unused, in_use)] == [0, 2, 0]

    @pytest.mark.parametrize(
        "in_use",
        [
            {"cloudformation:DescribeStackSet": OWN_STACK_SET},
            {"cloudformation:DescribeStacks": {"Stacks": [{"Tags": OWN_TAGS}]}},
            {"lambda:GetFunction": {"Tags": OWN_TAG_MAP}},
            {  # under another name
                "cloudtrail:DescribeTrails": {"trailList": [trail("former")]},
                "cloudtrail:ListTags": {"ResourceTagList": [{"TagsList": OWN_TAGS}]},
            },
            {"lambda:GetFunction": ErrorResponse("AccessDeniedException", status=403)},
            {"sts:AssumeRole": only_in_security},
        ],
        ids=["stack set", "stack", "function", "trail", "unknown function", "unknown account"],
    )
    @pytest.mark.parametrize("states", [(), ("detection",)])
    def test_nothing_is_deleted_that_a_deployment_may_use(
        self, tmp_path: Path, in_use: dict[str, Any], states: tuple[str, ...]
    ) -> None:
        """Wherever its states are: in this folder, in another clone or in a bucket."""
        for stack in states:
            write_state(tmp_path, stack, [])
        tagged = {**QUEUE, "sqs:ListQueueTags": {"Tags": OWN_TAG_MAP}}
        unused = run_one(context_of(tmp_path, tagged), "names.security")
        found = run_one(context_of(tmp_path, {**tagged, **in_use}), "names.security")

        assert len(lines(unused)) == 2
        assert lines(found) == []

    def test_a_deletion_states_what_it_deletes(self, tmp_path: Path) -> None:
        tagged = {**QUEUE, "sqs:ListQueueTags": {"Tags": OWN_TAG_MAP}}
        found = run_one(context_of(tmp_path, tagged), "names.security")

        assert found.remedy
        assert [one.effect for one in found.remedy.commands] == [
            f"Deletes queue {name} and everything in it. No trail and no function uses it."
            for name in (NAMES.importer_queue, NAMES.dead_letter_queue)
        ]

    def test_the_expected_state_of_different_conflicts(self, tmp_path: Path) -> None:
        def tags(call: FakeCall) -> dict[str, Any]:
            is_dead_letter_queue = "dead" in call.parameters["QueueUrl"]
            return {"Tags": {DEPLOYMENT_TAG: MINIMAL.deployment} if is_dead_letter_queue else {}}

        def url(call: FakeCall) -> dict[str, Any]:
            return {"QueueUrl": f"https://sqs/{call.parameters['QueueName']}"}

        context = context_of(tmp_path, {"sqs:GetQueueUrl": url, "sqs:ListQueueTags": tags})
        found = run_one(context, "names.security")

        assert found.remedy
        assert found.remedy.expected == (
            "no resources of a former deployment, or another name_prefix"
        )
        (line,) = lines(found)
        assert line.startswith(
            f"aws sqs delete-queue --queue-url https://sqs/{NAMES.dead_letter_queue}"
        )

    def test_resources_of_another_deployment_are_not_created_by_this_one(
        self, tmp_path: Path
    ) -> None:
        """The tag `project` of other tools can have any value."""
        aws = FakeAws()
        for deployment in ("o-exampleorgid/rootwatch-2", "o-otherorganization/rootwatch", ""):
            tags = {"project": "rootwatch", DEPLOYMENT_TAG: deployment}
            aws.responses = {**QUEUE, "sqs:ListQueueTags": {"Tags": tags}}
            found = run_one(context_of(tmp_path, aws=aws), "names.security")

            assert found.detail.count("exists, not created by Rootwatch") == 2

    def test_deletion_commands_of_iam_name_no_region(self, tmp_path: Path) -> None:
        responses = {
            "iam:GetRole": {"Role": {"Tags": OWN_TAGS}},
            "iam:ListRolePolicies": {"PolicyNames": []},
            "iam:ListAttachedRolePolicies": {"AttachedPolicies": []},
            **QUEUE,
            "sqs:ListQueueTags": {"Tags": OWN_TAG_MAP},
        }
        found = run_one(context_of(tmp_path, responses), "names.security")

        has_region = {line.split()[1]: "--region us-east-1" in line for line in lines(found)}
        assert has_region == {"iam": False, "sqs": True}

    def test_available_and_deployed_names_are_counted(self, tmp_path: Path) -> None:
        free = run_one(context_of(tmp_path), "names.security")
        write_state(
            tmp_path,
            "detection",
            [("aws_sqs_queue", NAMES.importer_queue), ("aws_sqs_queue", NAMES.dead_letter_queue)],
        )
        deployed = run_one(context_of(tmp_path, QUEUE), "names.security")

        assert free.detail == "15 available"
        assert deployed.detail == "13 available, 2 created by this deployment"


class TestState:
    @pytest.mark.parametrize(
        ("stack", "responses"),
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
    def test_a_deployed_stack_without_its_state_fails(
        self, tmp_path: Path, stack: str, responses: dict[str, Any]
    ) -> None:
        for other in {"trail", "detection", "organization"} - {stack}:
            write_state(tmp_path, other, [])
        found = results(run_checks(context_of(tmp_path, responses)))

        state = found["deployment.state"]
        assert state.status == Status.FAIL
        assert state.detail == f"deployed, but no state in the project folder: {stack}"
        names = [result for id_, result in found.items() if id_.startswith("names.")]
        (conflict,) = (result for result in names if result.status == Status.FAIL)
        assert "tagged by Rootwatch, but in no Terraform state" in conflict.detail

    def test_deployed_stacks_are_those_with_a_state(self, tmp_path: Path) -> None:
        aws = FakeAws()
        nothing = run_one(context_of(tmp_path, aws=aws), "deployment.state")
        write_state(tmp_path, "trail", [])
        write_state(tmp_path, "detection", [("aws_sqs_queue", "any")])
        found = run_one(context_of(tmp_path, aws=aws), "deployment.state")

        assert nothing.detail == "in the project folder; nothing deployed yet"
        assert found.detail == "in the project folder; deployed: detection"

    def test_a_stack_set_of_others_with_the_same_name_is_no_deployment(
        self, tmp_path: Path
    ) -> None:
        responses: dict[str, Any] = {"cloudformation:DescribeStackSet": {"StackSet": {"Tags": []}}}
        found = results(run_checks(context_of(tmp_path, responses)))

        assert found["deployment.state"].status == Status.PASS
        assert found["names.management"].status == Status.FAIL

    def test_a_file_that_is_not_a_state_fails(self, tmp_path: Path) -> None:
        aws = FakeAws({"cloudformation:DescribeStackSet": OWN_STACK_SET})
        for text in (
            "",
            "[]",
            "no JSON",
            '{"resources": [{}]}',
            '{"resources": [1]}',
            '{"resources": null}',
        ):
            (tmp_path / NAMES.state_file("organization")).write_text(text)

            found = run_one(context_of(tmp_path, aws=aws), "deployment.state")
            assert found.status == Status.FAIL, text

    def test_a_former_bucket_of_a_trail_that_is_not_managed_is_not_read(
        self, tmp_path: Path
    ) -> None:
        """The log archive account of an existing trail is never read."""
        settings = replace(MINIMAL, trail=replace(MINIMAL.trail, managed=False))
        tagged = {"s3:HeadBucket": {}, "s3:GetBucketTagging": {"TagSet": OWN_TAGS}}
        aws = FakeAws(tagged)
        unmanaged = run_one(context_of(tmp_path, settings=settings, aws=aws), "deployment.state")

        assert unmanaged.status == Status.PASS
        assert LOG_ARCHIVE not in {call.account for call in aws.calls}
        assert run_one(context_of(tmp_path, tagged), "deployment.state").status == Status.FAIL

    @pytest.mark.parametrize(
        ("held", "status"),
        [(None, Status.FAIL), ("444444444444", Status.FAIL), (SECURITY, Status.PASS)],
    )
    def test_a_resource_without_tags_is_identified_by_its_state(
        self, tmp_path: Path, held: str | None, status: Status
    ) -> None:
        resource_type = "aws_cloudtrail_organization_delegated_admin_account"
        write_state(tmp_path, "trail", [(resource_type, held)] if held else [])
        delegated = {"DelegatedAdministrators": [{"Id": SECURITY}]}
        responses = {
            "cloudformation:DescribeStackSet": OWN_STACK_SET,
            "organizations:ListDelegatedAdministrators": delegated,
        }
        found = run_one(context_of(tmp_path, responses), "delegation.cloudtrail")

        assert found.status == status


class TestStateInS3:
    STATE = S3State(bucket="states", region="eu-west-1", key_prefix="x", kms_key_id=None)

    def test_the_bucket_has_to_exist(self, tmp_path: Path) -> None:
        no_bucket: dict[str, Any] = {"s3:GetObject": ErrorResponse("NoSuchBucket", status=404)}
        for region, option in {
            "eu-west-1": " --create-bucket-configuration LocationConstraint=eu-west-1",
            "us-east-1": "",
        }.items():
            state = replace(self.STATE, region=region)
            aws = FakeAws(no_bucket)
            context = context_of(tmp_path, settings=replace(MINIMAL, state=state), aws=aws)
            found = run_one(context, "deployment.state")

            assert found.status == Status.FAIL
            assert found.detail == "bucket states does not exist"
            assert lines(found) == [
                f"aws s3api create-bucket --bucket states{option} --region {region}"
            ]
            (call,) = aws.named("s3:HeadBucket")
            assert (call.account, call.region) == (MANAGEMENT, region)
            assert call.parameters == {"Bucket": "states"}

    def test_a_bucket_without_objects_has_no_states(self, tmp_path: Path) -> None:
        empty: dict[str, Any] = {
            "s3:GetObject": ErrorResponse("NoSuchKey", status=404),
            "s3:HeadBucket": lambda call: (
                {} if call.parameters["Bucket"] == "states" else ErrorResponse("404", status=404)
            ),
        }
        settings = replace(MINIMAL, state=self.STATE)
        aws = FakeAws(empty)
        nothing = run_one(context_of(tmp_path, settings=settings, aws=aws), "deployment.state")
        aws.responses = {**empty, "cloudformation:DescribeStackSet": OWN_STACK_SET}
        lost = run_one(context_of(tmp_path, settings=settings, aws=aws), "deployment.state")

        assert nothing.detail == "in s3://states; nothing deployed yet"
        assert lost.detail == "deployed, but no state in s3://states: organization"

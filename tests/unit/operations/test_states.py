"""What the preflight takes for Rootwatch's: by names, by tags, and by the states of Terraform."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import S3State
from modules.naming import Names
from operations.preflight import run
from operations.preflight.facts import Facts
from operations.preflight.name_list import Resource, in_log_archive, in_management, in_security
from operations.preflight.result import Status
from operations.preflight.states import STACKS, is_in_state
from tests.unit.operations.answers import (
    MINIMAL,
    SECURITY,
    Aws,
    Refusal,
    check,
    facts,
    results,
    write_state,
)

SNAPSHOTS = Path(__file__).parents[2] / "synth" / "snapshots"
OWN_TAGS = [{"Key": "project", "Value": "rootwatch"}]
OWN_STACK_SET = {"StackSet": {"Tags": OWN_TAGS}}


@dataclass(frozen=True, slots=True)
class Stored:
    text: str

    def read(self) -> bytes:
        return self.text.encode()


class TestNames:
    @pytest.mark.parametrize("names", [in_management, in_log_archive, in_security])
    def test_each_is_held_by_the_stack_that_makes_it(
        self, tmp_path: Path, names: Callable[[Facts], Iterable[Resource]]
    ) -> None:
        for resource in names(facts(tmp_path)):
            kind, name = resource.held_as
            text = (SNAPSHOTS / f"minimal-{resource.stack}.json").read_text("utf-8")
            made = json.loads(text)["resource"][kind].values()
            called = {one.get(key) for one in made for key in ("name", "bucket", "function_name")}

            assert name.rpartition(":")[2].removeprefix("trail/") in called

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
    def test_states_in_a_bucket_are_read_of_every_stack(self, tmp_path: Path) -> None:
        state = S3State(bucket="states", region="eu-west-1", key_prefix="x", kms_key_id=None)
        document = {
            "resources": [
                {"mode": "managed", "type": "kind", "instances": [{"attributes": {"id": "one"}}]},
                {"mode": "data", "type": "read", "instances": [{"attributes": {"id": "two"}}]},
            ]
        }
        aws = Aws({"s3:GetObject": {"Body": Stored(json.dumps(document))}})
        known = facts(tmp_path, settings=replace(MINIMAL, state=state), aws=aws)

        assert is_in_state(known, "kind", "one")
        assert not is_in_state(known, "kind", "two")
        assert not is_in_state(known, "read", "two")
        asked = " ".join(aws.requests)
        assert all(f"/x/{stack}.tfstate" in asked for stack in STACKS)

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
        write_state(tmp_path, "detection", [("aws_sqs_queue", "any")])
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

    @pytest.mark.parametrize(
        ("held", "status"),
        [(None, Status.MISSING), ("444444444444", Status.MISSING), (SECURITY, Status.OK)],
    )
    def test_what_has_no_tags_is_rootwatchs_if_its_state_has_it(
        self, tmp_path: Path, held: str | None, status: Status
    ) -> None:
        kind = "aws_cloudtrail_organization_delegated_admin_account"
        write_state(tmp_path, "trail", [(kind, held)] if held else [])
        delegated = {"DelegatedAdministrators": [{"Id": SECURITY}]}
        answers = {
            "cloudformation:DescribeStackSet": OWN_STACK_SET,
            "organizations:ListDelegatedAdministrators": delegated,
        }
        found = check(facts(tmp_path, answers), "delegation.cloudtrail")

        assert found.status == status

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

"""A folder is all that a new detection takes; what no target can say ends the synth."""

import json
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from sandbox.logs import filter_pattern
from tests.synth.conftest import copy_app, run_app
from tests.synth.terraform_json import Stack, read_stack

NAME = "access_key_of_a_user"
RULE: dict[str, Any] = {
    "title": "Somebody created an access key for an IAM user",
    "id": "7f0b3c55-0f0e-4a7c-8a77-2a5b1f3c9d10",
    "status": "test",
    "description": "An IAM user of the account has a new access key.",
    "level": "low",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {
        "created": {
            "eventSource|cased": "iam.amazonaws.com",
            "eventName|cased": "CreateAccessKey",
        },
        "refused": {"errorCode|exists": True},
        "condition": "created and not refused",
    },
}
FOUND = {
    "evaluated_by": ["metric_filter", "importer"],
    "types": ["TTPs/Persistence"],
    "next_steps": ["Ask the user."],
}
ALARM = "aws_cloudwatch_metric_alarm"
MATCH = {"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey"}


class Project:
    """A copy of the project whose catalog may be changed."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.output = folder / "cdktf.out"
        copy_app(self.root)

    def add(self, rule: dict[str, Any]) -> None:
        folder = self.root / "detections" / NAME
        folder.mkdir(parents=True)
        (folder / "rule.yml").write_text(yaml.safe_dump(rule), "utf-8")
        samples = {
            "base": MATCH,
            "cases": {"created": {"expect": "match", "why": "The call creates an access key."}},
        }
        (folder / "samples.yml").write_text(yaml.safe_dump(samples), "utf-8")

    def synthesize(self) -> subprocess.CompletedProcess[str]:
        path = self.root / "config" / "minimal.yaml"
        return run_app(self.root, path, self.output, self.root)

    def stack(self) -> Stack:
        run = self.synthesize()
        assert run.returncode == 0, run.stderr
        return read_stack(self.output / "stacks" / "detection")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_folder_is_all_that_a_metric_filter_and_an_alarm_take(project: Project) -> None:
    project.add(RULE)
    stack = project.stack()
    alarm = stack.only(ALARM, metric_name=NAME)
    metric_filter = stack.only(
        "aws_cloudwatch_log_metric_filter", name="rootwatch-access-key-of-a-user"
    )
    pattern = filter_pattern.parse(metric_filter["pattern"])
    [topic] = alarm["alarm_actions"]

    assert pattern.matches(json.dumps(MATCH))
    assert not pattern.matches(json.dumps(MATCH | {"errorCode": "AccessDenied"}))
    assert metric_filter["metric_transformation"]["name"] == NAME
    assert stack.follow(topic, "arn")["name"] == "rootwatch-low-priority"
    assert f"{NAME}_alarm_arn" in stack.outputs()
    assert NAME not in imported(stack)


def test_findings_take_one_word_more(project: Project) -> None:
    project.add(RULE | {"rootwatch": FOUND})
    stack = project.stack()
    subscription = stack.only("aws_cloudwatch_log_subscription_filter")

    assert stack.only(ALARM, metric_name=NAME)
    assert NAME in imported(stack)
    assert filter_pattern.parse(subscription["filter_pattern"]).matches(json.dumps(MATCH))


def test_a_rule_for_the_importer_alone_gets_no_metric_filter(project: Project) -> None:
    project.add(RULE | {"rootwatch": FOUND | {"evaluated_by": ["importer"]}})
    stack = project.stack()

    assert NAME in imported(stack)
    assert f"{NAME}_alarm_arn" not in stack.outputs()
    assert NAME not in {alarm["metric_name"] for alarm in stack.resources(ALARM)}


def test_what_a_filter_pattern_cannot_say_ends_the_synth_with_rule_field_and_reason(
    project: Project,
) -> None:
    matching = {"userAgent|re": "(curl|wget)"}
    project.add(RULE | {"detection": {"matching": matching, "condition": "matching"}})
    run = project.synthesize()

    assert run.returncode == 2
    assert f"detection {NAME}: userAgent: " in run.stderr
    assert "Traceback" not in run.stderr
    assert not project.output.exists()


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        (
            {"packs": ["cis_aws_foundation"]},
            "detections.packs: there is no cis_aws_foundation; did you mean cis_aws_foundations?",
        ),
        (
            {"overrides": {"root_activty": {"enabled": False}}},
            "detections.overrides: there is no root_activty; did you mean root_activity?",
        ),
    ],
)
def test_a_pack_or_detection_that_there_is_not_ends_the_synth(
    project: Project, detections: dict[str, Any], message: str
) -> None:
    path = project.root / "config" / "minimal.yaml"
    config = yaml.safe_load(path.read_text("utf-8")) | {"detections": detections}
    path.write_text(yaml.safe_dump(config), "utf-8")
    run = project.synthesize()

    assert run.returncode == 2
    assert run.stderr.strip() == message
    assert not project.output.exists()


def imported(stack: Stack) -> set[str]:
    """The names of the detections in the importer's zip."""
    archive = stack.folder / str(stack.only("aws_lambda_function")["filename"])
    with ZipFile(archive) as opened:
        entries = json.loads(opened.read("finding_importer/detections.json"))
    return {entry["name"] for entry in entries}

"""A new detection needs only a folder with a rule."""

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from compiler import catalog, selection
from config.loader import load
from sandbox.logs import filter_pattern
from stacks import app
from tests.synth.conftest import ROOT
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


class Catalog:
    """A copy of the detections with one more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "detections"
        self.output = folder / "cdktf.out"
        shutil.copytree(catalog.CATALOG, self.folder)

    def add(self, rule: dict[str, Any]) -> None:
        (self.folder / NAME).mkdir()
        (self.folder / NAME / "rule.yml").write_text(yaml.safe_dump(rule), "utf-8")
        samples = {
            "base": MATCH,
            "cases": {"created": {"expect": "match", "why": "The call creates an access key."}},
        }
        (self.folder / NAME / "samples.yml").write_text(yaml.safe_dump(samples), "utf-8")

    def synthesize(self) -> Stack:
        settings = load(ROOT / "config" / "minimal.yaml")
        app.synthesize(settings, selection.enabled(settings, self.folder), self.output)
        return read_stack(self.output / "stacks" / "detection")


@pytest.fixture
def changed(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path)


def test_a_rule_alone_gets_a_metric_filter_and_an_alarm(changed: Catalog) -> None:
    changed.add(RULE)
    stack = changed.synthesize()
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


def test_a_rule_for_the_importer_is_in_its_package_and_in_the_subscription(
    changed: Catalog,
) -> None:
    changed.add(RULE | {"rootwatch": FOUND})
    stack = changed.synthesize()
    subscription = stack.only("aws_cloudwatch_log_subscription_filter")

    assert stack.only(ALARM, metric_name=NAME)
    assert NAME in imported(stack)
    assert filter_pattern.parse(subscription["filter_pattern"]).matches(json.dumps(MATCH))


def test_a_rule_for_the_importer_alone_gets_no_metric_filter(changed: Catalog) -> None:
    changed.add(RULE | {"rootwatch": FOUND | {"evaluated_by": ["importer"]}})
    stack = changed.synthesize()

    assert NAME in imported(stack)
    assert f"{NAME}_alarm_arn" not in stack.outputs()
    assert NAME not in {alarm["metric_name"] for alarm in stack.resources(ALARM)}


def imported(stack: Stack) -> set[str]:
    """The names of the detections in the importer's zip file."""
    archive = stack.folder / str(stack.only("aws_lambda_function")["filename"])
    with ZipFile(archive) as opened:
        entries = json.loads(opened.read("finding_importer/detections.json"))
    return {entry["name"] for entry in entries}

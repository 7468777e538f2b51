"""Names stay within the limits of AWS, with the longest prefix and the longest detection name."""

from dataclasses import replace
from pathlib import Path

import pytest

import config
from config.loader import load
from config.validation import schema
from modules.naming import Names

FOLDER = Path(config.__file__).parent
LONGEST_PREFIX = "a" * schema()["properties"]["name_prefix"]["maxLength"]
LONGEST_DETECTION = "d" * 100
# Maximum characters.
LIMITS = {
    "dead_letter_alarm": 255,
    "dead_letter_queue": 80,
    "event_bus": 256,
    "event_role": 64,
    "event_rule": 64,
    "event_rule_failures_alarm": 255,
    "event_rule_lost_events_alarm": 255,
    "idempotency_table": 255,
    "importer": 64,
    "importer_backlog_alarm": 255,
    "importer_errors_alarm": 255,
    "importer_log_group": 512,
    "importer_queue": 80,
    "importer_role": 64,
    "importer_throttles_alarm": 255,
    "insight": 128,
    "lost_events_alarm": 255,
    "member_role": 64,
    "member_stack_set": 128,
    "metric_namespace": 255,
    "security_hub_policy": 128,
    "alerts_key_alias": 256,
    "trail_key_alias": 256,
    "trail_log_role": 64,
    "trail_silence_alarm": 255,
}
OF_THE_TRAIL = {"trail", "trail_bucket", "trail_log_group"}  # limited by the schema or below


@pytest.fixture
def names() -> Names:
    return Names(replace(load(FOLDER / "minimal.yaml"), name_prefix=LONGEST_PREFIX))


def test_every_name_of_a_resource_has_the_prefix_and_an_accepted_length(names: Names) -> None:
    properties = [name for name, one in vars(Names).items() if isinstance(one, property)]
    named = {name for name in properties if "_arn" not in name} - OF_THE_TRAIL

    assert named == LIMITS.keys()
    for name, limit in LIMITS.items():
        value = getattr(names, name)
        assert LONGEST_PREFIX in value
        assert len(value) <= limit, name


def test_every_name_of_a_detections_resource_has_an_accepted_length(names: Names) -> None:
    assert len(names.alarm(LONGEST_DETECTION)) <= 255
    assert len(names.metric_filter(LONGEST_DETECTION)) <= 512
    assert len(names.topic("high")) <= 256


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-3", "us-gov-west-1"])
def test_the_names_of_the_own_trail_have_an_accepted_length(tmp_path: Path, region: str) -> None:
    text = (FOLDER / "minimal.yaml").read_text("utf-8").replace("us-east-1", region)
    partition = "aws-us-gov" if "gov" in region else "aws"
    path = tmp_path / "rootwatch.yaml"
    path.write_text(f"{text}partition: {partition}\nname_prefix: {LONGEST_PREFIX}\n", "utf-8")
    names = Names(load(path))

    assert len(names.trail) <= 128
    assert len(names.trail_bucket) <= 63
    assert len(names.trail_log_group) <= 512

"""Valid configurations become `Settings`, others one error with all problems."""

import copy
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import config
from config.errors import ConfigError
from config.loader import parse
from config.settings import DetectionOverride, S3State, Settings
from config.validation import schema
from sandbox.security_hub.aggregation import OPT_IN_REGIONS

FOLDER = Path(config.__file__).parent
FILE = Path("config/rootwatch.yaml")
COMPLETE: dict[str, Any] = yaml.safe_load((FOLDER / "complete.yaml").read_text("utf-8"))
COMPLETE["organization"]["excluded_accounts"] = ["444444444444"]  # an item to replace
MINIMAL: dict[str, Any] = yaml.safe_load((FOLDER / "minimal.yaml").read_text("utf-8"))
S3 = {"backend": "s3", "bucket": "example-state", "region": "us-east-1"}
KEY = "arn:aws:kms:us-east-1:111111111111:key/"
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_GROUP_DAYS = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip

# Invalid values by key path.
BAD: dict[str, list[Any]] = {
    "partition": ["aws-eu", "AWS", None, 1],
    "home_region": [
        "us-eats-1",
        "us-east",
        "us-gov-west-1",
        "cn-north-1",
        "eu-south-1",
        "moon",
        "",
        1,
        None,
    ],
    "organization.id": [
        "exampleorgid",
        "o-short",
        "o-" + "a" * 9,
        "o-" + "a" * 33,
        "o-UPPERCASEID",
        "o-exampleorgid\n",
        5,
    ],
    "organization.targets": [
        [],
        "r-exam",
        ["r-exam", "r-exam"],
        ["r-exam", "ou-exam-12345678"],
        ["r-exam", "r-2222"],
        None,
    ],
    "organization.targets[0]": [
        "exam",
        "r-abc",
        "r-" + "a" * 33,
        "ou-exam-" + "a" * 33,
        "ou-abc-12345678",
        "ou-" + "a" * 33 + "-12345678",
        "ou-exam",
        "ou-exam-1234567",
        "o-exampleorgid",
        4,
    ],
    "organization.excluded_accounts": [
        "444444444444",
        ["444444444444", "444444444444"],
        [f"{number:012}" for number in range(51)],
        None,
    ],
    "organization.excluded_accounts[0]": [
        444444444444,
        "4444",
        "4444444444444",
        "444444444444444444444444",
        "111111111111",
        None,
    ],
    "accounts.management": [111111111111, "11111111111", "1111111111111", "1111-1111-1111", None],
    "accounts.log_archive": [
        0o11111111111,
        "22222222222a",
        "222222222222\n",
        "2222222222222",
        "222222222222222222222222",
        "٢٢٢٢٢٢٢٢٢٢٢٢",
    ],
    "accounts.security": [
        "",
        " 333333333333",
        "3333333333333",
        "0333333333333",
        ["333333333333"],
        True,
    ],
    "deployment_role": ["arn:aws:iam::111111111111:role/Deploy", "a b", "", "r" * 65, 7],
    "notifications": ["security@example.com", ["security@example.com"], None],
    "notifications.emails": [[], "security@example.com", ["a@example.com", "a@example.com"]],
    "notifications.emails[1]": [
        "nobody",
        "a@b",
        "a b@example.com",
        "mailto:a@example.com",
        "a" * 250 + "@b.cc",
        True,
    ],
    "notifications.low_priority_emails": ["a@example.com", ["a@b.cc", "a@b.cc"], None],
    "notifications.low_priority_emails[0]": ["nobody", "a@b"],
    "notifications.runbook_base_url": [
        "http://example.com",
        "detections",
        "https://",
        "https://example.com/a b",
        "",
        "https://example.com/a\n",
        "https://example.com/" + "a" * 200,
        1,
        None,
    ],
    "detections": [["cis_aws_foundations"], None],
    "detections.packs": ["cis_aws_foundations", ["a", "a"], None],
    "detections.packs[0]": ["CIS", "cis-aws", "", "a" * 101, 1],
    "detections.overrides": [["root_activity"], None],
    "detections.overrides.assumed_root_session": [{}, True, None],
    "detections.overrides.assumed_root_session.severity": ["LOW"],
    "detections.overrides.assumed_root_session.level": ["LOW", "urgent", 1, None],
    "detections.overrides.assumed_root_session.priority": ["medium", True],
    "detections.overrides.assumed_root_session.enabled": ["no", 0],
    "name_prefix": ["Rootwatch", "1root", "ab", "a" * 21, "root-", "ro--ot", "sthree-a", "ro_ot"],
    "tags": [["team"], "team", {f"key-{n}": "" for n in range(41)}],
    "tags.team": [1, True, None, "a" * 257, "a;b", "two\nlines", "🔒", "a\u2013b", "e\u0301"],
    "protect": ["true", 1, None],
    "trail": [False, None],
    "trail.managed": ["true", 0, None],
    "trail.log_group": ["belongs to managed: false"],
    "stack_set": [True, None],
    "stack_set.retain_stacks_on_account_removal": ["no", 0, None],
    "stack_set.failure_tolerance_percentage": [-1, 101, 0.5, "10", True, None],
    "stack_set.max_concurrent_percentage": [0, 101, 0.5, "10", True, None],
    "retention": [365, None],
    "retention.log_group_days": [0, 2, 366, "365", True, None],
    "retention.bucket_days": [89, 36501, 90.5, "3650", True, None],
    "security_hub": [True, None],
    "security_hub.managed": ["true", 1, None],
    "security_hub.configuration": ["CENTRAL", "auto", True, None],
    "security_hub.linked_regions": ["ALL", "eu-west-1", [], ["eu-west-1", "eu-west-1"], None],
    "security_hub.linked_regions[0]": ["us-eats-1", "us-east-1", "cn-north-1", 1, None],
    "state": ["local", None],
    "state.backend": ["S3", "remote", None],
    "state.bucket": ["bucket-without-s3"],
}
BAD_S3: dict[str, list[Any]] = {
    "bucket": ["ab", "Upper", "-first", "last-", "under_score", "a" * 64],
    "region": ["us-eats-1", "cn-north-1"],
    "key_prefix": ["/first", "last/", "a//b", "", "a" * 201],
    "kms_key_id": [
        "terraform-state",
        KEY + "nonsense",
        "arn:aws:iam::111111111111:role/x",
        "",
        "alias/" + "a" * 395,
    ],
    "encrypt": [False],
    "use_lockfile": [False],
}

EXISTING_TRAIL = {
    "managed": False,
    "name": "aws-controltower-BaselineCloudTrail",
    "log_group": "aws-controltower/CloudTrailLogs",
    "bucket": "aws-controltower-logs-222222222222-us-east-1",
}
BAD_EXISTING_TRAIL: dict[str, list[Any]] = {
    "name": [
        "arn:aws:cloudtrail:us-east-1:111111111111:trail/a",
        "ab",
        "last-",
        "-first",
        "a" * 129,
        1,
    ],
    "log_group": ["arn:aws:logs:us-east-1:333333333333:log-group:a:*", "", "a b", "a" * 513, None],
    "bucket": ["ab", "Upper", "-first", "last-", "under_score", "a" * 64, None],
    "role": ["arn:aws:iam::333333333333:role/x"],
}


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with these values at the key paths, parents first."""
    result = copy.deepcopy(document)
    for key, value in sorted(changes.items()):
        *parents, last = [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", key)]
        place: Any = result
        for part in parents:
            place = place[part]
        place[last] = value
    return result


def settings(document: dict[str, Any]) -> Settings:
    return parse(yaml.safe_dump(document, allow_unicode=True), FILE)


def failure(document: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings(document)
    return caught.value


def outcome(document: dict[str, Any]) -> Settings | ConfigError:
    try:
        return settings(document)
    except ConfigError as error:
        return error


def keys(error: ConfigError) -> list[str]:
    return [problem.key for problem in error.problems]


def test_s3_state_needs_only_bucket_and_region() -> None:
    state = settings(MINIMAL | {"state": S3}).state

    assert state == S3State(
        bucket="example-state", region="us-east-1", key_prefix="rootwatch", kms_key_id=None
    )


GOOD: dict[str, list[Any]] = {
    "partition": ["aws"],
    "organization.id": ["o-" + "a" * 10, "o-" + "9" * 32],
    "organization.targets": [
        ["r-2345"],
        ["r-" + "a" * 32],
        ["ou-exam-12345678", "ou-exam-87654321"],
        ["ou-" + "a" * 32 + "-" + "b" * 32],
    ],
    "organization.excluded_accounts": [[], [f"{number:012}" for number in range(50)]],
    "accounts.security": ["222222222222", "000000000000"],
    "home_region": ["ap-northeast-3", "eu-north-1", "sa-east-1"],
    "name_prefix": ["abc", "a" * 20, "root-watch-2", "sthreefold"],
    "deployment_role": ["AWSControlTowerExecution", "a+b=c,d.e@f-g_h", "r", "r" * 64],
    "tags": [
        {},
        {"on": "", "2024-01-01": "a:b/c=d+e-f@g h"},
        {f"key-{number}": "" for number in range(40)},
        {"k" * 128: "v" * 256},
        {"équipe": "sécurité", "チーム": "警備 ①", "команда": "\u043f\u00a0\u0436"},
    ],
    "retention": [
        {},
        *({"log_group_days": days} for days in LOG_GROUP_DAYS),
        {"bucket_days": 90},
        {"bucket_days": 36500},
    ],
    "stack_set": [
        {"failure_tolerance_percentage": 0, "max_concurrent_percentage": 1},
        {"failure_tolerance_percentage": 100, "max_concurrent_percentage": 100},
        {"retain_stacks_on_account_removal": True},
    ],
    "notifications.emails": [["a@b.cc"], ["a" * (254 - len("@b.cc")) + "@b.cc"]],
    "notifications.low_priority_emails": [[], ["later@example.com"]],
    "notifications.runbook_base_url": [
        "https://example.com",
        "https://example.com:8443/a/",
        "https://example.com/" + "a" * (200 - len("https://example.com/")),
    ],
    "detections": [
        {},
        {"packs": ["of_ours"]},
        {"packs": ["a", "b" + "0" * 99]},
        {"overrides": {"one": {"enabled": False}, "t" * 100: {"priority": "low"}}},
        *(
            {"overrides": {"root_activity": {"level": level, "priority": "high"}}}
            for level in ("informational", "low", "medium", "high", "critical")
        ),
    ],
    "trail": [
        {"managed": True},
        {"managed": False, "name": "abc", "log_group": "g", "bucket": "a.b"},
        {"managed": False, "name": "a" * 128, "log_group": "g" * 512, "bucket": "b" * 63},
    ],
    "security_hub": [
        {"managed": True, "configuration": "central", "linked_regions": ["eu-west-1"]},
        {"managed": True, "configuration": "local", "linked_regions": "all"},
        {"managed": False},
    ],
    "state": [
        {"backend": "local"},
        S3 | {"kms_key_id": KEY + "mrk-" + "0a" * 16},
        S3 | {"kms_key_id": KEY + "01234567-89ab-cdef-0123-456789abcdef"},
        S3 | {"kms_key_id": "alias/" + "a" * (400 - len("alias/"))},
        S3 | {"kms_key_id": "arn:aws:kms:us-east-1:111111111111:alias/state"},
        S3 | {"key_prefix": "a/b.c"},
        S3 | {"key_prefix": "a" * 200},
        S3 | {"bucket": "abc"},
        S3 | {"bucket": "a" * 63},
    ],
}


@pytest.mark.parametrize("key", GOOD)
def test_a_valid_value_is_accepted(key: str) -> None:
    for value in GOOD[key]:
        assert isinstance(settings(changed(MINIMAL, {key: value})), Settings), value


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "eu-central-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-northwest-1")],
)
def test_a_region_belongs_to_one_partition(partition: str, region: str) -> None:
    others = {"aws", "aws-us-gov", "aws-cn"} - {partition}
    document = MINIMAL | {"home_region": region, "state": S3 | {"region": region}}

    assert settings(document | {"partition": partition}).home_region == region
    for other in others:
        error = failure(document | {"partition": other})
        assert sorted(keys(error)) == ["home_region", "state.region"]
        assert f"a Region of the partition {other}" in error.problems[0].expected


@pytest.mark.parametrize("key", BAD)
def test_a_bad_value_is_the_one_problem_at_its_key(key: str) -> None:
    for value in BAD[key]:
        assert keys(failure(changed(COMPLETE, {key: value}))) == [key], value


@pytest.mark.parametrize("key", BAD_S3)
def test_a_bad_value_of_s3_state_is_the_one_problem_at_its_key(key: str) -> None:
    for value in BAD_S3[key]:
        error = failure(MINIMAL | {"state": S3 | {key: value}})
        assert keys(error) == [f"state.{key}"], value


@pytest.mark.parametrize("key", BAD_EXISTING_TRAIL)
def test_a_bad_value_of_an_existing_trail_is_the_one_problem_at_its_key(key: str) -> None:
    for value in BAD_EXISTING_TRAIL[key]:
        error = failure(COMPLETE | {"trail": {**EXISTING_TRAIL, key: value}})
        assert keys(error) == [f"trail.{key}"], value


@pytest.mark.parametrize("missing", ["name", "log_group", "bucket"])
def test_an_existing_trail_requires_all_of_its_names(missing: str) -> None:
    trail = {key: value for key, value in EXISTING_TRAIL.items() if key != missing}

    assert keys(failure(COMPLETE | {"trail": trail})) == [f"trail.{missing}"]


def test_an_unmanaged_security_hub_has_no_other_keys() -> None:
    hub = {"managed": False, "configuration": "local", "linked_regions": "none"}
    error = failure(COMPLETE | {"security_hub": hub})

    assert keys(error) == ["security_hub.configuration", "security_hub.linked_regions"]
    assert "require managed: true" in str(error)


NOT_YET = "sa-west-1"  # announced; AWS disables new Regions by default
REGIONS_OF_AWS = {*boto3.Session().get_available_regions("securityhub"), NOT_YET}


@pytest.mark.parametrize("region", sorted(REGIONS_OF_AWS))
def test_a_managed_security_hub_requires_a_home_region_enabled_by_default(
    region: str,
) -> None:
    result = outcome(MINIMAL | {"home_region": region})
    found = result.problems if isinstance(result, ConfigError) else ()
    unmanaged = settings(MINIMAL | {"home_region": region, "security_hub": {"managed": False}})

    is_refused = region in {*OPT_IN_REGIONS, NOT_YET}
    assert [(one.key, one.value) for one in found] == [("home_region", region)] * is_refused
    assert all("enabled by default" in one.expected for one in found)
    assert all("security_hub.managed: false" in one.expected for one in found)
    assert unmanaged.home_region == region


def test_a_region_of_another_partition_has_one_problem() -> None:
    [problem] = failure(MINIMAL | {"partition": "aws-us-gov", "home_region": "eu-south-1"}).problems

    assert problem.expected.startswith("a Region of the partition aws-us-gov")


@pytest.mark.parametrize("linked", ["all", "none", ["eu-west-1"], ["eu-south-1"]])
def test_linked_regions_are_all_none_or_a_list(linked: Any) -> None:
    document = changed(COMPLETE, {"security_hub.linked_regions": linked})
    expected = tuple(linked) if isinstance(linked, list) else linked

    assert settings(document).security_hub.linked_regions == expected


def test_the_main_detection_cannot_be_disabled() -> None:
    name = "root_console_login_without_mfa"
    [problem] = failure(
        MINIMAL | {"detections": {"overrides": {name: {"enabled": False}}}}
    ).problems
    changed_level = settings(MINIMAL | {"detections": {"overrides": {name: {"level": "high"}}}})

    assert problem.key == f"detections.overrides.{name}.enabled"
    assert "cannot be disabled" in problem.expected
    assert changed_level.detections.overrides == (
        DetectionOverride(detection=name, enabled=True, level="high", priority=None),
    )


def test_a_malformed_name_of_a_detection_is_a_problem() -> None:
    [problem] = failure(
        MINIMAL | {"detections": {"overrides": {"Root activity": {"enabled": False}}}}
    ).problems

    assert problem.value == 'the key "Root activity"'


def test_low_priority_has_the_same_addresses_by_default() -> None:
    emails = {"emails": ["a@example.com"]}
    same = settings(MINIMAL | {"notifications": emails})
    none = settings(MINIMAL | {"notifications": emails | {"low_priority_emails": []}})

    assert same.notifications.low_priority_emails == ("a@example.com",)
    assert none.notifications.low_priority_emails == ()


@pytest.mark.parametrize(
    "key",
    ["aws:team", "AWS:team", "a;b", "", "k" * 129, "two\nlines", "🔒", "project", "rootwatch:x"],
)
def test_a_bad_tag_key_is_a_problem_of_the_key(key: str) -> None:
    [problem] = failure(COMPLETE | {"tags": {key: "value"}}).problems

    assert problem.key.startswith("tags")
    assert (problem.value or "").startswith("the key ")


@pytest.mark.parametrize("key", ["project", "Project", "PROJECT"])
def test_the_tag_project_belongs_to_rootwatch(key: str) -> None:
    [problem] = failure(MINIMAL | {"tags": {key: "x"}}).problems

    assert problem.key == f"tags.{key}"
    assert problem.value == f'the key "{key}"'
    assert problem.expected == (
        "another key than project, which Rootwatch adds itself, because AWS compares tag keys"
        " without case"
    )


@pytest.mark.parametrize("key", ["rootwatch:deployment", "Rootwatch:Deployment", "rootwatch:x"])
def test_a_tag_cannot_claim_another_deployment(key: str) -> None:
    [problem] = failure(MINIMAL | {"tags": {key: "x"}}).problems

    assert "without the prefix rootwatch:" in problem.expected


def test_tag_keys_that_differ_only_in_case_are_named() -> None:
    tags = {"Team": "x", "team": "y", "cost": "z", "TEAM": "w"}
    text = yaml.safe_dump(MINIMAL | {"tags": tags}, sort_keys=False)
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)

    expected = "only one of the keys Team and {}, because AWS compares tag keys without case"
    assert [(one.key, one.expected) for one in caught.value.problems] == [
        (f"tags.{key}", expected.format(key)) for key in ("team", "TEAM")
    ]


def test_resources_have_the_tags_of_the_configuration_and_of_the_deployment() -> None:
    loaded = settings(MINIMAL | {"tags": {"team": "x"}})

    assert loaded.all_tags == {
        "team": "x",
        "project": "rootwatch",
        "rootwatch:deployment": "o-exampleorgid/rootwatch",
    }


LEAVES = sorted(
    key for key in BAD if key not in {"state.bucket", "tags", "retention", "security_hub", "state"}
)
LEAVES = [
    key for key in LEAVES if not any(other.startswith((f"{key}.", f"{key}[")) for other in BAD)
]


@given(st.sets(st.sampled_from(LEAVES), min_size=1))
def test_one_error_has_all_problems(broken: set[str]) -> None:
    error = failure(changed(COMPLETE, {key: BAD[key][0] for key in broken}))

    assert set(keys(error)) == broken
    assert [problem.line for problem in error.problems] == sorted(p.line for p in error.problems)
    assert str(error).splitlines()[1:] == [f"  {problem}" for problem in error.problems]


MISSING: dict[tuple[str, ...], str] = {
    ("home_region",): "the name of an AWS Region, for example us-east-1",
    ("organization",): "a mapping with the keys id, targets, excluded_accounts",
    (
        "organization",
        "id",
    ): "o- and 10 to 32 lowercase letters or digits, for example o-exampleorgid",
    ("organization", "targets"): (
        "a list of at least one unique ID of a root or an organizational unit"
    ),
    ("accounts",): "a mapping with the keys management, log_archive, security",
    ("accounts", "management"): '12 digits in quotes, for example "111111111111"',
    ("accounts", "log_archive"): '12 digits in quotes, for example "111111111111"',
    ("accounts", "security"): '12 digits in quotes, for example "111111111111"',
    ("security_hub",): "a mapping with the key managed",
    ("security_hub", "managed"): "true or false",
    ("notifications",): "a mapping with the keys emails, low_priority_emails, runbook_base_url",
    ("notifications", "emails"): "a list of at least one unique email address",
}


def required_keys() -> Iterator[tuple[str, ...]]:
    for key in schema()["required"]:
        yield (key,)
        yield from ((key, name) for name in schema()["properties"][key].get("required", ()))


@pytest.mark.parametrize("path", list(required_keys()), ids=".".join)
def test_a_missing_key_is_a_problem_with_the_expected_value(path: tuple[str, ...]) -> None:
    document = copy.deepcopy(MINIMAL)
    del (document[path[0]] if path[1:] else document)[path[-1]]
    [problem] = failure(document).problems

    assert (problem.key, problem.value) == (".".join(path), None)
    assert str(problem) == f"{problem.key} (line {problem.line}): missing, expected {MISSING[path]}"


@pytest.mark.parametrize(
    "place",
    [
        "",
        "organization",
        "accounts",
        "notifications",
        "trail",
        "stack_set",
        "retention",
        "security_hub",
        "state",
    ],
)
def test_an_unknown_key_is_a_problem_in_every_mapping(place: str) -> None:
    key = f"{place}.surprise".removeprefix(".")

    assert keys(failure(changed(COMPLETE, {key: 1}))) == [key]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(LEAVES), JSON, max_size=4))
def test_any_value_gives_settings_or_a_config_error(
    changes: dict[str, Any],
) -> None:
    result = outcome(changed(COMPLETE, changes))
    found = keys(result) if isinstance(result, ConfigError) else []

    assert isinstance(result, Settings) or found
    # `managed` decides which other keys its section can have.
    sections = {key.removesuffix("managed") for key in changes}
    assert all(key.startswith(tuple(sections)) for key in found)


def test_the_order_of_keys_does_not_change_the_settings() -> None:
    backwards = dict(reversed(COMPLETE.items())) | {
        "tags": dict(reversed(COMPLETE["tags"].items()))
    }
    text = yaml.safe_dump(backwards, sort_keys=False)

    assert parse(text, FILE) == settings(COMPLETE)
    assert hash(parse(text, FILE)) == hash(settings(COMPLETE))


def test_settings_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings(MINIMAL).home_region = "eu-west-1"  # type: ignore[misc]  # The error is the point.

"""Good configs become `Settings`; bad ones one error with every problem, place and remedy."""

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
from config.settings import Override, S3State, Settings
from config.validation import schema
from sandbox.security_hub.aggregation import OPT_IN_REGIONS

FOLDER = Path(config.__file__).parent
FILE = Path("config/rootwatch.yaml")
COMPLETE: dict[str, Any] = yaml.safe_load((FOLDER / "complete.yaml").read_text("utf-8"))
COMPLETE["organization"]["excluded_accounts"] = ["444444444444"]  # one to be spoiled
MINIMAL: dict[str, Any] = yaml.safe_load((FOLDER / "minimal.yaml").read_text("utf-8"))
S3 = {"backend": "s3", "bucket": "example-state", "region": "us-east-1"}
KEY = "arn:aws:kms:us-east-1:111111111111:key/"

# A key path and the values that must be refused there. A new line here is a new test.
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
    "organization.id": ["exampleorgid", "o-short", "o-UPPERCASEID", "o-exampleorgid\n", 5],
    "organization.targets": [
        [],
        "r-exam",
        ["r-exam", "r-exam"],
        ["r-exam", "ou-exam-12345678"],
        ["r-exam", "r-2222"],
        None,
    ],
    "organization.targets[0]": ["exam", "r-abc", "ou-exam", "ou-exam-1234567", "o-exampleorgid", 4],
    "organization.excluded_accounts": [
        "444444444444",
        ["444444444444", "444444444444"],
        [f"{number:012}" for number in range(51)],
        None,
    ],
    "organization.excluded_accounts[0]": [444444444444, "4444", "111111111111", None],
    "accounts.management": [111111111111, "11111111111", "1111111111111", "1111-1111-1111", None],
    "accounts.log_archive": [0o11111111111, "22222222222a", "222222222222\n", "٢٢٢٢٢٢٢٢٢٢٢٢"],
    "accounts.security": ["", " 333333333333", ["333333333333"], True],
    "deployment_role": ["arn:aws:iam::111111111111:role/Deploy", "a b", "", "r" * 65, 7],
    "notifications": ["security@example.com", ["security@example.com"], None],
    "notifications.emails": [[], "security@example.com", ["a@example.com", "a@example.com"]],
    "notifications.emails[1]": ["nobody", "a@b", "a b@example.com", "mailto:a@example.com", True],
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
    "detections.packs[0]": ["CIS", "cis-aws", "", 1],
    "detections.overrides": [["root_activity"], None],
    "detections.overrides.assumed_root_session": [{}, True, None],
    "detections.overrides.assumed_root_session.severity": ["LOW"],
    "detections.overrides.assumed_root_session.level": ["LOW", "urgent", 1, None],
    "detections.overrides.assumed_root_session.priority": ["medium", True],
    "detections.overrides.assumed_root_session.enabled": ["no", 0],
    "name_prefix": ["Rootwatch", "1root", "ab", "a" * 21, "root-", "ro--ot", "sthree-a", "ro_ot"],
    "tags": [["team"], "team", {f"key-{n}": "" for n in range(41)}],
    "tags.team": [1, True, None, "a" * 257, "a;b", "two\nlines"],
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
    "kms_key_id": ["terraform-state", KEY + "nonsense", "arn:aws:iam::111111111111:role/x", ""],
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
    "name": ["arn:aws:cloudtrail:us-east-1:111111111111:trail/a", "ab", "-first", "a" * 129, 1],
    "log_group": ["arn:aws:logs:us-east-1:333333333333:log-group:a:*", "", "a b", "a" * 513, None],
    "bucket": ["ab", "Upper", "-first", "under_score", None],
    "role": ["arn:aws:iam::333333333333:role/x"],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    pairs = ((key, value) for key, values in table.items() for value in values)
    return [pytest.param(key, value, id=f"{key}={value!r:.40}") for key, value in pairs]


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with other values at the key paths, parents before children."""
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


@pytest.mark.parametrize(
    ("key", "value"),
    cases(
        {
            "organization.targets": [
                ["ou-exam-12345678", "ou-exam-87654321"],
                ["ou-" + "a" * 32 + "-b2345678"],
            ],
            "accounts.security": ["222222222222", "000000000000"],
            "home_region": ["ap-northeast-3", "eu-north-1", "sa-east-1"],
            "name_prefix": ["abc", "a" * 20, "root-watch-2", "sthreefold"],
            "deployment_role": ["AWSControlTowerExecution", "a+b=c,d.e@f-g_h"],
            "tags": [{}, {"on": "", "2024-01-01": "a:b/c=d+e-f@g h"}],
            "retention": [{}, {"log_group_days": 1}, {"bucket_days": 90}, {"bucket_days": 36500}],
            "notifications.low_priority_emails": [[], ["later@example.com"]],
            "detections": [{}, {"packs": ["of_ours"]}, {"overrides": {"one": {"enabled": False}}}],
            "state": [S3 | {"kms_key_id": KEY + "mrk-" + "0a" * 16}, S3 | {"key_prefix": "a/b.c"}],
        }
    ),
)
def test_a_good_value_is_taken(key: str, value: Any) -> None:
    assert isinstance(settings(changed(MINIMAL, {key: value})), Settings)


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
        assert f"a region of the partition {other}" in error.problems[0].allowed


@pytest.mark.parametrize(("key", "value"), cases(BAD))
def test_a_bad_value_is_the_one_problem_at_its_key(key: str, value: Any) -> None:
    assert keys(failure(changed(COMPLETE, {key: value}))) == [key]


@pytest.mark.parametrize(("key", "value"), cases(BAD_S3))
def test_a_bad_value_of_s3_state_is_the_one_problem_at_its_key(key: str, value: Any) -> None:
    assert keys(failure(MINIMAL | {"state": S3 | {key: value}})) == [f"state.{key}"]


@pytest.mark.parametrize(("key", "value"), cases(BAD_EXISTING_TRAIL))
def test_a_bad_value_of_an_existing_trail_is_the_one_problem_at_its_key(
    key: str, value: Any
) -> None:
    document = COMPLETE | {"trail": {**EXISTING_TRAIL, key: value}}

    assert keys(failure(document)) == [f"trail.{key}"]


@pytest.mark.parametrize("missing", ["name", "log_group", "bucket"])
def test_an_existing_trail_is_named_in_full(missing: str) -> None:
    trail = {key: value for key, value in EXISTING_TRAIL.items() if key != missing}

    assert keys(failure(COMPLETE | {"trail": trail})) == [f"trail.{missing}"]


def test_an_unmanaged_security_hub_has_no_other_keys() -> None:
    hub = {"managed": False, "configuration": "local", "linked_regions": "none"}
    error = failure(COMPLETE | {"security_hub": hub})

    assert keys(error) == ["security_hub.configuration", "security_hub.linked_regions"]
    assert "belong to managed: true" in str(error)


NOT_YET = "sa-west-1"  # AWS announced it; whatever comes is off by default
REGIONS_OF_AWS = {*boto3.Session().get_available_regions("securityhub"), NOT_YET}


@pytest.mark.parametrize("region", sorted(REGIONS_OF_AWS))
def test_where_security_hub_is_managed_home_is_on_by_default(region: str) -> None:
    result = outcome(MINIMAL | {"home_region": region})
    told = result.problems if isinstance(result, ConfigError) else ()
    unmanaged = settings(MINIMAL | {"home_region": region, "security_hub": {"managed": False}})

    is_refused = region in {*OPT_IN_REGIONS, NOT_YET}
    assert [(one.key, one.value) for one in told] == [("home_region", region)] * is_refused
    assert all("on by default" in one.allowed for one in told)
    assert all("security_hub.managed: false" in one.allowed for one in told)
    assert unmanaged.home_region == region


def test_a_region_of_another_partition_is_not_told_to_be_off_by_default() -> None:
    [problem] = failure(MINIMAL | {"partition": "aws-us-gov", "home_region": "eu-south-1"}).problems

    assert problem.allowed.startswith("a region of the partition aws-us-gov")


@pytest.mark.parametrize("linked", ["all", "none", ["eu-west-1"], ["eu-south-1"]])
def test_linked_regions_are_all_or_none_or_listed(linked: Any) -> None:
    document = changed(COMPLETE, {"security_hub.linked_regions": linked})
    expected = tuple(linked) if isinstance(linked, list) else linked

    assert settings(document).security_hub.linked_regions == expected


def test_what_rootwatch_is_for_cannot_be_switched_off() -> None:
    name = "root_console_login_without_mfa"
    [problem] = failure(
        MINIMAL | {"detections": {"overrides": {name: {"enabled": False}}}}
    ).problems
    changed_level = settings(MINIMAL | {"detections": {"overrides": {name: {"level": "high"}}}})

    assert problem.key == f"detections.overrides.{name}.enabled"
    assert "cannot be switched off" in problem.allowed
    assert changed_level.detections.overrides == (
        Override(detection=name, enabled=True, level="high", priority=None),
    )


def test_a_detections_name_is_checked_for_its_form() -> None:
    [problem] = failure(
        MINIMAL | {"detections": {"overrides": {"Root activity": {"enabled": False}}}}
    ).problems

    assert problem.value == 'the key "Root activity"'


def test_low_priority_goes_to_the_same_addresses_unless_others_are_named() -> None:
    emails = {"emails": ["a@example.com"]}
    same = settings(MINIMAL | {"notifications": emails})
    nobody = settings(MINIMAL | {"notifications": emails | {"low_priority_emails": []}})

    assert same.notifications.low_priority_emails == ("a@example.com",)
    assert nobody.notifications.low_priority_emails == ()


@pytest.mark.parametrize("key", ["aws:team", "AWS:team", "a;b", "", "k" * 129, "two\nlines"])
def test_a_bad_tag_key_is_named(key: str) -> None:
    [problem] = failure(COMPLETE | {"tags": {key: "value"}}).problems

    assert problem.key.startswith("tags")
    assert (problem.value or "").startswith("the key ")


LEAVES = sorted(
    key for key in BAD if key not in {"state.bucket", "tags", "retention", "security_hub", "state"}
)
LEAVES = [
    key for key in LEAVES if not any(other.startswith((f"{key}.", f"{key}[")) for other in BAD)
]


@given(st.sets(st.sampled_from(LEAVES), min_size=1))
def test_all_problems_are_told_at_once(broken: set[str]) -> None:
    error = failure(changed(COMPLETE, {key: BAD[key][0] for key in broken}))

    assert set(keys(error)) == broken
    assert [problem.line for problem in error.problems] == sorted(p.line for p in error.problems)
    assert str(error).splitlines()[1:] == [f"  {problem}" for problem in error.problems]


def required_keys() -> Iterator[tuple[str, ...]]:
    for key in schema()["required"]:
        yield (key,)
        yield from ((key, name) for name in schema()["properties"][key].get("required", ()))


@pytest.mark.parametrize("path", list(required_keys()), ids=".".join)
def test_a_missing_key_is_named_with_what_it_is(path: tuple[str, ...]) -> None:
    document, described = copy.deepcopy(MINIMAL), schema()
    for key in path:
        described = described["properties"][key]
    del (document[path[0]] if path[1:] else document)[path[-1]]
    [problem] = failure(document).problems

    assert (problem.key, problem.value) == (".".join(path), None)
    assert problem.allowed.startswith(described["description"])


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
def test_an_unknown_key_is_refused_wherever_it_stands(place: str) -> None:
    key = f"{place}.surprise".removeprefix(".")

    assert keys(failure(changed(COMPLETE, {key: 1}))) == [key]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(LEAVES), JSON, max_size=4))
def test_whatever_stands_at_a_key_gives_settings_or_a_config_error(
    changes: dict[str, Any],
) -> None:
    result = outcome(changed(COMPLETE, changes))
    told = keys(result) if isinstance(result, ConfigError) else []

    assert isinstance(result, Settings) or told
    # `managed` says which other keys of its section there may be.
    sections = {key.removesuffix("managed") for key in changes}
    assert all(key.startswith(tuple(sections)) for key in told)


def test_equal_configs_give_equal_settings_whatever_their_order() -> None:
    backwards = dict(reversed(COMPLETE.items())) | {
        "tags": dict(reversed(COMPLETE["tags"].items()))
    }
    text = yaml.safe_dump(backwards, sort_keys=False)

    assert parse(text, FILE) == settings(COMPLETE)
    assert hash(parse(text, FILE)) == hash(settings(COMPLETE))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings(MINIMAL).home_region = "eu-west-1"  # type: ignore[misc]  # The error is the point.

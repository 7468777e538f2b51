"""Reading a `rule.yml`: the detection, or an error with the key and the reason."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler import catalog
from compiler.catalog import EXAMPLE_PLACEHOLDERS
from compiler.conditions import FieldEquals, FieldMatchesRegex, StringPattern, Wildcard
from compiler.detection import Compliance, Detection, Threshold
from compiler.errors import DetectionError
from compiler.rule_file import read_detection
from tests.unit.compiler.evaluation import RULE, write

CUSTOM = RULE["rootwatch"]
CORRELATION: dict[str, Any] = {
    "title": "Many",
    "correlation": {
        "type": "event_count",
        "rules": ["one"],
        "timespan": "5m",
        "condition": {"gte": 5},
    },
}


def read(folder: Path) -> Detection:
    return read_detection(folder, None, EXAMPLE_PLACEHOLDERS)


def event(**fields: Any) -> dict[str, Any]:
    return {"detection": {"event": fields, "condition": "event"}}


def custom(**changes: Any) -> dict[str, Any]:
    block = {key: value for key, value in {**CUSTOM, **changes}.items() if value is not None}
    return {"rootwatch": block}


def correlated(folder: Path, **changes: Any) -> Path:
    path = folder / "rule.yml"
    rule = yaml.safe_load(path.read_text("utf-8")) | {"name": "one"}
    second = {**CORRELATION, "correlation": {**CORRELATION["correlation"], **changes}}
    path.write_text(yaml.safe_dump_all([rule, second]), "utf-8")
    return folder


REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "keywords": (
        {"detection": {"event": ["DeleteTrail", "StopLogging"], "condition": "event"}},
        "detection",
        "name the field",
    ),
    "an address range": (
        event(**{"sourceIPAddress|cidr": "192.0.2.0/24"}),
        "sourceIPAddress",
        "|cidr is not supported",
    ),
    "a reference to another field": (
        event(**{"eventName|fieldref": "eventSource"}),
        "eventName",
        "|fieldref is not supported",
    ),
    "part of a time": (
        event(**{"eventTime|hour": 5}),
        "eventTime",
        "a part of a timestamp is not supported",
    ),
    "a comparison with part of a time": (
        event(**{"eventTime|hour|gt": 5}),
        "eventTime",
        "a part of a timestamp is not supported",
    ),
    "a POSIX character class": (
        event(**{"eventName|re": "^[[:alpha:]]+$"}),
        "eventName",
        "expected a regular expression in Python's syntax",
    ),
    "an empty list": (event(eventName=[]), "eventName", "an empty list"),
    "an empty step": (event(**{"a..b": "x"}), "a..b", "expected names"),
    "an array element": (
        event(**{"resources[0].type": "x"}),
        "resources[0].type",
        "expected names",
    ),
    "half of a surrogate pair": (
        event(eventName="x\ud800"),
        "rule.yml",
        "invalid Unicode character escape",
    ),
    "a condition that is a number": (
        {"detection": {**RULE["detection"], "condition": 5}},
        "detection.condition",
        "expected a string",
    ),
    "a letter with ambiguous case": (
        event(userName="Çelik"),
        "userName",
        "'Ç' is ambiguous without case",
    ),
    "an unknown placeholder": (
        event(**{"eventName|expand": "%prefix%"}),
        "eventName",
        "got placeholder %prefix%, expected one of %partition%",
    ),
    "a placeholder in a regular expression": (
        event(**{"eventName|re|expand": "%name_prefix%.*"}),
        "eventName",
        "placeholders in regular expressions",
    ),
    "an invalid regular expression": (event(**{"eventName|re": "("}), "rule.yml", "is invalid"),
    "a cased number": (event(**{"eventVersion|cased": 5}), "rule.yml", "incompatible"),
    "an unknown modifier": (event(**{"eventName|starts": "x"}), "rule.yml", "starts"),
    "two conditions": (
        {"detection": {**RULE["detection"], "condition": ["event", "not event"]}},
        "detection.condition",
        "got 2 conditions, expected exactly one",
    ),
    "a condition with an unknown search identifier": (
        {"detection": {**RULE["detection"], "condition": "event and other"}},
        "detection.condition",
        "other",
    ),
    "a deprecated count in the condition": (
        {"detection": {**RULE["detection"], "condition": "event | count() > 5"}},
        "detection.condition",
        "replaced by Sigma correlations",
    ),
    "a description that exceeds an alarm description": (
        {"description": "long " * 200},
        "description",
        "got 1007 characters in title and description, expected at most 900",
    ),
    "an unknown level": ({"level": "urgent"}, "rule.yml", "'urgent' is not a valid"),
    "no level": ({"level": None}, "level", "got nothing, expected one of informational, low"),
    "no id": ({"id": None}, "id", "got nothing, expected a UUID"),
    "an invalid UUID": ({"id": "one"}, "rule.yml", "must be an UUID"),
    "no title": ({"title": None}, "rule.yml", "must have a title"),
    "no detection": ({"detection": None}, "rule.yml", "must have a detection"),
    "another product": (
        {"logsource": {"product": "windows", "service": "security"}},
        "logsource",
        "got product windows, service security, expected product aws, service cloudtrail",
    ),
    "another service": (
        {"logsource": {"product": "aws", "service": "route53"}},
        "logsource",
        "got product aws, service route53, expected product aws, service cloudtrail",
    ),
    "no log source": ({"logsource": None}, "rule.yml", "must have a log source"),
    "a custom block that is a list": (
        {"rootwatch": ["TTPs"]},
        "rootwatch",
        'got ["TTPs"], expected a mapping',
    ),
    "an unknown key of the custom block": (
        custom(severity="HIGH"),
        "rootwatch",
        "got the key severity, expected one of evaluated_by, priority, types",
    ),
    "a type that is not a list": (
        custom(types="TTPs"),
        "rootwatch.types",
        'got "TTPs", expected a list of 1 to 50',
    ),
    "a type with an unknown namespace": (
        custom(types=["TTP/Defense Evasion"]),
        "rootwatch.types[0]",
        'got "TTP/Defense Evasion", expected namespace/category/classifier',
    ),
    "an unknown evaluator": (
        custom(evaluated_by=["lambda"]),
        "rootwatch.evaluated_by[0]",
        'got "lambda", expected metric_filter or importer',
    ),
    "an unknown priority": (
        custom(priority="urgent"),
        "rootwatch.priority",
        'got "urgent", expected high or low',
    ),
    "the importer without types": (
        custom(types=None),
        "rootwatch",
        "got no types, expected the keys types, next_steps",
    ),
    "the importer without next steps": (
        custom(next_steps=None),
        "rootwatch",
        "got no next_steps, expected the keys types, next_steps",
    ),
    "a blank next step": (
        custom(next_steps=[" "]),
        "rootwatch.next_steps[0]",
        'got " ", expected a sentence',
    ),
    "a version that is a number": (
        custom(compliance=[{"framework": "CIS", "version": 3.0, "controls": ["1.5"]}]),
        "rootwatch.compliance[0].version",
        "got 3.0, expected the version as a quoted string",
    ),
    "a pattern without braces": (
        custom(metric_filter_pattern="ERROR"),
        "rootwatch.metric_filter_pattern",
        'got "ERROR", expected a pattern in braces',
    ),
}


@pytest.mark.parametrize(("changes", "where", "reason"), REJECTED.values(), ids=REJECTED)
def test_an_invalid_rule_is_rejected(
    tmp_path: Path, changes: dict[str, Any], where: str, reason: str
) -> None:
    folder = write(tmp_path, "rejected", **changes)

    with pytest.raises(DetectionError) as rejected:
        read(folder)

    assert (rejected.value.detection, rejected.value.where) == ("rejected", where)
    assert reason in rejected.value.reason
    assert str(rejected.value) == f"detection rejected: {where}: {rejected.value.reason}"


@pytest.mark.parametrize("name", ["Upper", "with-dash", "1st", "ä", "a" * 101])
def test_an_invalid_folder_name_is_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(DetectionError, match="expected 1 to 100 of a-z, 0-9 and _, a letter first"):
        read(write(tmp_path, name))


@pytest.mark.parametrize("modifier", ["contains", "startswith"])
def test_modifiers_after_a_regular_expression_extend_it(tmp_path: Path, modifier: str) -> None:
    one = read(write(tmp_path, "one", **event(**{f"eventName|re|{modifier}": "ab"})))

    assert isinstance(one.condition, FieldMatchesRegex)
    assert re.search(one.condition.regex, "abc")
    assert not re.search(one.condition.regex, "xyz")


@pytest.mark.parametrize("text", ["- a list", "plain text", "5", "title: only"])
def test_yaml_that_is_not_a_rule_is_rejected(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path, "broken")
    (folder / "rule.yml").write_text(text, "utf-8")

    with pytest.raises(DetectionError, match=r"detection broken: rule\.yml: "):
        read(folder)


def test_invalid_yaml_is_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path, "broken")
    (folder / "rule.yml").write_text("title: [", "utf-8")

    with pytest.raises(DetectionError, match=r"detection broken: rule\.yml: "):
        read(folder)


REJECTED_CORRELATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another type": (
        {"type": "value_count", "condition": {"gte": 5, "field": "eventName"}},
        "correlation",
        "got type value_count, expected type event_count without group-by",
    ),
    "groups": (
        {"group-by": ["recipientAccountId"]},
        "correlation",
        "got type event_count with group-by, expected type event_count without group-by",
    ),
    "a maximum": (
        {"condition": {"lte": 5}},
        "correlation.condition",
        "got lte 5, expected gte or gt",
    ),
    "a count of zero": (
        {"condition": {"gte": 0}},
        "correlation.condition",
        "got gte 0, expected gte or gt with a number that requires at least one record",
    ),
    "a part of a minute": (
        {"timespan": "90s"},
        "correlation.timespan",
        "got 90s, expected whole minutes, at most 12 hours",
    ),
    "more than a day": (
        {"timespan": "2d"},
        "correlation.timespan",
        "got 2d, expected whole minutes, at most 12 hours",
    ),
    "another rule": ({"rules": ["two"]}, "rule.yml", "two"),
    "the same rule twice": (
        {"rules": ["one", "one"]},
        "correlation.rules",
        "got one, one, expected only one, the name of the rule in this file",
    ),
}


@pytest.mark.parametrize(
    ("changes", "where", "reason"), REJECTED_CORRELATIONS.values(), ids=REJECTED_CORRELATIONS
)
def test_a_correlation_that_an_alarm_cannot_count_is_rejected(
    tmp_path: Path, changes: dict[str, Any], where: str, reason: str
) -> None:
    folder = correlated(write(tmp_path, "rejected"), **changes)

    with pytest.raises(DetectionError) as rejected:
        read(folder)

    assert rejected.value.where == where
    assert reason in rejected.value.reason


@pytest.mark.parametrize(
    ("condition", "timespan", "threshold"),
    [
        ({"gte": 5}, "5m", Threshold(count=5, seconds=300)),
        ({"gt": 5}, "1h", Threshold(count=6, seconds=3600)),
        ({"gte": 1}, "60s", Threshold(count=1, seconds=60)),
    ],
)
def test_a_correlation_sets_the_threshold_of_the_alarm(
    tmp_path: Path, condition: dict[str, int], timespan: str, threshold: Threshold
) -> None:
    folder = correlated(write(tmp_path, "one"), condition=condition, timespan=timespan)

    assert read(folder).threshold == threshold


def test_a_rule_without_the_custom_block_has_a_metric_filter_with_an_alarm(tmp_path: Path) -> None:
    one = read(write(tmp_path, "one", rootwatch=None))

    assert one.evaluated_by == {"metric_filter"}
    assert one.threshold == Threshold(count=1, seconds=60)
    assert (one.types, one.next_steps, one.compliance) == ((), (), ())


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        ("informational", "low"),
        ("low", "low"),
        ("medium", "low"),
        ("high", "high"),
        ("critical", "high"),
    ],
)
def test_the_level_sets_the_severity_and_the_default_priority(
    tmp_path: Path, level: str, priority: str
) -> None:
    one = read(write(tmp_path, "one", level=level))
    other = read(write(tmp_path, "other", level=level, **custom(priority="low")))

    assert (one.severity, one.priority) == (level.upper(), priority)
    assert (other.severity, other.priority) == (level.upper(), "low")


def test_the_custom_block_is_read(tmp_path: Path) -> None:
    mapping: dict[str, Any] = {
        "framework": "CIS AWS Foundations Benchmark",
        "version": "5.0.0",
        "controls": ["1"],
    }
    one = read(write(tmp_path, "one", **custom(compliance=[mapping], priority="low")))

    assert one.compliance == (
        Compliance(framework=mapping["framework"], version="5.0.0", controls=("1",)),
    )
    assert one.types == ("TTPs/Defense Evasion",)
    assert one.next_steps == ("Ask who did it.",)
    assert one.evaluated_by == {"metric_filter", "importer"}


def test_the_title_is_the_default_description(tmp_path: Path) -> None:
    one = read(write(tmp_path, "one", title="Only a title", description=None))

    assert one.description == "Only a title"


def test_placeholders_are_replaced_with_the_values_of_the_deployment(tmp_path: Path) -> None:
    field = "requestParameters.name|expand|endswith|cased"
    folder = write(tmp_path, "one", **event(**{field: "/%name_prefix%-trail"}))
    one = read_detection(folder, None, EXAMPLE_PLACEHOLDERS | {"name_prefix": "ours"})

    assert one.condition == FieldEquals(
        "requestParameters.name", (StringPattern((Wildcard.MANY, "/ours-trail"), cased=True),)
    )


def test_the_catalog_contains_every_folder_with_a_rule_packs_last(tmp_path: Path) -> None:
    ids = iter("abcd")

    def add(folder: Path, name: str) -> None:
        write(folder, name, id=f"2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e0{next(ids)}")

    add(tmp_path, "second")
    add(tmp_path, "first")
    add(tmp_path / "a_pack", "one_of_a_pack")
    (tmp_path / "no_detection").mkdir()
    found = [(one.name, one.pack) for one in catalog.load(tmp_path)]

    assert found == [("first", None), ("second", None), ("one_of_a_pack", "a_pack")]


@pytest.mark.parametrize(
    ("second", "changes", "where"),
    [("two", {}, "id"), ("pack/one", {"id": "2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e02"}, "name")],
)
def test_duplicate_names_and_ids_are_rejected(
    tmp_path: Path, second: str, changes: dict[str, Any], where: str
) -> None:
    write(tmp_path, "one")
    write(tmp_path, second, **changes)

    with pytest.raises(DetectionError) as rejected:
        catalog.load(tmp_path)

    assert rejected.value.where == where
    assert "in two detections, expected unique values" in rejected.value.reason

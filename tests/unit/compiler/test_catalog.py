"""What every detection owes, and that its renderings say the same of every sample."""

import json
import re
import uuid
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import yaml

from compiler import catalog, cloudwatch
from compiler import predicate as importer
from compiler.detection import Detection, Sample
from docs import generate as documentation
from functions.finding_importer.matching.rules import Ruleset
from sandbox.logs.filter_pattern import parse
from tests.unit.compiler.catalogs import SHIPPED
from tests.unit.compiler.judges import (
    importer_matches,
    metric_counts,
    subscription_delivers,
)

DETECTIONS = SHIPPED
SAMPLES = [(one, sample) for one in DETECTIONS for sample in catalog.samples(one)]
IMPORTED = [one for one in DETECTIONS if "importer" in one.evaluated_by]
# The names and numbers that make the patterns as long as they can become.
LONGEST = catalog.EXAMPLE_PLACEHOLDERS | {
    "partition": "aws-us-gov",
    "home_region": "ap-southeast-1",
    "name_prefix": "a" * 20,
}
LONGEST_DETECTIONS = catalog.load(placeholders=LONGEST)
RUNBOOK = [
    "Confirm",
    "Contain",
    "Preserve",
    "Recover",
    "Close",
    "Known false positives",
    "Blind spots",
]

each_detection = pytest.mark.parametrize("one", DETECTIONS, ids=lambda one: one.name)
each_longest = pytest.mark.parametrize("one", LONGEST_DETECTIONS, ids=lambda one: one.name)
each_sample = pytest.mark.parametrize(
    ("one", "sample"), SAMPLES, ids=[f"{one.name}-{sample.name}" for one, sample in SAMPLES]
)


@each_sample
def test_the_metric_counts_what_the_sample_says(one: Detection, sample: Sample) -> None:
    assert metric_counts(one, sample.record) is sample.matches, sample.why


@each_sample
def test_the_importer_matches_what_the_sample_says(one: Detection, sample: Sample) -> None:
    assert importer_matches([one], sample.record) is sample.matches, sample.why


@each_sample
def test_the_subscription_delivers_every_matching_sample(one: Detection, sample: Sample) -> None:
    assert subscription_delivers([one], sample.record) or not sample.matches
    if one in IMPORTED:
        assert subscription_delivers(IMPORTED, sample.record) or not sample.matches


@each_detection
def test_a_prescribed_pattern_counts_what_its_rule_says(one: Detection) -> None:
    """The benchmark's words and the rule say the same, beside the samples that both are held to."""
    from_the_rule = replace(one, metric_filter_pattern=None)

    for other, sample in SAMPLES:
        if other.pack == one.pack:
            counted = metric_counts(one, sample.record)
            assert counted is metric_counts(from_the_rule, sample.record), sample.name


@each_detection
def test_has_three_samples_that_match_and_five_that_do_not(one: Detection) -> None:
    counts = Counter(sample.matches for sample in catalog.samples(one))

    assert counts[True] >= 3
    assert counts[False] >= 5


@each_detection
def test_five_samples_differ_from_a_match_in_nothing_but_the_field_that_matters(
    one: Detection,
) -> None:
    samples = catalog.samples(one)
    matching = [sample.record for sample in samples if sample.matches]
    near = [
        sample.name
        for sample in samples
        if not sample.matches
        and any(differences(sample.record, record) == 1 for record in matching)
    ]

    assert len(near) >= 5


@each_detection
def test_every_sample_says_why(one: Detection) -> None:
    assert all(sample.why.strip() for sample in catalog.samples(one))


@each_sample
def test_every_sample_is_a_whole_record(one: Detection, sample: Sample) -> None:
    owed = {"eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion"}

    assert owed <= sample.record.keys(), one.name
    assert uuid.UUID(sample.record["eventID"])
    assert re.fullmatch(r"[0-9]{12}", sample.record["recipientAccountId"])


def test_no_two_samples_are_the_same_event() -> None:
    counts = Counter(sample.record["eventID"] for _, sample in SAMPLES)

    assert [event_id for event_id, count in counts.items() if count > 1] == []


@each_detection
def test_tells_people_what_it_is_and_what_to_do_next(one: Detection) -> None:
    texts = (one.title, one.description, *one.types, *one.next_steps)

    assert one.types
    assert one.next_steps
    assert all(text.strip() for text in texts)
    assert len(one.title) <= 256  # ASFF's Title
    assert (
        len(f"{one.title} {one.description}") <= 900
    )  # an alarm's description, with what is added
    assert uuid.UUID(one.id).version == 4


@each_detection
def test_says_what_sigma_asks_of_a_rule(one: Detection) -> None:
    rule = rule_of(one)

    assert rule["status"] in {"stable", "test", "experimental"}
    assert rule["references"]
    assert all(url.startswith("https://") for url in rule["references"])
    assert rule["falsepositives"]
    assert any(re.fullmatch(r"attack\.[a-z-]+", tag) for tag in one.tags)  # a tactic
    assert any(re.fullmatch(r"attack\.t[0-9]{4}(\.[0-9]{3})?", tag) for tag in one.tags)


@each_detection
def test_says_all_that_sigma_has_no_field_for(one: Detection) -> None:
    owed = {"evaluated_by", "priority", "types", "compliance", "next_steps"}

    assert owed <= rule_of(one)["rootwatch"].keys()


@each_detection
def test_has_a_runbook_from_confirming_to_blind_spots(one: Detection) -> None:
    runbook = (one.folder / "runbook.md").read_text("utf-8")
    sections = re.split(r"^## (.+)\n", runbook, flags=re.MULTILINE)

    assert sections[0].strip() == f"# {one.title}"
    assert sections[1::2] == RUNBOOK
    assert all(text.strip() for text in sections[2::2])


@each_detection
def test_no_rule_is_written_for_one_company(one: Detection) -> None:
    """Names and numbers of a deployment come from its config, by placeholders."""
    rule = json.dumps(rule_of(one)["detection"])

    assert re.search(r"[0-9]{12}|rootwatch", rule) is None


@each_longest
def test_its_pattern_fits_into_a_metric_filter(one: Detection) -> None:
    pattern = cloudwatch.metric_pattern(one)

    assert len(pattern) <= 1024
    assert parse(pattern)


def test_one_subscription_pattern_holds_all_detections_of_the_importer() -> None:
    longest = [one for one in LONGEST_DETECTIONS if "importer" in one.evaluated_by]
    pattern = cloudwatch.subscription_pattern(longest)

    assert 0 < len(pattern) <= 1024
    assert parse(pattern)


def test_all_detections_together_fit_a_log_group() -> None:
    cloudwatch.check_log_group(LONGEST_DETECTIONS)


def test_the_detection_that_rootwatch_is_for_is_urgent_and_alarms_and_is_found() -> None:
    [one] = [one for one in DETECTIONS if one.name == "root_console_login_without_mfa"]

    assert (one.pack, one.level, one.priority) == (None, "critical", "high")
    assert one.evaluated_by == {"metric_filter", "importer"}


def test_the_importer_reads_back_what_the_catalog_holds() -> None:
    loaded = Ruleset.load(importer.document(DETECTIONS)).detections

    for one, read in zip(DETECTIONS, loaded, strict=True):
        assert (read.id, read.name, read.title) == (one.id, one.name, one.title)
        assert (read.description, read.severity) == (one.description, one.severity)
        assert (read.types, read.next_steps) == (one.types, one.next_steps)
        assert (read.priority, read.runbook) == (one.priority, f"detections/{one.runbook_path}")


def test_the_same_catalog_gives_the_same_document() -> None:
    assert importer.document(DETECTIONS) == importer.document(catalog.load())


@pytest.mark.parametrize("path", documentation.DOCUMENTS, ids=lambda path: path.name)
def test_the_table_in_the_documentation_is_the_catalogs(path: Any) -> None:
    assert path.read_text("utf-8") == documentation.renewed(path), "run `make docs`"


def differences(one: Any, other: Any) -> int:
    """How many leaves of two records differ; an object in place of something else is one."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return 0 if one == other else 1
    missing = object()
    return sum(
        differences(one.get(key, missing), other.get(key, missing))
        for key in (one.keys() | other.keys()) - {"eventID"}
    )


def rule_of(one: Detection) -> dict[str, Any]:
    [rule, *_] = yaml.safe_load_all((one.folder / "rule.yml").read_text("utf-8"))
    return dict(rule)

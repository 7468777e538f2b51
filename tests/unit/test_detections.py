"""What every detection owes, and that its three renderings say the same of every sample."""

import uuid
from pathlib import Path

import pytest

from detections import catalog, cloudwatch, importer
from detections.catalog import Detection, Sample
from functions.finding_importer import rules
from sandbox.filter_pattern import parse
from tests.unit.detection_catalogs import (
    importer_matches,
    metric_counts,
    subscription_delivers,
    write,
)

DETECTIONS = catalog.load()
SAMPLES = [(one, sample) for one in DETECTIONS for sample in catalog.samples(one.name)]

each_detection = pytest.mark.parametrize("one", DETECTIONS, ids=lambda one: one.name)
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
    delivered = subscription_delivers(DETECTIONS, sample.record)

    assert delivered or not sample.matches
    assert subscription_delivers([one], sample.record) or not sample.matches


@each_detection
def test_has_samples_that_match_and_samples_that_do_not(one: Detection) -> None:
    expectations = {sample.matches for sample in catalog.samples(one.name)}

    assert expectations == {True, False}


@each_detection
def test_every_sample_says_why(one: Detection) -> None:
    assert all(sample.why.strip() for sample in catalog.samples(one.name))


@each_detection
def test_no_two_samples_are_the_same_event(one: Detection) -> None:
    event_ids = [sample.record["eventID"] for sample in catalog.samples(one.name)]

    assert len(set(event_ids)) == len(event_ids)


@each_detection
def test_tells_people_what_it_is_and_what_to_do_next(one: Detection) -> None:
    texts = (one.title, one.description, *one.types, *one.next_steps)

    assert one.types
    assert one.next_steps
    assert all(text.strip() for text in texts)
    assert len(one.title) <= 256  # ASFF's Title
    assert len(one.description) <= 1024  # ASFF's Description
    assert uuid.UUID(one.id)


@each_detection
def test_its_pattern_fits_into_a_metric_filter(one: Detection) -> None:
    pattern = cloudwatch.metric_pattern(one)

    assert len(pattern) <= 1024
    assert parse(pattern)


def test_one_subscription_pattern_holds_all_detections() -> None:
    pattern = cloudwatch.subscription_pattern(DETECTIONS)

    assert len(pattern) <= 1024
    assert parse(pattern)


def test_ids_are_unique() -> None:
    ids = [one.id for one in DETECTIONS]

    assert ids
    assert len(set(ids)) == len(ids)


def test_the_importer_reads_back_what_the_catalog_holds() -> None:
    loaded = rules.load(importer.document(DETECTIONS))

    for one, read in zip(DETECTIONS, loaded, strict=True):
        assert (read.id, read.name, read.title) == (one.id, one.name, one.title)
        assert (read.description, read.severity) == (one.description, one.severity)
        assert (read.types, read.next_steps) == (one.types, one.next_steps)


def test_the_same_catalog_gives_the_same_document() -> None:
    assert importer.document(DETECTIONS) == importer.document(catalog.load())


def test_every_folder_with_a_rule_is_a_detection_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, "second")
    write(tmp_path, "first")
    (tmp_path / "no_detection").mkdir()

    assert [one.name for one in catalog.load(tmp_path)] == ["first", "second"]


@pytest.mark.parametrize("level", ["informational", "low", "medium", "high", "critical"])
def test_sigmas_level_is_the_findings_severity(tmp_path: Path, level: str) -> None:
    one = catalog.load_detection(write(tmp_path, "one", level=level))

    assert one.severity == level.upper()


def test_a_rule_without_a_description_is_described_by_its_title(tmp_path: Path) -> None:
    one = catalog.load_detection(write(tmp_path, "one", title="Only a title", description=None))

    assert one.description == "Only a title"

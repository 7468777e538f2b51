"""What every detection must have, and that its renderings agree with every sample."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from compiler import catalog, cloudwatch
from compiler import predicate as importer
from compiler.conditions import FieldEquals, StringPattern
from compiler.detection import Compliance, Detection
from compiler.errors import SelectionError
from compiler.samples import Sample, read_samples
from config.loader import load
from config.settings import DetectionChoice, DetectionOverride, Settings
from docs import generate as documentation
from functions.finding_importer.matching.rules import Ruleset
from sandbox.logs.filter_pattern import parse
from tests.unit.compiler.evaluation import (
    SHIPPED,
    importer_matches,
    metric_filter_matches,
    subscription_matches,
    write,
)

DETECTIONS = SHIPPED
SAMPLES = {one.name: read_samples(one.folder) for one in DETECTIONS}
PAIRS = [(one, sample) for one in DETECTIONS for sample in SAMPLES[one.name]]
IMPORTED = [one for one in DETECTIONS if "importer" in one.evaluated_by]
# The names that make the patterns as long as possible.
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


def contradicted(
    judge: Callable[[Detection, dict[str, Any]], bool], pairs: Iterable[tuple[Detection, Sample]]
) -> list[str]:
    """The samples of which a rendering does not say what they expect, with their reasons."""
    return [
        f"{one.name}: {sample.name}: {sample.why}"
        for one, sample in pairs
        if judge(one, sample.record) is not sample.matches
    ]


def test_the_metric_filter_agrees_with_every_sample() -> None:
    assert contradicted(metric_filter_matches, PAIRS) == []


def test_the_importer_agrees_with_every_sample() -> None:
    assert contradicted(lambda one, record: importer_matches([one], record), PAIRS) == []


def test_the_subscription_matches_every_matching_sample() -> None:
    for one, sample in PAIRS:
        if sample.matches:
            assert subscription_matches([one], sample.record), f"{one.name}: {sample.name}"
            if one in IMPORTED:
                assert subscription_matches(IMPORTED, sample.record), f"{one.name}: {sample.name}"


def test_a_prescribed_pattern_counts_what_its_rule_matches() -> None:
    """For every sample of the same pack, beside the samples of the detection."""
    for one in DETECTIONS:
        from_the_rule = replace(one, metric_filter_pattern=None)
        for other, sample in PAIRS:
            if other.pack == one.pack:
                counted = metric_filter_matches(one, sample.record)
                expected = metric_filter_matches(from_the_rule, sample.record)
                assert counted is expected, f"{one.name}: {other.name}: {sample.name}"


def test_every_detection_has_three_samples_that_match_and_five_that_do_not() -> None:
    for name, samples in SAMPLES.items():
        counts = Counter(sample.matches for sample in samples)
        assert counts[True] >= 3, name
        assert counts[False] >= 5, name


def test_five_samples_differ_from_a_match_in_one_field_only() -> None:
    for name, samples in SAMPLES.items():
        matching = [sample.record for sample in samples if sample.matches]
        near = [
            sample.name
            for sample in samples
            if not sample.matches
            and any(differences(sample.record, record) == 1 for record in matching)
        ]
        assert len(near) >= 5, f"{name}: {near}"


def test_every_sample_is_a_complete_record() -> None:
    required = {
        "eventVersion",
        "userIdentity",
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
    }
    for one, sample in PAIRS:
        place, record = f"{one.name}: {sample.name}", sample.record
        assert required <= record.keys(), place
        assert uuid.UUID(record["eventID"]), place
        assert re.fullmatch(r"[0-9]{12}", record["recipientAccountId"]), place
        assert isinstance(record["eventVersion"], str), place
        assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", record["eventTime"]), place


def test_no_two_samples_are_the_same_event() -> None:
    counts = Counter(sample.record["eventID"] for _, sample in PAIRS)

    assert [event_id for event_id, count in counts.items() if count > 1] == []


def test_every_detection_has_texts_for_its_alarm_and_its_finding() -> None:
    for one in DETECTIONS:
        texts = (one.title, one.description, *one.types, *one.next_steps)
        assert one.types, one.name
        assert one.next_steps, one.name
        assert all(text.strip() for text in texts), one.name
        assert len(one.title) <= 256, one.name  # ASFF's Title
        # Of an alarm's description, with room for what is appended to it.
        assert len(f"{one.title} {one.description}") <= 900, one.name
        assert uuid.UUID(one.id).version == 4, one.name


def test_every_rule_has_the_fields_that_sigma_recommends() -> None:
    for one in DETECTIONS:
        rule = rule_of(one)
        assert rule["status"] in {"stable", "test", "experimental"}, one.name
        assert rule["references"], one.name
        assert all(url.startswith("https://") for url in rule["references"]), one.name
        assert rule["falsepositives"], one.name
        assert any(re.fullmatch(r"attack\.[a-z-]+", tag) for tag in one.tags), one.name  # a tactic
        techniques = [
            tag for tag in one.tags if re.fullmatch(r"attack\.t[0-9]{4}(\.[0-9]{3})?", tag)
        ]
        assert techniques, one.name


def test_every_rule_has_the_keys_that_sigma_does_not_define() -> None:
    required = {"evaluated_by", "priority", "types", "compliance", "next_steps"}
    for one in DETECTIONS:
        assert required <= rule_of(one)["rootwatch"].keys(), one.name


def test_every_runbook_has_the_sections_in_order() -> None:
    for one in DETECTIONS:
        runbook = (one.folder / "runbook.md").read_text("utf-8")
        sections = re.split(r"^## (.+)\n", runbook, flags=re.MULTILINE)
        assert sections[0].strip() == f"# {one.title}", one.name
        assert sections[1::2] == RUNBOOK, one.name
        assert all(text.strip() for text in sections[2::2]), one.name


def test_no_rule_contains_the_names_of_one_deployment() -> None:
    """Names and account IDs come from the configuration, by placeholders."""
    for one in DETECTIONS:
        rule = json.dumps(rule_of(one)["detection"])
        assert re.search(r"[0-9]{12}|rootwatch", rule) is None, one.name


def test_every_pattern_fits_a_metric_filter() -> None:
    for one in LONGEST_DETECTIONS:
        pattern = cloudwatch.metric_pattern(one)
        assert len(pattern) <= 1024, one.name
        assert parse(pattern), one.name


def test_one_subscription_pattern_covers_all_detections_of_the_importer() -> None:
    longest = [one for one in LONGEST_DETECTIONS if "importer" in one.evaluated_by]
    pattern = cloudwatch.subscription_pattern(longest)

    assert 0 < len(pattern) <= 1024
    assert parse(pattern)


def test_all_detections_together_fit_a_log_group() -> None:
    cloudwatch.check_log_group(LONGEST_DETECTIONS)


def test_the_root_sign_in_without_mfa_is_critical_with_alarm_finding_and_notification() -> None:
    [one] = [one for one in DETECTIONS if one.name == "root_console_login_without_mfa"]

    assert (one.pack, one.level, one.priority) == (None, "critical", "high")
    assert one.evaluated_by == {"metric_filter", "importer"}


def test_the_importer_reads_back_what_the_catalog_holds() -> None:
    loaded = Ruleset.load(importer.document(DETECTIONS)).detections

    for one, read in zip(DETECTIONS, loaded, strict=True):
        assert (read.id, read.name, read.title) == (one.id, one.name, one.title)
        assert (read.description, read.severity) == (one.description, one.severity), one.name
        assert (read.types, read.next_steps) == (one.types, one.next_steps), one.name
        expected = (one.priority, f"detections/{one.runbook_path}")
        assert (read.priority, read.runbook) == expected, one.name


def test_the_same_catalog_gives_the_same_document() -> None:
    document = importer.document(DETECTIONS)

    assert document == importer.document(catalog.load())
    assert document == json.dumps(json.loads(document), indent=1, sort_keys=True).encode()


@pytest.mark.parametrize("page", documentation.PAGES, ids=lambda page: page.name)
def test_the_generated_part_of_a_page_is_current(page: Path) -> None:
    expected = documentation.updated(page, documentation.PAGES[page]())

    assert page.read_text("utf-8") == expected, "run `make docs`"


def test_a_page_without_marks_is_rejected(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{documentation.END}\n{documentation.BEGIN}\n", "utf-8")

    with pytest.raises(ValueError, match="got no marks, expected the lines"):
        documentation.updated(page, "table")


def test_versions_with_the_same_controls_are_ranges() -> None:
    """Versions without an entry in the catalog break a range only if another detection has them."""

    def entries(*versions: str, controls: str, framework: str = "CIS") -> tuple[Compliance, ...]:
        return tuple(
            Compliance(framework=framework, version=version, controls=(controls, "x"))
            for version in versions
        )

    one = replace(
        DETECTIONS[0],
        compliance=(
            *entries("10.0.0", "1.0.0", "2.0.0", "1.10.0", "1.2.0", controls="4.5"),
            *entries("3.0.0", "4.0.0", controls="5.5"),
            *entries("Rev. 5", controls="AU-9", framework="NIST"),
        ),
    )
    other = replace(DETECTIONS[1], compliance=entries("1.0.0", "2.0.0", "5.0.0", controls="1"))
    table = documentation.full_catalog([one, other])

    assert (
        f"| `{one.name}` | CIS | 1.0.0 to 2.0.0: 4.5, x; 3.0.0, 4.0.0: 5.5, x; 10.0.0: 4.5, x |"
        in table
    )
    assert f"| `{one.name}` | NIST | Rev. 5: AU-9, x |" in table
    assert f"| `{other.name}` | CIS | 1.0.0, 2.0.0, 5.0.0: 1, x |" in table


def differences(one: Any, other: Any) -> int:
    """The number of leaves that differ; an object in place of another value counts as one."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return 0 if one == other else 1
    absent = object()
    return sum(
        differences(one.get(key, absent), other.get(key, absent))
        for key in (one.keys() | other.keys()) - {"eventID"}
    )


def rule_of(one: Detection) -> dict[str, Any]:
    [rule, *_] = yaml.safe_load_all((one.folder / "rule.yml").read_text("utf-8"))
    return dict(rule)


MINIMAL = load(Path(config.__file__).parent / "minimal.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalog of two detections and a pack of one."""
    names = {"event": {"requestParameters.name|expand|cased": "%name_prefix%"}}
    write(tmp_path, "first", detection={**names, "condition": "event"})
    write(tmp_path, "second", id="2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e02")
    write(tmp_path / "a_pack", "third", id="2f6b4a55-1a0e-4a3c-9d2b-6f2f3c6a7e03")
    return tmp_path


def choice(*overrides: DetectionOverride, packs: tuple[str, ...] = ()) -> Settings:
    return replace(MINIMAL, detections=DetectionChoice(packs=packs, overrides=overrides))


def override(
    detection: str, *, enabled: bool = True, level: str | None = None, priority: str | None = None
) -> DetectionOverride:
    return DetectionOverride(detection=detection, enabled=enabled, level=level, priority=priority)


def test_all_detections_except_packs_are_enabled_by_default(folder: Path) -> None:
    assert [one.name for one in catalog.enabled(choice(), folder)] == ["first", "second"]


def test_a_pack_is_enabled_by_its_name(folder: Path) -> None:
    enabled = catalog.enabled(choice(packs=("a_pack",)), folder)

    assert [one.name for one in enabled] == ["first", "second", "third"]


def test_a_detection_is_disabled_by_its_name_also_in_a_pack(folder: Path) -> None:
    off = (override("first", enabled=False), override("third", enabled=False))
    enabled = catalog.enabled(choice(*off, packs=("a_pack",)), folder)

    assert [one.name for one in enabled] == ["second"]


def test_level_and_priority_are_overridden_independently(folder: Path) -> None:
    changes = (override("first", level="low"), override("second", priority="low"))
    first, second = catalog.enabled(choice(*changes), folder)

    assert (first.level, first.severity, first.priority) == ("low", "LOW", "high")
    assert (second.level, second.priority) == ("high", "low")


def test_rules_contain_the_names_of_the_configuration(folder: Path) -> None:
    settings = replace(choice(), name_prefix="ours")
    first, _ = catalog.enabled(settings, folder)

    assert first.condition == FieldEquals("requestParameters.name", (StringPattern(("ours",)),))


@pytest.mark.parametrize(
    ("settings", "key", "reason"),
    [
        (
            choice(packs=("a_pak",)),
            "detections.packs",
            "a_pak, expected a name in the catalog: did you mean a_pack?",
        ),
        (choice(packs=("xyz",)), "detections.packs", "xyz, expected a name in the catalog: a_pack"),
        (
            choice(override("frst")),
            "detections.overrides",
            "frst, expected a name in the catalog: did you mean first?",
        ),
    ],
)
def test_an_unknown_name_is_rejected_with_the_known_ones(
    folder: Path, settings: Settings, key: str, reason: str
) -> None:
    with pytest.raises(SelectionError) as rejected:
        catalog.enabled(settings, folder)

    assert rejected.value.key == key
    assert rejected.value.reason == f"got {reason}"


def test_the_complete_example_enables_its_pack_and_overrides() -> None:
    settings = load(Path(config.__file__).parent / "complete.yaml")
    enabled = {one.name: one for one in catalog.enabled(settings)}
    [changed] = settings.detections.overrides

    assert any(one.pack == "cis_aws_foundations" for one in enabled.values())
    assert enabled[changed.detection].level == changed.level
    assert enabled[changed.detection].priority == changed.priority

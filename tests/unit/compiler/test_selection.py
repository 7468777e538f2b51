"""The detections that a configuration enables, and its overrides."""

from dataclasses import replace
from pathlib import Path

import pytest

import config
from compiler import selection
from compiler.conditions import FieldEquals, StringPattern
from compiler.errors import SelectionError
from config.loader import load
from config.settings import DetectionChoice, DetectionOverride, Settings
from tests.unit.compiler.catalogs import write

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
    assert [one.name for one in selection.enabled(choice(), folder)] == ["first", "second"]


def test_a_pack_is_enabled_by_its_name(folder: Path) -> None:
    enabled = selection.enabled(choice(packs=("a_pack",)), folder)

    assert [one.name for one in enabled] == ["first", "second", "third"]


def test_a_detection_is_disabled_by_its_name_also_in_a_pack(folder: Path) -> None:
    off = (override("first", enabled=False), override("third", enabled=False))
    enabled = selection.enabled(choice(*off, packs=("a_pack",)), folder)

    assert [one.name for one in enabled] == ["second"]


def test_level_and_priority_are_overridden_independently(folder: Path) -> None:
    changes = (override("first", level="low"), override("second", priority="low"))
    first, second = selection.enabled(choice(*changes), folder)

    assert (first.level, first.severity, first.priority) == ("low", "LOW", "high")
    assert (second.level, second.priority) == ("high", "low")


def test_rules_contain_the_names_of_the_configuration(folder: Path) -> None:
    settings = replace(choice(), name_prefix="ours")
    first, _ = selection.enabled(settings, folder)

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
        selection.enabled(settings, folder)

    assert rejected.value.key == key
    assert rejected.value.reason == f"got {reason}"


def test_the_complete_example_enables_its_pack_and_overrides() -> None:
    settings = load(Path(config.__file__).parent / "complete.yaml")
    enabled = {one.name: one for one in selection.enabled(settings)}
    [changed] = settings.detections.overrides

    assert any(one.pack == "cis_aws_foundations" for one in enabled.values())
    assert enabled[changed.detection].level == changed.level
    assert enabled[changed.detection].priority == changed.priority

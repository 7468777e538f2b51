"""The catalog's tables in the documentation; `python -m docs.generate` renews them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from compiler import catalog
from compiler.detection import Detection

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- The catalog, written by `make docs` -->"
LEVELS = ("informational", "low", "medium", "high", "critical")
END = "<!-- The catalog ends -->"


def brief_table(detections: Sequence[Detection], base: str) -> str:
    """`base` is the way from the document to the project's folder, like `../`."""
    return _table(
        ("detection", "level", "told as", "by"),
        (
            (_link(one, base), one.level, f"{one.priority} priority", _told_by(one))
            for one in detections
        ),
    )


def full_table(detections: Sequence[Detection], base: str) -> str:
    return _table(
        ("name", "detection", "pack", "level", "told as", "by", "alarm at", "ATT&CK", "compliance"),
        (
            (
                f"`{one.name}`",
                _link(one, base),
                f"`{one.pack}`" if one.pack else "",
                one.level,
                f"{one.priority} priority",
                _told_by(one),
                _alarm_at(one),
                ", ".join(_techniques(one)),
                "; ".join(_compliance(one)),
            )
            for one in detections
        ),
    )


DOCUMENTS: dict[Path, tuple[Callable[[Sequence[Detection], str], str], str]] = {
    ROOT / "README.md": (brief_table, ""),
    ROOT / "docs" / "detections.md": (full_table, "../"),
}


def renewed(path: Path) -> str:
    """The document with its table as the catalog has it now; ValueError where a mark is missing."""
    table, base = DOCUMENTS[path]
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path}: the table stands between the lines {BEGIN} and {END}")
    detections = sorted(catalog.load(), key=_gravity)
    return f"{before}{BEGIN}\n\n{table(detections, base)}\n\n{END}{after}"


def main() -> None:
    for path in DOCUMENTS:
        path.write_text(renewed(path), encoding="utf-8")


def _gravity(detection: Detection) -> tuple[str, int]:
    """The gravest first, packs after the others."""
    return detection.pack or "", -LEVELS.index(detection.level)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _link(detection: Detection, base: str) -> str:
    folder = detection.folder.relative_to(ROOT).as_posix()
    return f"[{detection.title}]({base}{folder}/runbook.md)"


def _told_by(detection: Detection) -> str:
    means = {"metric_filter": "alarm", "importer": "finding and notification"}
    return ", ".join(means[one] for one in means if one in detection.evaluated_by)


def _alarm_at(detection: Detection) -> str:
    threshold = detection.threshold
    if "metric_filter" not in detection.evaluated_by:
        return ""
    return f"{threshold.count} in {threshold.seconds // 60} min"


def _techniques(detection: Detection) -> Iterable[str]:
    tags = (tag.removeprefix("attack.") for tag in detection.tags if tag.startswith("attack."))
    return (tag.upper() for tag in tags if tag[1:2].isdigit())


def _compliance(detection: Detection) -> Iterable[str]:
    return (
        f"{entry.framework} {entry.version}: {', '.join(entry.controls)}"
        for entry in detection.compliance
    )


if __name__ == "__main__":
    main()

"""What Lambda's Python runtime itself brings: a folder with links to these packages, no others."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")


def link_runtime(folder: Path) -> Path:
    folder.mkdir()
    for name in _closure(RUNTIME_DISTRIBUTIONS):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {".."}
        for top in tops:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def _closure(names: tuple[str, ...]) -> set[str]:
    """The distributions and all that they require, extras aside."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        required = metadata.requires(name) or ()
        waiting.extend(_distribution_name(item) for item in required if "extra ==" not in item)
    return found


def _distribution_name(requirement: str) -> str:
    end = next(
        (index for index, letter in enumerate(requirement) if letter in " ;<>=!~[("),
        len(requirement),
    )
    return requirement[:end].lower()
